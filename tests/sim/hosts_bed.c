/*
 * Several simulated hosts under one policyd; see hosts_bed.h.
 */
#include "tests/sim/hosts_bed.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "wire/page.h"

const char *hosts_bed_name(size_t index)
{
    return arena_printf(answers, "h%zu", index + 1);
}

const char *hosts_bed_folder(const struct hosts_bed *hosts, size_t index)
{
    return index == 0 ? hosts->bed.dir
                      : bed_path(&hosts->bed, hosts_bed_name(index));
}

const char *hosts_bed_address(const struct hosts_bed *hosts, size_t index)
{
    /* of both kinds */
    return arena_printf(answers, "%s:%s/command.sock",
                        index % 2 ? "unix" : "memory",
                        hosts_bed_folder(hosts, index));
}

pid_t *hosts_bed_pid(struct hosts_bed *hosts, size_t index)
{
    return index == 0 ? &hosts->bed.resourced : &hosts->pids[index];
}

void hosts_bed_start_one(struct hosts_bed *hosts, size_t index)
{
    const char *folder = hosts_bed_folder(hosts, index);
    const char *conf = arena_printf(answers, "%s/resourced.conf", folder);

    if (index == 0) {
        bed_start_resourced(&hosts->bed);
        return;
    }
    mkdir(folder, 0755);
    FILE *f = fopen(conf, "w");
    fprintf(f,
            "database = \"%s/resourced.db\"\n"
            "sequence = \"%s/resourced.sequence\"\n"
            "command_address = \"%s\"\n"
            "channel_socket = \"\"\n"
            "hypervisor = \"sim:state=%s/host,memory=4G,dom0_memory=1G%s%s\"\n"
            "restart_min_interval = \"0\"\n"
            "host_name = \"%s\"\n",
            folder, folder, hosts_bed_address(hosts, index), folder,
            hosts->sim ? "," : "", hosts->sim ? hosts->sim : "",
            hosts_bed_name(index));
    fclose(f);
    hosts->pids[index] = bed_spawn(&hosts->bed, "resourced", conf);
}

void hosts_bed_kill(struct hosts_bed *hosts, size_t index, int sig)
{
    bed_kill(hosts_bed_pid(hosts, index), sig);
}

const struct wire_host *hosts_bed_show(const struct hosts_bed *hosts,
                                       const char *name)
{
    const struct wire_host_list *all =
        ask(&hosts->bed, OPERATOR, WIRE_MSG_host_list, NULL);

    for (uint32_t i = 0; all && i < all->n_hosts; i++)
        if (strcmp(all->hosts[i].name, name) == 0)
            return &all->hosts[i];
    return NULL;
}

bool hosts_bed_wait(const struct hosts_bed *hosts, size_t n, const char *state)
{
    size_t found = 0;

    for (int i = 0; i < 300; i++) {
        const struct wire_host_list *all =
            ask(&hosts->bed, OPERATOR, WIRE_MSG_host_list, NULL);
        found = 0;
        for (uint32_t j = 0; all && j < all->n_hosts; j++)
            found += strcmp(all->hosts[j].state, state) == 0;
        if (found == n)
            return true;
        sleep_ms(100);
    }
    printf("    %zu hosts are '%s' instead of %zu\n", found, state, n);
    checks_failed++;
    return false;
}

const struct wire_host_list *hosts_bed_add(const struct hosts_bed *hosts,
                                           const char *name,
                                           const char *address)
{
    struct wire_host_change change;

    wire_init(&wire_struct_host_change, &change);
    change.record.name = name;
    change.record.address = address;
    return ask(&hosts->bed, OPERATOR, WIRE_MSG_host_add, &change);
}

const struct wire_host_list *
hosts_bed_set(const struct hosts_bed *hosts,
              const struct wire_host_record *record, const char **fields,
              uint32_t n_fields)
{
    struct wire_host_change change;

    wire_init(&wire_struct_host_change, &change);
    change.record = *record;
    change.fields = fields;
    change.n_fields = n_fields;
    return ask(&hosts->bed, OPERATOR, WIRE_MSG_host_set, &change);
}

const struct wire_host_list *hosts_bed_remove(const struct hosts_bed *hosts,
                                              const char *name, bool dry_run)
{
    struct wire_host_ref r;

    wire_init(&wire_struct_host_ref, &r);
    r.name = name;
    r.dry_run = dry_run;
    return ask(&hosts->bed, OPERATOR, WIRE_MSG_host_remove, &r);
}

const struct wire_partition_list *hosts_bed_list(const struct hosts_bed *hosts)
{
    struct wire_partition_query query;
    struct wire_pages pages;
    struct client c;
    bool ok = client_open(&hosts->bed, &c, OPERATOR);

    wire_init(&wire_struct_partition_query, &query);
    wire_pages_init(&pages, WIRE_MSG_partition_list, &query, answers);
    while (ok && pages.more) {
        const void *page =
            client_call(&c, WIRE_MSG_partition_list, pages.query);
        ok = page && wire_pages_add(&pages, page, &last_error) == 0;
    }
    client_close(&c);
    CHECK(ok);
    return pages.list;
}

void hosts_bed_start(struct hosts_bed *hosts, size_t n)
{
    bed_open(&hosts->bed);
    hosts->n = n;
    bed_start(&hosts->bed);
    for (size_t i = 1; i < n; i++) {
        hosts_bed_start_one(hosts, i);
        CHECK(hosts_bed_add(hosts, hosts_bed_name(i),
                            hosts_bed_address(hosts, i)));
    }
    hosts_bed_wait(hosts, n, "up");
}

void hosts_bed_close(struct hosts_bed *hosts)
{
    for (size_t i = 1; i < hosts->n; i++)
        if (hosts->pids[i])
            kill(hosts->pids[i], SIGTERM);
    for (size_t i = 1; i < hosts->n; i++)
        if (hosts->pids[i])
            CHECK(bed_wait(&hosts->pids[i]) == 0);
    bed_close(&hosts->bed);
}
