/*
 * HTTP by libcurl's multi interface: curl says which sockets it waits for and
 * until when, libevent waits.  For kv_etcd.
 *
 * curl must not be called from its own callbacks, but who is called by us may
 * cancel or free everything.  So what comes is only stored by curl's
 * callbacks; one line or one end at a time is told by an event of our own,
 * that touches nothing after it has called.
 */
#include "policyd/kv/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

/* Of a connection's beginning. */
#define CONNECT_MS 3000
/* A connection on which nothing comes is asked after 10 s, then each 5 s. */
#define KEEPALIVE_IDLE_S 10
#define KEEPALIVE_INTERVAL_S 5
/* What is read at once of answers by gRPC, which are long. */
#define GRPC_BUFFER (256 * 1024)

TAILQ_HEAD(call_list, http_call);

struct http {
    struct event_base *base;
    CURLM *multi;
    struct event *timer; /* curl's */
    struct event *tell;  /* there are calls with something to tell */
    char *ca_file, *cert_file, *key_file;
    struct call_list calls, telling;
};

struct http_call {
    TAILQ_ENTRY(http_call) link, tell_link;
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    struct http_notify notify;
    char *body;
    size_t size, at; /* of the body; how much curl has taken */
    bool sent;
    bool grpc;
    int grpc_status;
    size_t answer_max;
    bool too_large;
    char *data; /* of the answer, as far as it has not been told */
    size_t n_data, room;
    size_t told, searched; /* in data: told until; no end of line until */
    size_t line_at;        /* where the last line begins that came */
    bool in_tell_list;
    bool ended;
    CURLcode result;
    char words[CURL_ERROR_SIZE];
};

/* A socket that curl waits for. */
struct http_socket {
    struct http *http;
    struct event *event;
};

/* ---- telling ---- */

static void want_tell(struct http_call *call)
{
    struct http *http = call->http;

    if (call->in_tell_list)
        return;
    call->in_tell_list = true;
    TAILQ_INSERT_TAIL(&http->telling, call, tell_link);
    event_active(http->tell, 0, 0);
}

static void call_free(struct http_call *call)
{
    struct http *http = call->http;

    TAILQ_REMOVE(&http->calls, call, link);
    if (call->in_tell_list)
        TAILQ_REMOVE(&http->telling, call, tell_link);
    if (call->easy) {
        curl_multi_remove_handle(http->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    curl_slist_free_all(call->headers);
    free(call->body);
    free(call->data);
    free(call);
}

static int result_code(CURLcode result)
{
    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return VDC_E_NO_DAEMON;
    case CURLE_OPERATION_TIMEDOUT:
        return VDC_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
        return VDC_E_DENIED;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_CONTENT_ENCODING:
        return VDC_E_PROTOCOL;
    default: /* an enum of curl's */
        return VDC_E_CLOSED;
    }
}

static void set_result(const struct http_call *call, struct vdc_error *err)
{
    err->code = 0;
    if (call->too_large)
        vdc_error_set(err, VDC_E_BAD_VALUE, "an answer of more than %zu bytes",
                      call->answer_max);
    else if (call->result == CURLE_SEND_FAIL_REWIND)
        vdc_error_set(err, VDC_E_CLOSED, "the connection was closed");
    else if (call->result != CURLE_OK)
        vdc_error_set(err, result_code(call->result), "%s",
                      call->words[0] ? call->words
                                     : curl_easy_strerror(call->result));
}

/* The last: touches nothing after the callback. */
static void tell_end(struct http_call *call)
{
    struct http_notify notify = call->notify;
    struct http_answer answer = { .sent = call->sent,
                                  .grpc_status = call->grpc_status,
                                  .body = "" };
    struct vdc_error err;
    long status = 0;
    char *data = NULL;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    set_result(call, &err);
    if (call->n_data > call->told) {
        data = call->data;
        call->data = NULL;
        answer.body = data + call->told;
        answer.size = call->n_data - call->told;
    }
    call_free(call);
    notify.done(notify.arg, &answer, &err);
    free(data);
}

static bool has_lines(const struct http_call *call)
{
    long status = 0;

    if (!call->notify.line)
        return false;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

/* The next line that is whole; NULL when there is none. */
static char *next_line(struct http_call *call, size_t *ret_size)
{
    if (!has_lines(call) || call->searched == call->n_data)
        return NULL;
    char *end = memchr(call->data + call->searched, '\n',
                       call->n_data - call->searched);
    if (!end) {
        call->searched = call->n_data;
        return NULL;
    }
    char *line = call->data + call->told;
    size_t size = (size_t)(end - line);
    call->told = call->searched = (size_t)(end - call->data) + 1;
    *end = '\0';
    *ret_size = size;
    return line;
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    struct http_call *call = TAILQ_FIRST(&http->telling);
    size_t size;

    if (!call)
        return;
    char *line = next_line(call, &size);
    if (!line) {
        TAILQ_REMOVE(&http->telling, call, tell_link);
        call->in_tell_list = false;
    }
    if (!TAILQ_EMPTY(&http->telling))
        event_active(http->tell, 0, 0);
    if (line)
        call->notify.line(call->notify.arg, line, size);
    else if (call->ended)
        tell_end(call);
}

/* ---- what curl calls ---- */

static size_t give_body(char *to, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    size_t give = call->size - call->at;

    if (give > size * n)
        give = size * n;
    memcpy(to, call->body + call->at, give);
    call->at += give;
    call->sent = true;
    return give;
}

/* curl wants to send the request again over another connection: see the
 * head of http.h. */
static int refuse_again(void *arg, curl_off_t offset, int origin)
{
    struct http_call *call = arg;

    if (call->at == 0 && offset == 0 && origin == SEEK_SET)
        return CURL_SEEKFUNC_OK;
    return CURL_SEEKFUNC_FAIL;
}

/* Room for `more` bytes and a 0.  What has been told goes. */
static void make_room(struct http_call *call, size_t more)
{
    if (call->told) {
        memmove(call->data, call->data + call->told,
                call->n_data - call->told);
        call->n_data -= call->told;
        call->searched -= call->told;
        call->line_at -= call->told;
        call->told = 0;
    }
    if (call->n_data + more < call->room)
        return;
    size_t room = call->room ? call->room : 1024;
    while (room <= call->n_data + more)
        room *= 2;
    call->data = xrealloc(call->data, room);
    call->room = room;
}

/* Of what has come as the last `size` bytes.  Of a stream a line may be too
 * large, not all of them. */
static bool is_too_large(struct http_call *call, size_t size)
{
    const char *end = call->data + call->n_data, *from = end - size, *eol;

    if (!has_lines(call))
        return call->n_data > call->answer_max;
    while ((eol = memchr(from, '\n', (size_t)(end - from)))) {
        if ((size_t)(eol - call->data) - call->line_at > call->answer_max)
            return true;
        from = eol + 1;
        call->line_at = (size_t)(from - call->data);
    }
    return call->n_data - call->line_at > call->answer_max;
}

static size_t take_answer(char *from, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;

    make_room(call, size * n);
    memcpy(call->data + call->n_data, from, size * n);
    call->n_data += size * n;
    call->data[call->n_data] = '\0';
    if (is_too_large(call, size * n)) {
        call->too_large = true;
        return 0;
    }
    if (has_lines(call))
        want_tell(call);
    return size * n;
}

/* Also what comes behind an answer by gRPC: "grpc-status: 0". */
static size_t take_header(char *from, size_t size, size_t n, void *arg)
{
    static const char name[] = "grpc-status:";
    struct http_call *call = arg;
    size_t len = size * n;
    char line[32] = "", *end;

    if (len < sizeof(line))
        memcpy(line, from, len);
    if (strncasecmp(line, name, strlen(name)) == 0) {
        const char *digits = line + strlen(name);
        long status = strtol(digits, &end, 10);
        bool good = end != digits && !end[strspn(end, " \r\n")];
        call->grpc_status = good && status == (int)status ? (int)status : -1;
    }
    return len;
}

/* Our children shall not have our connections. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

static void take_ended(struct http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct http_call *call;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                          (char **)&call);
        call->ended = true;
        call->result = message->data.result;
        want_tell(call);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    int n;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &n);
    take_ended(http);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
               (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int n;

    curl_multi_socket_action(http->multi, fd, bits, &n);
    take_ended(http);
}

static int want_time(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *http = arg;
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

    if (timeout_ms < 0)
        event_del(http->timer);
    else
        event_add(http->timer, &tv);
    return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
                       void *socket_arg)
{
    struct http *http = arg;
    struct http_socket *s = socket_arg;

    if (what == CURL_POLL_REMOVE) {
        if (s)
            event_free(s->event);
        free(s);
        return 0;
    }
    short events = EV_PERSIST;
    if (what & CURL_POLL_IN)
        events |= EV_READ;
    if (what & CURL_POLL_OUT)
        events |= EV_WRITE;
    if (!s) {
        s = XNEW(struct http_socket);
        curl_multi_assign(http->multi, fd, s);
    } else {
        event_free(s->event);
    }
    s->event = event_new(http->base, fd, events, on_socket, http);
    event_add(s->event, NULL);
    return 0;
}

/* ---- calls ---- */

static void set_connection(struct http_call *call, CURL *easy)
{
    struct http *http = call->http;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                     CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Nobody waits for the thread that looks up a name. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    if (http->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    if (http->cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, http->cert_file);
    if (http->key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, http->key_file);
}

/* By callback even when the body is small: curl would send a body of which it
 * has the address a second time by itself. */
static void set_body(struct http_call *call, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)call->size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, refuse_again);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
}

static void set_grpc(struct http_call *call, CURL *easy, const char *url)
{
    bool tls = strncmp(url, "https:", 6) == 0;

    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     tls ? CURL_HTTP_VERSION_2TLS
                         : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)GRPC_BUFFER);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static void set_headers(struct http_call *call, const char *authorization)
{
    const char *type = call->grpc ? "Content-Type: application/grpc"
                                  : "Content-Type: application/json";

    call->headers = curl_slist_append(NULL, type);
    if (call->grpc)
        call->headers = curl_slist_append(call->headers, "TE: trailers");
    /* No waiting for "100 Continue" before a long body. */
    call->headers = curl_slist_append(call->headers, "Expect:");
    if (authorization) {
        char *header = xasprintf("Authorization: %s", authorization);
        call->headers = curl_slist_append(call->headers, header);
        free(header);
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

struct http_call *http_post(struct http *http,
                            const struct http_request *request,
                            const struct http_notify *notify)
{
    struct http_call *call = XNEW(struct http_call);

    call->http = http;
    call->notify = *notify;
    call->size = request->size;
    call->body = xzalloc(request->size + 1);
    memcpy(call->body, request->body, request->size);
    call->grpc = request->grpc;
    call->grpc_status = -1;
    call->answer_max = request->answer_max;
    call->easy = curl_easy_init();
    if (!call->easy)
        abort();
    TAILQ_INSERT_TAIL(&http->calls, call, link);
    set_connection(call, call->easy);
    set_body(call, call->easy);
    if (call->grpc)
        set_grpc(call, call->easy, request->url);
    set_headers(call, request->authorization);
    curl_easy_setopt(call->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS,
                     (long)request->timeout_ms);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->words);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    CURLMcode code = curl_multi_add_handle(http->multi, call->easy);
    assert(code == CURLM_OK);
    (void)code;
    return call;
}

void http_cancel(struct http_call *call)
{
    if (call)
        call_free(call);
}

/* ---- all of it ---- */

static int copy_file(const char *path, char **ret, struct vdc_error *err)
{
    if (!path || !path[0])
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s", path);
    close(fd);
    *ret = xstrdup(path);
    return 0;
}

int http_new(struct event_base *base, const struct http_tls *tls,
             struct http **ret, struct vdc_error *err)
{
    static const struct http_tls no_files;

    if (!tls)
        tls = &no_files;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return vdc_error_set(err, VDC_E_INTERNAL, "libcurl does not start");
    struct http *http = XNEW(struct http);
    http->base = base;
    TAILQ_INIT(&http->calls);
    TAILQ_INIT(&http->telling);
    int rc = copy_file(tls->ca_file, &http->ca_file, err);
    if (!rc)
        rc = copy_file(tls->cert_file, &http->cert_file, err);
    if (!rc)
        rc = copy_file(tls->key_file, &http->key_file, err);
    if (rc) {
        http_free(http);
        return rc;
    }
    http->multi = curl_multi_init();
    if (!http->multi)
        abort();
    http->timer = evtimer_new(base, on_timer, http);
    http->tell = event_new(base, -1, 0, on_tell, http);
    /* No request of JSON over the connection of one by gRPC. */
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    *ret = http;
    return 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (!TAILQ_EMPTY(&http->calls))
        call_free(TAILQ_FIRST(&http->calls));
    if (http->multi)
        curl_multi_cleanup(http->multi);
    if (http->timer)
        event_free(http->timer);
    if (http->tell)
        event_free(http->tell);
    free(http->ca_file);
    free(http->cert_file);
    free(http->key_file);
    free(http);
    curl_global_cleanup();
}
