/* Tests of policyd/iallocator: input that is written and read again, answers,
 * and what is no answer; with hail where it is installed. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/policies/iallocator.h"
#include "tests/unit/unit.h"

#define HAIL "/usr/lib/ganeti/iallocators/hail"

static struct placement_names *names;
static struct placement_view *view;
static struct vdc_error error;

/* Host hN has N guests of 4 GiB of its 32 GiB, one CPU, and 10 GiB of disk. */
static void begin(uint32_t n_hosts)
{
    char text[16];

    names = placement_names_new();
    view = placement_view_new(names);
    for (uint32_t i = 0; i < n_hosts; i++) {
        snprintf(text, sizeof(text), "h%u", i);
        const struct placement_host host = {
            .name = placement_names_add(names, text),
            .memory = MEM_GIB(32),
            .pcpus = 8,
            .n_pools = 1,
            .pools = { { placement_names_add(names, "ssd"),
                         MEM_GIB(10).kib } },
        };
        placement_view_put_host(view, &host, NULL, NULL);
        for (uint32_t j = 0; j < i; j++) {
            const struct placement_guest guest = {
                .host = i,
                .spec = { .memory = MEM_GIB(4), .vcpus = 1 },
                .runs = j != 3, /* one that is stopped */
                .backup = PLACEMENT_NONE,
            };
            placement_view_add_guest(view, &guest, NULL, NULL);
        }
    }
}

static void end(void)
{
    placement_view_free(view);
    placement_names_free(names);
}

static struct placement_request ask(uint64_t gib)
{
    return (struct placement_request){
        .spec = { .memory = MEM_GIB(gib), .vcpus = 2 }, .start = true
    };
}

static char *write_of(const struct placement_request *request)
{
    struct json_out *out = json_out_new(false);
    char *text = NULL;
    size_t len;

    memset(&error, 0, sizeof(error));
    if (!iallocator_write(view, request, placement_policy_find("spread"),
                          "new", out, &error))
        text = xstrdup(json_out_text(out, &len));
    json_out_free(out);
    return text;
}

/* ---- there and back ---- */

static void same_decision(void)
{
    struct placement_request request = ask(6);
    struct placement_decision before, after;
    struct iallocator_input input;

    begin(5);
    placement_view_set_state(view, 0, PLACEMENT_DRAINING);
    char *text = write_of(&request);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_EQUAL(iallocator_read_input(text, strlen(text), &input, &error),
                    0);
    CU_ASSERT_EQUAL(placement_view_n_present(input.view), 5);
    CU_ASSERT_EQUAL(placement_view_n_guests(input.view), 10);
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(placement_view_use(input.view, i)->memory.kib,
                        placement_view_use(view, i)->memory.kib);
        CU_ASSERT_EQUAL(placement_view_host(input.view, i)->memory.kib,
                        placement_view_host(view, i)->memory.kib);
    }
    const struct placement_policy *policy = placement_policy_find("spread");
    CU_ASSERT_EQUAL(placement_choose(view, &request, policy, &before, NULL),
                    0);
    CU_ASSERT_EQUAL(
        placement_choose(input.view, &input.request, policy, &after, NULL), 0);
    CU_ASSERT_EQUAL(before.winner.host, 1);
    CU_ASSERT_EQUAL(after.winner.host, 1);
    CU_ASSERT_EQUAL(after.winner.score, before.winner.score);
    iallocator_fini_input(&input);
    free(text);
    end();
}

/* What Ganeti does not know of is in what it is restricted to. */
static void restricted(void)
{
    struct placement_request request = ask(6);
    struct placement_decision decision;
    struct iallocator_input input;

    begin(4);
    request.pinned = placement_names_find(names, "h3");
    char *text = write_of(&request);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"restrict-to-nodes\":[\"h3\"]"));
    CU_ASSERT_EQUAL(iallocator_read_input(text, strlen(text), &input, &error),
                    0);
    CU_ASSERT_EQUAL(placement_choose(input.view, &input.request,
                                     placement_policy_find("spread"),
                                     &decision, NULL),
                    0);
    CU_ASSERT_EQUAL(decision.winner.host, 3);
    iallocator_fini_input(&input);
    free(text);
    request.pinned = 0;
    request.spec.memory = MEM_GIB(33);
    CU_ASSERT_PTR_NULL(write_of(&request));
    CU_ASSERT_EQUAL(error.code, VDC_E_NO_MEMORY);
    end();
}

/* ---- input of others ---- */

#define NODE(name)                                        \
    "\"" name "\":{\"free_memory\":1024,\"free_disk\":0," \
    "\"total_cpus\":4.0,\"offline\":false,\"drained\":false}"
#define SPEC "\"memory\":512,\"vcpus\":1,\"disk_space_total\":0"

static void exclusion_tags(void)
{
    static const char text[] =
        "{\"cluster_tags\":[\"htools:iextags:svc\"],"
        "\"ipolicy\":{\"vcpu-ratio\":2},\"nodes\":{" NODE("a") "," NODE(
            "b") "},\"instances\":{\"one\":{" SPEC ",\"nodes\":[\"a\"],"
                 "\"tags\":[\"svc:db\",\"other\"]}},"
                 "\"request\":{\"type\":\"allocate\",\"name\":\"two\","
                 "\"required_nodes\":1,\"tags\":[\"svc:db\"]," SPEC "}}";
    struct placement_decision decision;
    struct iallocator_input input;

    CU_ASSERT_EQUAL(
        iallocator_read_input(text, sizeof(text) - 1, &input, &error), 0);
    CU_ASSERT_EQUAL(placement_choose(input.view, &input.request,
                                     placement_policy_find("pack"), &decision,
                                     NULL),
                    0);
    CU_ASSERT_EQUAL(decision.winner.host, 1);
    CU_ASSERT_EQUAL(placement_view_use(input.view, 0)->vcpus_most, 8);
    CU_ASSERT_EQUAL(placement_view_host(input.view, 0)->memory.kib,
                    MEM_MIB(1536).kib);
    iallocator_fini_input(&input);
}

static void bad_input(void)
{
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        { "", VDC_E_BAD_VALUE },
        { "[]", VDC_E_BAD_VALUE },
        { "{\"nodes\":{}}", VDC_E_BAD_VALUE },
        { "{\"nodes\":{\"a\":{}},\"instances\":{}}", VDC_E_BAD_VALUE },
        { "{\"nodes\":{\"a\":1},\"instances\":{}}", VDC_E_BAD_VALUE },
        { "{\"nodes\":{},\"instances\":{}}", VDC_E_UNSUPPORTED },
        { "{\"nodes\":{},\"instances\":{\"i\":{" SPEC ",\"nodes\":[\"x\"]}}}",
          VDC_E_BAD_VALUE },
        { "{\"nodes\":{},\"instances\":{},\"request\":{\"type\":"
          "\"allocate\",\"required_nodes\":2}}",
          VDC_E_UNSUPPORTED },
        { "{\"nodes\":{},\"instances\":{},\"request\":{\"type\":"
          "\"allocate\",\"required_nodes\":1,\"memory\":-1}}",
          VDC_E_BAD_VALUE },
    };
    struct iallocator_input input;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&error, 0, sizeof(error));
        CU_ASSERT_EQUAL(iallocator_read_input(bad[i].text, strlen(bad[i].text),
                                              &input, &error),
                        bad[i].code);
        CU_ASSERT_TRUE(error.text[0] != '\0');
    }
}

/* ---- answers ---- */

static void answers(void)
{
    static const char *const bad[] = {
        "",
        "host1",
        "{}",
        "{\"success\":1,\"result\":[\"a\"]}",
        "{\"success\":true,\"info\":\"\"}",
        "{\"success\":true,\"result\":[]}",
        "{\"success\":true,\"result\":[\"a\",\"b\"]}",
        "{\"success\":true,\"result\":[7]}",
        "{\"success\":true,\"result\":\"a\"}",
        "{\"success\":true,\"result\":[\"a\"]",
    };
    static const char good[] =
        "{\"success\":true,\"info\":\"yes\",\"result\":[\"a\"]}\n";
    static const char no[] =
        "{\"success\":false,\"info\":\"full\",\"result\":[]}";
    struct arena *arena = arena_new();
    struct iallocator_answer answer;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(iallocator_read_answer(bad[i], strlen(bad[i]), arena,
                                               &answer, &error),
                        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(
        iallocator_read_answer(good, sizeof(good) - 1, arena, &answer, &error),
        0);
    CU_ASSERT_TRUE(answer.success);
    CU_ASSERT_STRING_EQUAL(answer.host, "a");
    CU_ASSERT_STRING_EQUAL(answer.info, "yes");
    CU_ASSERT_EQUAL(
        iallocator_read_answer(no, sizeof(no) - 1, arena, &answer, &error), 0);
    CU_ASSERT_FALSE(answer.success);
    CU_ASSERT_STRING_EQUAL(answer.info, "full");
    arena_free(arena);
}

static void own_answer(void)
{
    struct json_out *out = json_out_new(false);
    struct arena *arena = arena_new();
    struct iallocator_answer answer;
    size_t len;

    iallocator_write_answer("h1", "because", out);
    const char *text = json_out_text(out, &len);
    CU_ASSERT_EQUAL(iallocator_read_answer(text, len, arena, &answer, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(answer.host, "h1");
    CU_ASSERT_STRING_EQUAL(answer.info, "because");
    arena_free(arena);
    json_out_free(out);
}

/* ---- hail ---- */

static char *ask_hail(const char *input)
{
    char path[] = "/tmp/test_iallocator.XXXXXX";
    int fd = mkstemp(path);
    char *command = xasprintf(HAIL " --no-capacity-checks %s", path);
    char *answer = xzalloc(IALLOCATOR_ANSWER_MAX);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, input, strlen(input)), (ssize_t)strlen(input));
    close(fd);
    FILE *f = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_TRUE(fread(answer, 1, IALLOCATOR_ANSWER_MAX - 1, f) > 0);
    CU_ASSERT_EQUAL(pclose(f), 0);
    unlink(path);
    free(command);
    return answer;
}

/* hail understands what it is asked, and balances as "spread" does. */
static void hail(void)
{
    struct placement_request request = ask(6);
    struct iallocator_answer answer = { 0 };
    struct arena *arena = arena_new();

    if (access(HAIL, X_OK)) {
        printf("skipped: hail is not here (package ganeti-htools) ");
        CU_ASSERT_TRUE(true);
        arena_free(arena);
        return;
    }
    begin(5);
    for (int disk = 0; disk < 2; disk++) {
        request.spec.n_disks = (uint32_t)disk;
        request.spec.disks[0].name = placement_names_find(names, "ssd");
        request.spec.disks[0].amount = MEM_GIB(2).kib;
        char *text = write_of(&request);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        char *said = ask_hail(text);
        CU_ASSERT_EQUAL(
            iallocator_read_answer(said, strlen(said), arena, &answer, &error),
            0);
        CU_ASSERT_TRUE(answer.success);
        CU_ASSERT_PTR_NOT_NULL_FATAL(answer.host);
        CU_ASSERT_STRING_EQUAL(answer.host, "h0");
        free(text);
        free(said);
    }
    request.pinned = placement_names_find(names, "h4");
    char *text = write_of(&request);
    char *said = ask_hail(text);
    CU_ASSERT_EQUAL(
        iallocator_read_answer(said, strlen(said), arena, &answer, &error), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer.host);
    CU_ASSERT_STRING_EQUAL(answer.host, "h4");
    free(text);
    free(said);
    arena_free(arena);
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "the same decision", same_decision },
        { "restricted", restricted },
        { "exclusion tags", exclusion_tags },
        { "bad input", bad_input },
        { "answers", answers },
        { "our own answer", own_answer },
        { "hail", hail },
    };
    return unit_main("iallocator", tests, sizeof(tests) / sizeof(tests[0]));
}
