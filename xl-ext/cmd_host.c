/*
 * host-list, -show, -add, -set, -remove, and version: what the guests run on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/host_show.h"
#include "xl-ext/output.h"

static int request(const struct command_args *args,
                   enum wire_message_number number, const void **ret,
                   struct vdc_error *err)
{
    struct wire_empty empty;
    wire_init(&wire_struct_empty, &empty);
    return client_ask(args, number, &empty, ret, err);
}

/* ---- host-list ---- */

/* What a host that cannot be reached has is not known. */
static void add_mem(struct output_table *table, bool known, struct mem mem)
{
    char buf[32];
    output_table_cell(table, known ? units_mem_format(mem, buf, sizeof(buf))
                                   : "-");
}

static void add_count(struct output_table *table, bool known, uint64_t n)
{
    if (known)
        output_table_printf(table, "%" PRIu64, n);
    else
        output_table_cell(table, "-");
}

static const char *shown_tags(struct arena *arena,
                              const struct wire_host_record *record)
{
    const char *text = "";
    for (uint32_t i = 0; i < record->n_tags; i++)
        text = arena_printf(arena, "%s%s%s", text, *text ? "," : "",
                            output_clean(arena, record->tags[i]));
    return *text ? text : "-";
}

static void add_record(struct output_table *table, struct arena *arena,
                       const struct wire_host_record *record)
{
    output_table_cell(table, shown_tags(arena, record));
    output_table_cell(table, *record->domain
                      ? output_clean(arena, record->domain) : "-");
    output_table_cell(table, *record->dedicated
                      ? output_clean(arena, record->dedicated) : "-");
}

/* Whether there is something that operators entered for placement. */
static bool has_records(const struct wire_host_list *list)
{
    for (uint32_t i = 0; i < list->n_hosts; i++) {
        const struct wire_host_record *record = &list->hosts[i].record;
        if (record->n_tags || *record->domain || *record->dedicated)
            return true;
    }
    return false;
}

static void print_hosts(struct arena *arena,
                        const struct wire_host_list *list)
{
    static const struct output_column columns[] = {
        { "Host", ALIGN_LEFT },       { "State", ALIGN_LEFT },
        { "Hypervisor", ALIGN_LEFT }, { "CPUs", ALIGN_RIGHT },
        { "VCPUs", ALIGN_RIGHT },     { "Memory", ALIGN_RIGHT },
        { "Available", ALIGN_RIGHT }, { "Guests", ALIGN_RIGHT },
        { "Running", ALIGN_RIGHT },   { "Not ours", ALIGN_RIGHT },
        { "Tags", ALIGN_LEFT },       { "Domain", ALIGN_LEFT },
        { "For", ALIGN_LEFT },
    };
    size_t n_columns = sizeof(columns) / sizeof(columns[0]);
    bool records = has_records(list);
    struct output_table *table =
        output_table_new(columns, records ? n_columns : n_columns - 3);
    for (uint32_t i = 0; i < list->n_hosts; i++) {
        const struct wire_host *h = &list->hosts[i];
        output_table_cell(table, output_clean(arena, h->name));
        output_table_cell(table, output_clean(arena, h->state));
        output_table_cell(table, *h->hypervisor
                          ? output_clean(arena, h->hypervisor) : "-");
        bool known = h->total_memory.kib != 0;
        add_count(table, known, h->pcpus);
        add_count(table, known, h->vcpus);
        add_mem(table, known, h->total_memory);
        add_mem(table, known, h->available_memory);
        add_count(table, known, h->partitions);
        add_count(table, known, h->running);
        add_count(table, known, h->foreign);
        if (records)
            add_record(table, arena, &h->record);
    }
    output_table_finish(table);
}

/* What to do about a host that is not well, and what its death would do. */
static void note_hints(const struct command_args *args,
                       const struct wire_host_list *list)
{
    for (uint32_t i = 0; i < list->n_hosts; i++) {
        const struct wire_host *host = &list->hosts[i];
        const char *name = output_clean(args->arena, host->name);
        if (*host->hint)
            output_note(args, "%s: %s", name,
                        output_clean(args->arena, host->hint));
        if (host->without_backup)
            output_note(args, "%s: %" PRIu32 " protected guest%s no backup; "
                              "`xl-vdc what-if host %s dies` shows which "
                              "would go nowhere",
                        name, host->without_backup,
                        host->without_backup == 1 ? " has" : "s have", name);
    }
}

/* The whole of each, as host-show has it. */
static void print_json(struct arena *arena, const struct wire_host_list *list)
{
    struct wire_host_list whole = *list;
    whole.hosts = ARENA_ARRAY(arena, list->n_hosts, struct wire_host);
    for (uint32_t i = 0; i < list->n_hosts; i++) {
        whole.hosts[i] = list->hosts[i];
        host_name_features(arena, &whole.hosts[i]);
    }
    output_json_struct(&wire_struct_host_list, &whole);
}

static void show_list(const struct command_args *args,
                      const struct wire_host_list *list)
{
    bool simulated = false;
    switch (args->format) {
    case FORMAT_TEXT:
        print_hosts(args->arena, list);
        note_hints(args, list);
        for (uint32_t i = 0; i < list->n_hosts; i++)
            simulated |= list->hosts[i].simulated;
        if (simulated)
            output_note(args, "a simulated host is among them: nothing on it "
                              "is real");
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_hosts; i++)
            printf("%s\n", output_clean(args->arena, list->hosts[i].name));
        break;
    case FORMAT_JSON:
        print_json(args->arena, list);
        break;
    }
}

static int run_host_list(const struct command_args *args,
                         struct vdc_error *err)
{
    const void *body;
    int rc = request(args, WIRE_MSG_host_list, &body, err);
    if (rc == 0)
        show_list(args, body);
    return rc;
}

/* ---- host-add, host-set, host-remove ---- */

#define MAX_TAGS 16

static int take_state(const struct command_args *args,
                      struct wire_host_change *ret, struct vdc_error *err)
{
    const char *text = command_value(args, "state");
    if (!text)
        return 0;
    for (int i = WIRE_HOST_UP; i <= WIRE_HOST_MAINTENANCE; i++) {
        ret->record.state = (enum wire_host_state)i;
        if (strcmp(text, wire_enum_word(&wire_enum_host_state, i)) == 0)
            return 0;
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "--state wants up, draining or maintenance, got "
                         "'%.40s'", text);
}

/* "" takes all away. */
static int take_tags(const struct command_args *args,
                     struct wire_host_change *ret, struct vdc_error *err)
{
    const char *text = command_value(args, "tags");
    const char **tags = ARENA_ARRAY(args->arena, MAX_TAGS, const char *);
    ret->record.tags = tags;
    while (text && *text) {
        size_t len = strcspn(text, ",");
        if (ret->record.n_tags == MAX_TAGS)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "--tags: a host has at most %d", MAX_TAGS);
        if (len == 0 || len > 63)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "--tags wants words of up to 63 characters, "
                                 "with commas between them");
        tags[ret->record.n_tags++] =
            arena_printf(args->arena, "%.*s", (int)len, text);
        text += len + (text[len] == ',');
    }
    return 0;
}

static int take_text(const char *what, const char *text, size_t max,
                     const char **ret, struct vdc_error *err)
{
    if (text && strlen(text) > max)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is longer than %zu characters", what, max);
    *ret = text ? text : "";
    return 0;
}

/* The options of host-add and host-set; which of them were given. */
static int take_change(const struct command_args *args, const char *address,
                       struct wire_host_change *ret, struct vdc_error *err)
{
    static const char *const fields[] = { "state", "reason", "tags", "domain",
                                          "dedicated" };
    struct wire_host_record *record = &ret->record;
    wire_init(&wire_struct_host_change, ret);
    ret->dry_run = args->dry_run;
    ret->fields = ARENA_ARRAY(args->arena, 7, const char *);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (command_given(args, fields[i]))
            ret->fields[ret->n_fields++] = fields[i];
    if (address)
        ret->fields[ret->n_fields++] = "address";
    if (command_given(args, "fence-address"))
        ret->fields[ret->n_fields++] = "fence_address";
    int rc = take_text("the name", args->arguments[0], 63, &record->name, err);
    if (rc == 0)
        rc = take_text("the address", address, 255, &record->address, err);
    if (rc == 0)
        rc = take_state(args, ret, err);
    if (rc == 0)
        rc = take_tags(args, ret, err);
    if (rc == 0)
        rc = take_text("--reason", command_value(args, "reason"), 127,
                       &record->reason, err);
    if (rc == 0)
        rc = take_text("--domain", command_value(args, "domain"), 63,
                       &record->domain, err);
    if (rc == 0)
        rc = take_text("--dedicated", command_value(args, "dedicated"), 31,
                       &record->dedicated, err);
    if (rc == 0)
        rc = take_text("--fence-address",
                       command_value(args, "fence-address"), 127,
                       &record->fence_address, err);
    return rc;
}

static int change_host(const struct command_args *args,
                       enum wire_message_number number, const char *address,
                       struct vdc_error *err)
{
    struct wire_host_change change;
    const void *body;
    int rc = take_change(args, address, &change, err);
    if (rc == 0 && number == WIRE_MSG_host_set && !change.n_fields) {
        rc = vdc_error_set(err, VDC_E_USAGE, "nothing to set");
        vdc_error_hint(err, "--state, --reason, --tags, --domain, "
                            "--dedicated, --address and --fence-address say "
                            "what");
    }
    if (rc == 0)
        rc = client_ask(args, number, &change, &body, err);
    if (rc == 0 && (!args->quiet || args->format != FORMAT_TEXT))
        show_list(args, body);
    if (rc == 0 && args->dry_run && args->format == FORMAT_TEXT)
        output_note(args, "%s could be %s; nothing was done",
                    args->arguments[0],
                    number == WIRE_MSG_host_add ? "added" : "changed");
    return rc;
}

static int run_host_add(const struct command_args *args,
                        struct vdc_error *err)
{
    return change_host(args, WIRE_MSG_host_add, args->arguments[1], err);
}

static int run_host_set(const struct command_args *args,
                        struct vdc_error *err)
{
    return change_host(args, WIRE_MSG_host_set,
                       command_value(args, "address"), err);
}

static int run_host_remove(const struct command_args *args,
                           struct vdc_error *err)
{
    struct wire_host_ref ref;
    const void *body;
    wire_init(&wire_struct_host_ref, &ref);
    ref.dry_run = args->dry_run;
    int rc = take_text("the name", args->arguments[0], 63, &ref.name, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_host_remove, &ref, &body, err);
    if (rc)
        return rc;
    if (args->format != FORMAT_TEXT)
        show_list(args, body);
    else if (!args->quiet)
        printf("%s: %s\n", output_clean(args->arena, ref.name),
               args->dry_run ? "would be removed; nothing was done"
                             : "removed");
    return 0;
}

/* ---- version ---- */

static void print_version_json(const struct wire_version *daemons)
{
    struct json_out *out = json_out_new(true);
    json_out_object(out);
    json_out_key(out, "xl-vdc");
    json_out_string(out, PACKAGE_VERSION);
    json_out_key(out, "protocol");
    json_out_u64(out, WIRE_PROTOCOL);
    json_out_key(out, "daemons");
    if (daemons)
        wire_to_json(&wire_struct_version, daemons, out);
    else
        json_out_null(out);
    json_out_object_end(out);
    output_json(out);
}

static void print_version(const struct command_args *args,
                          const struct wire_version *daemons)
{
    if (args->format == FORMAT_JSON) {
        print_version_json(daemons);
        return;
    }
    printf("%-11s %s, protocol %d\n", "xl-vdc", PACKAGE_VERSION,
           WIRE_PROTOCOL);
    if (!daemons)
        return;
    printf("%-11s %s, protocol %" PRIu32 "\n", "policyd",
           output_clean(args->arena, daemons->policyd), daemons->protocol);
    printf("%-11s %s\n", "resourced", *daemons->resourced
           ? output_clean(args->arena, daemons->resourced) : "not reached");
    printf("%-11s %s\n", "hypervisor", *daemons->hypervisor
           ? output_clean(args->arena, daemons->hypervisor) : "not known");
}

/* Our own version is printed in every case; that the daemons could not be
 * asked is an error nevertheless, unless only --version was asked for. */
static int run_version(const struct command_args *args, struct vdc_error *err)
{
    if (args->version_only) {
        print_version(args, NULL);
        return 0;
    }
    const void *body = NULL;
    int rc = request(args, WIRE_MSG_version, &body, err);
    print_version(args, rc ? NULL : body);
    return rc;
}

/* ---- the table ---- */

#define RECORD_OPTIONS                                                     \
    { 0, "state", "STATE", COMPLETE_NOTHING,                               \
      "up, or draining or maintenance: it gets no new guests" },           \
    { 0, "reason", "TEXT", COMPLETE_NOTHING, "Why it is in this state" },  \
    { 0, "tags", "TAG,...", COMPLETE_NOTHING,                              \
      "Words for placement, instead of those that it has" },               \
    { 0, "domain", "NAME", COMPLETE_NOTHING,                               \
      "What fails together with it: a rack, a room" },                     \
    { 0, "dedicated", "CUSTOMER", COMPLETE_CUSTOMERS,                      \
      "Keep it for this customer; \"\" for all" },                       \
    { 0, "fence-address", "HOST:PORT", COMPLETE_NOTHING,                   \
      "Where its watchdogd is reached, if not at port 8448 of the machine "  \
      "of its address; \"\" for there" }

static const struct command_option add_options[] = {
    RECORD_OPTIONS,
    { 0 }
};
static const struct command_option set_options[] = {
    RECORD_OPTIONS,
    { 0, "address", "ADDRESS", COMPLETE_NOTHING,
      "Where its command channel is now" },
    { 0 }
};
static const struct command_example add_examples[] = {
    { "xl-vdc host-add h2 unix:/run/h2/command.sock --domain rack-2",
      "Another host, which placement takes into account at once." },
    { NULL, NULL }
};
static const struct command_example set_examples[] = {
    { "xl-vdc host-set h2 --state draining --reason \"new memory\"",
      "No new guests on h2; those that are there stay." },
    { NULL, NULL }
};
static const struct command_example remove_examples[] = {
    { "xl-vdc host-remove h2 --dry-run", "Could it be removed?" },
    { NULL, NULL }
};

static const struct command_example host_examples[] = {
    { "xl-vdc host-list", "How much is left on each host." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc host-show h1", "All that is known of h1." },
    { NULL, NULL }
};
static const struct command_example version_examples[] = {
    { "xl-vdc version", "Versions of all that answers." },
    { "xl-vdc --version", "The version of xl-vdc, without asking a daemon." },
    { NULL, NULL }
};

static const struct command host_commands[] = {
    { "host-list", NULL, "", 0, 0,
      COMMAND_READS | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_NOTHING,
      NULL, "List hosts and what they have",
      "Available is the memory that guests can still get by the host's "
      "policy. Not ours counts the domains that others made; they are never "
      "touched. What to do about a host that is not up is said below the "
      "table.",
      host_examples, run_host_list },
    { "host-show", NULL, "HOST", 1, 1,
      COMMAND_READS | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_HOSTS,
      NULL, "Show what a host has",
      "cpu_features is who made its CPUs and what they can do, by the names "
      "of /proc/cpuinfo, as far as a guest may ask for it with "
      "vdc_cpu_features.",
      show_examples, host_show_run },
    { "host-add", NULL, "NAME ADDRESS", 2, 2,
      COMMAND_CHANGES | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_NOTHING,
      add_options, "Add a host to the data center",
      "ADDRESS is that of its resourced's command channel: unix:PATH, "
      "memory:PATH or channel:SERVICE@PARTITION; its resourced.conf must say "
      "the same, and have NAME as host_name. A path is of policyd's machine. "
      "The host need not be there yet: policyd connects as soon as it can.",
      add_examples, run_host_add },
    { "host-set", NULL, "NAME", 1, 1,
      COMMAND_CHANGES | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_HOSTS,
      set_options, "Change what is entered of a host",
      "What is not given stays as it is; another state without a reason has "
      "none. Guests that are there stay, whatever the state; "
      "host-evacuate has them go elsewhere.",
      set_examples, run_host_set },
    { "host-remove", NULL, "NAME", 1, 1,
      COMMAND_DESTROYS | COMMAND_CHANGES | COMMAND_OPERATOR | COMMAND_NAMES,
      COMPLETE_HOSTS, NULL, "Forget a host",
      "Only one that no guest is assigned to: 'list -v' says where each is. "
      "What runs there is not touched. One that is up must have its "
      "watchdogd stopped before, when that takes part in fencing: it would "
      "stop the machine later.",
      remove_examples, run_host_remove },
    { "version", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING, NULL,
      "Show which versions run",
      "Of xl-vdc, of the daemons and of the hypervisor.", version_examples,
      run_version },
};

const struct command_family family_host = {
    "Hosts", host_commands, sizeof(host_commands) / sizeof(host_commands[0])
};
