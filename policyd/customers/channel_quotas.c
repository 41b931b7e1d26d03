/*
 * Tells hosts the quotas of channels; see channel_quotas.h.
 *
 * A round asks a host who has how many, page by page, computes its share of
 * each quota, and tells those that are others than it has.  A share that is
 * on its way counts as held, and so does that of a host that does not answer.
 */
#include "policyd/customers/channel_quotas.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/channel_rows.h"
#include "policyd/customers/channel_share.h"
#include "policyd/store/table.h"

#define TELL_PAGE 64 /* as the wire's list has */
#define WANTED_MS 2000

struct there {
    TAILQ_ENTRY(there) link;
    struct channel_quotas *quotas;
    char *host;
    struct channel_rows rows, news; /* news: of a round under way */
    bool busy;              /* a round is under way */
    bool again;             /* another is to follow it */
    bool telling;           /* it has asked all */
    size_t next;            /* row that it looks at next, then */
    bool failed;            /* the last did, which was logged */
};

/* Of a customer on all hosts. */
struct sum {
    char customer[NAMES_CUSTOMER_MAX + 1];
    uint64_t own;
    struct channel_share share;
};

struct channel_quotas {
    struct operations *ops;
    TAILQ_HEAD(, there) hosts;
    struct table by_host;
    void *sums; /* tsearch(3) tree */
};

/* ---- sums ---- */

static int compare_sum(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;

    return strcmp(x->customer, y->customer);
}

static struct sum *sum_find(const struct channel_quotas *quotas,
                            const char *customer)
{
    struct sum key = { .own = 0 };

    memccpy(key.customer, customer, '\0', sizeof(key.customer) - 1);
    struct sum *const *found = tfind(&key, &quotas->sums, compare_sum);
    return found ? *found : NULL;
}

static struct sum *sum_get(struct channel_quotas *quotas, const char *customer)
{
    struct sum *sum = sum_find(quotas, customer);

    if (sum)
        return sum;
    sum = XNEW(struct sum);
    memccpy(sum->customer, customer, '\0', sizeof(sum->customer) - 1);
    if (!tsearch(sum, &quotas->sums, compare_sum))
        abort(); /* no memory: as XNEW */
    return sum;
}

static struct channel_share share_of(const struct channel_row *row)
{
    uint64_t told = row->told > 0 ? (uint64_t)row->told : 0;
    struct channel_share share = {
        .used = row->within,
        .held = told > row->within ? told : row->within,
        .n_needing = row->guests || row->within || row->wanted,
        .n_wanting = row->wanted,
    };

    return share;
}

static bool is_nothing(const struct sum *sum)
{
    return !sum->own && !sum->share.used && !sum->share.held &&
           !sum->share.n_needing && !sum->share.n_wanting;
}

static void count_in(struct channel_quotas *quotas,
                     const struct channel_row *row)
{
    struct channel_share share = share_of(row);
    struct sum *sum = sum_get(quotas, row->customer);

    sum->own += row->own;
    sum->share.used += share.used;
    sum->share.held += share.held;
    sum->share.n_needing += share.n_needing;
    sum->share.n_wanting += share.n_wanting;
}

static void count_out(struct channel_quotas *quotas,
                      const struct channel_row *row)
{
    struct channel_share share = share_of(row);
    struct sum *sum = sum_get(quotas, row->customer);

    sum->own -= row->own;
    sum->share.used -= share.used;
    sum->share.held -= share.held;
    sum->share.n_needing -= share.n_needing;
    sum->share.n_wanting -= share.n_wanting;
    if (!is_nothing(sum))
        return;
    tdelete(sum, &quotas->sums, compare_sum);
    free(sum);
}

static void count_all(struct there *there, bool in)
{
    for (size_t i = 0; i < there->rows.n; i++)
        (in ? count_in : count_out)(there->quotas, &there->rows.all[i]);
}

uint64_t channel_quotas_used(const struct channel_quotas *quotas,
                             const char *customer)
{
    const struct sum *sum = sum_find(quotas, customer);

    return sum ? sum->own : 0;
}

/* ---- a round: asking ---- */

static void round_done(void *arg, const void *answer,
                       const struct vdc_error *err);

static bool is_of_host(const void *item, const void *key)
{
    const struct there *there = item;

    return strcmp(there->host, key) == 0;
}

/* Each report of a host looks for it, and there may be thousands. */
static struct there *there_find(const struct channel_quotas *quotas,
                                const char *host)
{
    return table_find(&quotas->by_host, table_hash_text(host, 0), is_of_host,
                      host);
}

static struct there *there_new(struct channel_quotas *quotas, const char *host)
{
    struct there *there = XNEW(struct there);

    there->quotas = quotas;
    there->host = xstrdup(host);
    TAILQ_INSERT_TAIL(&quotas->hosts, there, link);
    table_add(&quotas->by_host, table_hash_text(host, 0), there);
    return there;
}

/* What is under way when its host is removed finds nothing. */
struct asked {
    struct channel_quotas *quotas;
    char *host;
};

static void send_to(struct there *there,
                    const struct wire_channel_limits *limits)
{
    struct asked *asked = XNEW(struct asked);
    struct service *service;
    struct vdc_error err = { 0 };

    asked->quotas = there->quotas;
    asked->host = xstrdup(there->host);
    there->busy = true;
    int rc =
        hosts_service(there->quotas->ops->hosts, there->host, &service, &err);
    if (rc == 0)
        rc = service_ask(service, WIRE_MSG_channel_limits, limits, round_done,
                         NULL, asked, NULL, &err);
    if (rc == 0)
        return;
    there->busy = false;
    free(asked->host);
    free(asked);
}

static void ask_page(struct there *there)
{
    struct wire_channel_limits query;

    wire_init(&wire_struct_channel_limits, &query);
    if (there->news.n)
        query.after = there->news.all[there->news.n - 1].customer;
    send_to(there, &query);
}

/* A host says what it likes: its list has an end, and room here. */
static int check_page(const struct there *there,
                      const struct wire_channel_uses *uses,
                      struct vdc_error *err)
{
    const struct customer *c;
    size_t most = CHANNEL_ROWS_UNKNOWN_MAX;

    TAILQ_FOREACH(c, book_customers(there->quotas->ops->book), link)
    most++;
    return channel_rows_check(&there->news, uses, most, err);
}

static void take_page(struct there *there,
                      const struct wire_channel_uses *uses)
{
    /* until other hosts have given up what they do not need */
    uint64_t wanted_ms =
        4 * there->quotas->ops->setup->host_report_ms + WANTED_MS;

    for (uint32_t i = 0; i < uses->n_uses; i++) {
        const struct wire_channel_use *use = &uses->uses[i];
        const struct channel_row *before =
            channel_rows_find(&there->rows, use->customer);
        struct channel_row *row =
            channel_rows_get(&there->news, use->customer);
        row->own = use->channels;
        row->within = use->within;
        row->told = use->limit;
        row->refusing = use->wanted;
        row->at_ms = use->wanted ? clock_mono().ms
                     : before    ? before->at_ms
                                 : 0;
        row->wanted = row->at_ms && clock_mono().ms - row->at_ms < wanted_ms;
        row->quota = before && before->told == use->limit ? before->quota : -1;
    }
}

static void note_guests(struct there *there)
{
    const struct book *book = there->quotas->ops->book;
    const struct book_host *host = book_host(book, there->host);
    const struct assignment *a;

    if (!host)
        return;
    TAILQ_FOREACH(a, &host->assignments, link_there)
    {
        const struct customer *c = a->customer;
        if (c->quota.channels >= 0)
            channel_rows_get(&there->news, c->name)->guests = true;
        if (c->parent && c->parent->quota.channels >= 0)
            channel_rows_get(&there->news, c->parent->name)->guests = true;
    }
}

/* ---- telling ---- */

static int64_t wanted_share(const struct channel_quotas *quotas,
                            const struct customer *c,
                            const struct channel_row *row)
{
    const struct sum *sum = sum_find(quotas, c->name);
    struct channel_share others =
        sum ? sum->share : (struct channel_share){ .used = 0 };
    struct channel_share own = share_of(row);

    others.used -= own.used;
    others.held -= own.held;
    others.n_needing -= own.n_needing;
    others.n_wanting -= own.n_wanting;
    return (int64_t)channel_share((uint64_t)c->quota.channels, &others, &own);
}

/* From here until it answers both the old and the new share count. */
static void add_limit(struct there *there, struct channel_row *row,
                      int64_t limit, int64_t quota,
                      struct wire_channel_limits *ret)
{
    struct wire_channel_limit *told = &ret->limits[ret->n_limits++];

    wire_init(&wire_struct_channel_limit, told);
    told->customer = row->customer;
    told->limit = limit;
    told->quota = quota;
    count_out(there->quotas, row);
    if (limit > row->told)
        row->told = limit;
    row->quota = quota;
    count_in(there->quotas, row);
}

/* Of all quotas, before any is told, as a new row moves the others. */
static void note_quotas(struct there *there)
{
    const struct customer *c;

    TAILQ_FOREACH(c, book_customers(there->quotas->ops->book), link)
    if (c->quota.channels >= 0)
        channel_rows_get(&there->news, c->name);
}

/* Looks at one row, and adds what is to be told of it. */
static void look_at(struct there *there, struct channel_row *row,
                    struct wire_channel_limits *ret)
{
    const struct channel_quotas *quotas = there->quotas;
    const struct customer *c = book_customer(quotas->ops->book, row->customer);

    if (!c || c->quota.channels < 0) {
        if (row->told >= 0)
            add_limit(there, row, -1, -1, ret);
        return;
    }
    int64_t share = wanted_share(quotas, c, row);
    if (share != row->told || c->quota.channels != row->quota || row->refusing)
        add_limit(there, row, share, c->quota.channels, ret);
}

/* The next that are to be told; false: there are none. */
static bool tell_some(struct there *there)
{
    struct wire_channel_limit limits[TELL_PAGE];
    struct wire_channel_limits body;

    wire_init(&wire_struct_channel_limits, &body);
    body.limits = limits;
    while (there->next < there->rows.n && body.n_limits < TELL_PAGE)
        look_at(there, &there->rows.all[there->next++], &body);
    if (body.n_limits)
        send_to(there, &body);
    return body.n_limits;
}

/* What was told holds now. */
static void take_told(struct there *there,
                      const struct wire_channel_uses *uses)
{
    for (uint32_t i = 0; i < uses->n_uses; i++) {
        const struct wire_channel_use *use = &uses->uses[i];
        struct channel_row *row =
            channel_rows_find(&there->rows, use->customer);
        if (!row)
            continue;
        count_out(there->quotas, row);
        row->own = use->channels;
        row->within = use->within;
        row->told = use->limit;
        count_in(there->quotas, row);
    }
}

/* ---- rounds ---- */

static void begin(struct there *there)
{
    channel_rows_clear(&there->news);
    there->again = there->telling = false;
    there->next = 0;
    ask_page(there);
}

static void asked_all(struct there *there)
{
    note_guests(there);
    note_quotas(there);
    count_all(there, false);
    channel_rows_clear(&there->rows);
    there->rows = there->news;
    there->news = (struct channel_rows){ .n = 0 };
    count_all(there, true);
    there->telling = true;
}

static void failed(struct there *there, const struct vdc_error *err)
{
    if (!there->failed && err->code != VDC_E_CLOSED)
        log_write(err->code == VDC_E_PROTOCOL ? VDC_LOG_WARNING : VDC_LOG_INFO,
                  "host %s is not told the quotas of channels: %s",
                  there->host, err->text);
    there->failed = true;
    channel_rows_clear(&there->news);
}

static void go_on(struct there *there, const struct wire_channel_uses *uses)
{
    struct vdc_error err = { 0 };

    if (there->telling) {
        take_told(there, uses);
    } else if (check_page(there, uses, &err)) {
        failed(there, &err);
        return;
    } else {
        take_page(there, uses);
        if (uses->more) {
            ask_page(there);
            return;
        }
        asked_all(there);
    }
    there->failed = false;
    if (!tell_some(there) && there->again)
        begin(there);
}

static void round_done(void *arg, const void *answer,
                       const struct vdc_error *err)
{
    struct asked *asked = arg;
    struct there *there = there_find(asked->quotas, asked->host);

    free(asked->host);
    free(asked);
    if (!there)
        return;
    there->busy = false;
    if (err)
        failed(there, err);
    else
        go_on(there, answer);
}

void channel_quotas_look(struct channel_quotas *quotas, const char *host)
{
    struct there *there = there_find(quotas, host);

    if (!there)
        there = there_new(quotas, host);
    if (there->busy)
        there->again = true;
    else
        begin(there);
}

void channel_quotas_changed(struct channel_quotas *quotas)
{
    const struct host *host;

    for (host = hosts_first(quotas->ops->hosts); host; host = hosts_next(host))
        if (host->up)
            channel_quotas_look(quotas, host->name);
}

static void there_free(struct there *there)
{
    count_all(there, false);
    TAILQ_REMOVE(&there->quotas->hosts, there, link);
    table_remove(&there->quotas->by_host, table_hash_text(there->host, 0),
                 there);
    channel_rows_clear(&there->rows);
    channel_rows_clear(&there->news);
    free(there->host);
    free(there);
}

void channel_quotas_forget(struct channel_quotas *quotas, const char *host)
{
    struct there *there = there_find(quotas, host);

    if (there)
        there_free(there);
}

struct channel_quotas *channel_quotas_new(struct operations *ops)
{
    struct channel_quotas *quotas = XNEW(struct channel_quotas);

    quotas->ops = ops;
    TAILQ_INIT(&quotas->hosts);
    return quotas;
}

void channel_quotas_free(struct channel_quotas *quotas)
{
    if (!quotas)
        return;
    while (!TAILQ_EMPTY(&quotas->hosts))
        there_free(TAILQ_FIRST(&quotas->hosts));
    table_fini(&quotas->by_host);
    free(quotas);
}
