/* Tests of policyd/kv/kv_etcd_grpc.c and of kv_etcd_read.c: pages by gRPC, and
 * what comes of a server that has it not, or not well. */
#include "policyd/kv/kv_etcd_grpc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/policyd/etcd_fake.h"
#include "tests/unit/policyd/fake_http.h"
#include "tests/unit/policyd/grpc_page.h"
#include "tests/unit/unit.h"

/* ---- what is sent ---- */

static void check_range(const struct etcd_rest *rest, const char *want,
                        size_t size)
{
    struct arena *arena = arena_new();
    size_t got;
    const uint8_t *body = etcd_grpc_range(rest, arena, &got);

    CU_ASSERT_EQUAL_FATAL(got, size);
    CU_ASSERT_EQUAL(memcmp(body, want, size), 0);
    arena_free(arena);
}

#define CHECK_RANGE(rest, want) check_range(rest, want, sizeof(want) - 1)

static void requests(void)
{
    const struct etcd_rest some = { "/t/", "a", "ab", 300, 5 };
    const struct etcd_rest all = { "", "", "x", 0, 0 };
    const struct etcd_rest late = { "", "~", "~", 1, UINT64_MAX };

    CHECK_RANGE(&some, "\0\0\0\0\x13" /* 19 bytes */
                       "\x0a\x06/t/ab\0"
                       "\x12\x04/t/b"
                       "\x18\xac\x02"
                       "\x20\x05");
    CHECK_RANGE(&all, "\0\0\0\0\x07"
                      "\x0a\x02x\0"
                      "\x12\x01\0");
    CHECK_RANGE(&late, "\0\0\0\0\x14"
                       "\x0a\x02~\0"
                       "\x12\x01\x7f"
                       "\x18\x01"
                       "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

/* ---- what comes ---- */

static const char *const two[] = { "/t/l", "/t/mn" };

static bool take(const struct grpc_page *page, struct arena *arena,
                 struct etcd_page *ret)
{
    /* of its own, so that reading behind it is noticed */
    char *copy = arena_memdup(arena, page->bytes, page->size);

    return etcd_grpc_page(copy, page->size, "/t/", arena, ret);
}

static void pages(void)
{
    struct arena *arena = arena_new();
    struct grpc_page bytes;
    struct etcd_page page;

    grpc_page_make(&bytes, two, 2, true);
    CU_ASSERT_FATAL(take(&bytes, arena, &page));
    CU_ASSERT_EQUAL(page.revision, 5);
    CU_ASSERT(page.more);
    CU_ASSERT_EQUAL_FATAL(page.n_pairs, 2);
    const struct kv_pair *pair = &page.pairs[1];
    CU_ASSERT_STRING_EQUAL(page.pairs[0].key, "l");
    CU_ASSERT_STRING_EQUAL(pair->key, "mn");
    CU_ASSERT(pair->size == 1 && pair->value[0] == 'v');
    CU_ASSERT_EQUAL(pair->created, 2);
    CU_ASSERT_EQUAL(pair->modified, 3);
    CU_ASSERT_EQUAL(pair->lease, 0);
    grpc_page_make(&bytes, NULL, 0, false);
    CU_ASSERT_FATAL(take(&bytes, arena, &page));
    CU_ASSERT_EQUAL(page.n_pairs, 0);
    CU_ASSERT_FALSE(page.more);
    arena_free(arena);
}

/* The end of a page of one key, its version and what is after it. */
static void put_end(struct grpc_page *page, const char *end, size_t size)
{
    grpc_page_make(page, NULL, 0, false);
    memcpy(page->bytes + page->size, end, size);
    page->size += size;
    grpc_page_end(page);
}

/* With fields that we do not know, of each type; and none but the key and
 * its revision. */
static void pages_of_a_newer_etcd(void)
{
    static const char end[] = "\x12\x0d\x0a\x04/t/k\x18\x03\x30\xac\x02"
                              "\x50\x01"
                              "\x5a\x02xy"
                              "\x61"
                              "12345678"
                              "\x6d"
                              "1234";
    struct arena *arena = arena_new();
    struct grpc_page bytes;
    struct etcd_page page;

    put_end(&bytes, end, sizeof(end) - 1);
    CU_ASSERT_FATAL(take(&bytes, arena, &page));
    CU_ASSERT_EQUAL_FATAL(page.n_pairs, 1);
    CU_ASSERT_STRING_EQUAL(page.pairs[0].key, "k");
    CU_ASSERT_EQUAL(page.pairs[0].lease, 300);
    CU_ASSERT_PTR_NOT_NULL(page.pairs[0].value);
    CU_ASSERT_EQUAL(page.pairs[0].size, 0);
    arena_free(arena);
}

#define END(text)              \
    {                          \
        text, sizeof(text) - 1 \
    }

static void bad_pages(void)
{
    static const struct {
        const char *text;
        size_t size;
    } ends[] = {
        END("\x12\x07\x0a\x04/u/k\x18"),       /* no number */
        END("\x12\x08\x0a\x04/u/k\x18\x03"),   /* not of our prefix */
        END("\x12\x06\x0a\x02/t\x18\x03"),     /* shorter than that */
        END("\x12\x09\x0a\x05/t/\0k\x18\x03"), /* a 0 in it */
        END("\x12\x06\x0a\x04/t/k"),           /* no revision */
        END("\x12\x08\x0a\x04/t/k\x18"),       /* over the end */
        END("\x12\x02\x18\x03"),               /* no key */
        END("\x12\x08\x0a\x09/t/k\x18\x03"),   /* over the pair's end */
        END("\x0a\x02\x18"),                   /* the header's */
        END("\x5b"),                           /* a group */
        END("\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* 65 bits */
        END("\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        END("\x5a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* its size */
        END("\x61"
            "1234567"),
    };
    struct arena *arena = arena_new();
    struct grpc_page bytes;
    struct etcd_page page;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        put_end(&bytes, ends[i].text, ends[i].size);
        bool ok = take(&bytes, arena, &page);
        if (ok)
            printf("end %zu\n", i);
        CU_ASSERT_FALSE(ok);
    }
    arena_free(arena);
}

/* At each byte; with and without its size made right. */
static void cut_pages(void)
{
    struct arena *arena = arena_new();
    struct grpc_page whole, cut;
    struct etcd_page page;
    size_t n_taken = 0;

    grpc_page_make(&whole, two, 2, true);
    for (size_t size = 0; size < whole.size; size++) {
        cut = whole;
        cut.size = size;
        CU_ASSERT_FALSE(take(&cut, arena, &page));
        if (size < 5)
            continue;
        grpc_page_end(&cut);
        n_taken += take(&cut, arena, &page);
    }
    /* after the header, each pair, and "more" */
    CU_ASSERT_EQUAL(n_taken, 4);
    whole.bytes[0] = 1; /* compressed */
    CU_ASSERT_FALSE(take(&whole, arena, &page));
    whole.bytes[0] = 0;
    whole.size++; /* more than it says */
    CU_ASSERT_FALSE(take(&whole, arena, &page));
    arena_free(arena);
}

/* ---- from a server ---- */

/* Nothing is waited for that long. */
#define SOON_MS 5000

/* "/t/k", and there is more; "/t/n". */
#define FIRST                                                          \
    {                                                                  \
        "kv/range", 200,                                               \
            ETCD_HEAD ",\"more\":true,\"kvs\":[{\"key\":\"L3Qvaw==\"," \
                      "\"mod_revision\":\"3\"}]}"                      \
    }
#define LAST                                             \
    {                                                    \
        "kv/range", 200,                                 \
            ETCD_HEAD ",\"kvs\":[{\"key\":\"L3Qvbg==\"," \
                      "\"mod_revision\":\"3\"}]}"        \
    }

static char *answer_with(const struct grpc_page *page, const char *status,
                         struct etcd_script *ret)
{
    char *bytes;

    *ret = (struct etcd_script){ .path = ETCD_GRPC };
    bytes = fake_grpc(page->bytes, page->size, status, &ret->size);
    ret->body = bytes;
    return bytes;
}

static void long_lists(void)
{
    static const char *const last[] = { "/t/o", "/t/p", "/t/q" };
    struct etcd_script scripts[] = { FIRST, { "" }, { "" } };
    struct grpc_page page;

    grpc_page_make(&page, two, 2, true);
    char *first = answer_with(&page, "0", &scripts[1]);
    grpc_page_make(&page, last, 3, false);
    char *second = answer_with(&page, "0", &scripts[2]);
    etcd_fake.request_ms = SOON_MS;
    etcd_fake_begin(scripts, 3);
    CU_ASSERT_EQUAL(etcd_fake_read(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_pairs, 6);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 1);
    CU_ASSERT_EQUAL(etcd_fake.n_grpc, 2);
    CU_ASSERT_EQUAL(etcd_fake_commit(), 0);
    etcd_fake_end();
    free(first);
    free(second);
}

/* The gateway is asked for the same, and from then on for all. */
static void check_gateway(const struct etcd_script *answer)
{
    struct etcd_script scripts[] = { FIRST, *answer, LAST, FIRST, LAST };

    /* one that hangs is waited for */
    etcd_fake.request_ms = answer->body || answer->close ? SOON_MS : 400;
    etcd_fake_begin(scripts, 5);
    CU_ASSERT_EQUAL(etcd_fake_read(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_pairs, 2);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 2);
    CU_ASSERT_EQUAL(etcd_fake.n_grpc, 1);
    CU_ASSERT_EQUAL(etcd_fake_read(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_pairs, 2);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 4);
    CU_ASSERT_EQUAL(etcd_fake.n_grpc, 1);
    CU_ASSERT(kv_up(etcd_fake.kv, NULL));
    etcd_fake_end();
}

static void no_grpc(void)
{
    static const struct etcd_script answers[] = {
        { ETCD_GRPC, .close = true },
        { ETCD_GRPC, .body = "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
          .close = true },
        { ETCD_GRPC, .body = "this is no HTTP\r\n\r\n", .close = true },
        { ETCD_GRPC }, /* hangs */
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        check_gateway(&answers[i]);
}

static void bad_grpc(void)
{
    static const char *const other[] = { "/u/l" };
    static const char *const again[] = { "/t/k" };
    static const char *const mixed[] = { "/t/m", "/t/l" };
    static const struct {
        const char *const *keys;
        size_t n;
        bool more;
        const char *status;
        size_t size; /* not 0: of the page */
    } cases[] = {
        { two, 2, false, "14" },     { two, 2, false, "" },
        { two, 2, false, "0x" },     { two, 2, false, NULL },
        { two, 2, false, "0", 4 },   { two, 2, false, "0", 20 },
        { NULL, 0, true, "0" },      { other, 1, false, "0" },
        { again, 1, false, "0" },    { mixed, 2, false, "0" },
        { NULL, 0, false, "16", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct etcd_script script;
        struct grpc_page page;
        grpc_page_make(&page, cases[i].keys, cases[i].n, cases[i].more);
        if (cases[i].size)
            page.size = cases[i].size;
        char *bytes = answer_with(&page, cases[i].status, &script);
        check_gateway(&script);
        script.size /= 2; /* and then nothing more */
        script.close = true;
        check_gateway(&script);
        free(bytes);
    }
}

/* What the gateway says of it counts. */
static void refused(void)
{
    static const struct etcd_script scripts[] = {
        FIRST,
        { ETCD_GRPC, .close = true },
        { "kv/range", 400,
          ETCD_ERROR("mvcc: required revision has been compacted", 11) },
    };

    etcd_fake.request_ms = SOON_MS;
    etcd_fake_begin(scripts, 3);
    CU_ASSERT_EQUAL(etcd_fake_read(), VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(etcd_fake.err.text, "compacted"));
    CU_ASSERT_EQUAL(etcd_fake.n_range, 2);
    etcd_fake_end();
}

/* gRPC is tried again when the link was down: it may be another server. */
static void tried_again(void)
{
    struct etcd_script scripts[] = {
        FIRST,
        { ETCD_GRPC, .close = true },
        { "kv/range", 0, NULL, true },
        { "" },
    };
    struct grpc_page page;

    grpc_page_make(&page, two, 2, false);
    char *bytes = answer_with(&page, "0", &scripts[3]);
    etcd_fake.request_ms = SOON_MS;
    etcd_fake_begin(scripts, 4);
    CU_ASSERT_EQUAL(etcd_fake_read(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_pairs, 3);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 2);
    CU_ASSERT_EQUAL(etcd_fake.n_grpc, 2);
    etcd_fake_end();
    free(bytes);
}

static const struct unit_test tests[] = {
    { "requests", requests },
    { "pages", pages },
    { "pages of a newer etcd", pages_of_a_newer_etcd },
    { "bad pages", bad_pages },
    { "cut pages", cut_pages },
    { "long lists", long_lists },
    { "no gRPC", no_grpc },
    { "bad gRPC", bad_grpc },
    { "refused", refused },
    { "tried again", tried_again },
};

UNIT_MAIN("kv_etcd_grpc", tests)
