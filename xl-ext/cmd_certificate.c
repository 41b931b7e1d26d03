/*
 * certificate-add, -list, -remove: who comes over TLS with a certificate.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/credential.h"
#include "xl-ext/each.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

#define FILE_MAX_SIZE 65536 /* a certificate, its chain, and remarks */
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

/* ---- add ---- */

static int read_file(struct arena *arena, const char *path, char **ret,
                     struct vdc_error *err)
{
    char *text = arena_alloc(arena, FILE_MAX_SIZE + 1);
    FILE *f = fopen(path, "re");
    size_t size;

    if (!f)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "cannot read %s",
                               path);
    size = fread(text, 1, FILE_MAX_SIZE + 1, f);
    int bad = ferror(f) ? errno : 0;
    fclose(f);
    if (bad)
        return vdc_error_errno(err, VDC_E_NO_FILE, bad, "cannot read %s",
                               path);
    if (size > FILE_MAX_SIZE)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is longer than %d bytes", path,
                             FILE_MAX_SIZE);
    text[size] = '\0';
    *ret = text;
    return 0;
}

/* The first certificate of the file, and nothing else of it: there may be a
 * key beside it, which is nobody's business. */
static int take_pem(const struct command_args *args, const char *path,
                    struct wire_certificate_add *ret, struct vdc_error *err)
{
    char *text;
    int rc = read_file(args->arena, path, &text, err);
    if (rc)
        return rc;
    const char *begin = strstr(text, PEM_BEGIN);
    const char *end = begin ? strstr(begin, PEM_END) : NULL;
    if (!end) {
        vdc_error_set(err, VDC_E_BAD_VALUE, "%s has no certificate in PEM",
                      path);
        vdc_error_hint(err, "one begins with " PEM_BEGIN);
        return VDC_E_BAD_VALUE;
    }
    size_t size = (size_t)(end - begin) + strlen(PEM_END);
    char *pem = arena_printf(args->arena, "%.*s\n", (int)size, begin);
    if (size + 1 > 16384)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the certificate in %s is too long", path);
    ret->pem = (const uint8_t *)pem;
    ret->n_pem = (uint32_t)size + 1;
    return 0;
}

static int take_add(const struct command_args *args,
                    struct wire_certificate_add *ret, struct vdc_error *err)
{
    int rc = guest_customer(args, &ret->customer, err);
    if (rc == 0 && args->n_arguments > 1) {
        if (*ret->customer)
            return vdc_error_set(err, VDC_E_USAGE,
                                 "the customer is named twice");
        if (strlen(args->arguments[1]) > 31)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "'%.40s' is too long for a customer's name",
                                 args->arguments[1]);
        ret->customer = args->arguments[1];
    }
    if (rc == 0)
        rc = credential_take(args, &ret->expires_ms, &ret->role, &ret->note,
                             err);
    ret->dry_run = args->dry_run;
    return rc ? rc : take_pem(args, args->arguments[0], ret, err);
}

static int run_add(const struct command_args *args, struct vdc_error *err)
{
    struct wire_certificate_add add;
    const void *body;
    wire_init(&wire_struct_certificate_add, &add);
    int rc = take_add(args, &add, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_certificate_add, &add, &body, err);
    if (rc)
        return rc;
    const struct wire_certificate_list *list = body;
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_certificate_list, list);
    } else if (args->dry_run) {
        printf("nothing was done; the certificate could be registered\n");
    } else if (list->n_certificates) {
        const struct wire_certificate *c = &list->certificates[0];
        printf("%s\n", c->id);
        output_note(args,
                    "the certificate of '%s' is good for customer %s, as %s; "
                    "certificate-remove %s ends it",
                    output_clean(args->arena, c->subject), c->customer,
                    wire_enum_word(&wire_enum_role, (int)c->role), c->id);
    }
    return 0;
}

/* ---- list ---- */

static void print_time(struct output_table *table, uint64_t ms)
{
    char buf[32];

    if (ms <= clock_wall().ms)
        output_table_cell(table, "has expired");
    else
        output_table_cell(table, clock_wall_format((struct wall){ ms }, buf,
                                                   sizeof(buf)));
}

static void print_table(struct arena *arena,
                        const struct wire_certificate_list *list)
{
    static const struct output_column columns[] = {
        { "ID", ALIGN_LEFT },      { "Customer", ALIGN_LEFT },
        { "Role", ALIGN_LEFT },    { "Subject", ALIGN_LEFT },
        { "Expires", ALIGN_LEFT }, { "By", ALIGN_LEFT },
        { "Note", ALIGN_LEFT },
    };
    struct output_table *table = output_table_new(columns, 7);
    for (uint32_t i = 0; i < list->n_certificates; i++) {
        const struct wire_certificate *c = &list->certificates[i];
        output_table_cell(table, c->id);
        output_table_cell(table, c->customer);
        output_table_cell(table,
                          wire_enum_word(&wire_enum_role, (int)c->role));
        output_table_cell(table, output_clean(arena, c->subject));
        print_time(table, c->expires_ms);
        output_table_cell(table, output_clean(arena, c->issuer));
        output_table_cell(table, output_clean(arena, c->note));
    }
    output_table_finish(table);
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct wire_token_ref ref;
    const void *body;
    wire_init(&wire_struct_token_ref, &ref);
    int rc = guest_customer(args, &ref.customer, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_certificate_list, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_certificate_list *list = body;
    switch (args->format) {
    case FORMAT_TEXT:
        print_table(args->arena, list);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_certificates; i++)
            printf("%s\n", list->certificates[i].id);
        break;
    case FORMAT_JSON:
        output_json_list(&wire_struct_certificate_list, list);
        break;
    }
    return 0;
}

/* ---- remove ---- */

/* A whole fingerprint, as openssl prints it too, is as good as its ID. */
static const char *id_of(struct arena *arena, const char *word)
{
    char *id = arena_alloc(arena, 17);
    size_t n = 0;
    for (; *word && n < 16; word++)
        if (*word != ':')
            id[n++] = *word >= 'A' && *word <= 'F' ? (char)(*word + 32)
                                                   : *word;
    return id;
}

static int remove_one(const struct command_args *args, struct client *client,
                      const char *word, struct vdc_error *err)
{
    struct wire_token_ref ref;
    wire_init(&wire_struct_token_ref, &ref);
    ref.id = id_of(args->arena, word);
    ref.dry_run = args->dry_run;
    if (strncmp(word, "vdc_", 4) == 0) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "what begins with vdc_ is a token, no certificate");
        vdc_error_hint(err, "'xl-vdc token-revoke %.16s' ends it", word + 4);
        return VDC_E_BAD_VALUE;
    }
    if (strlen(ref.id) != 16 || strlen(word) > 95) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "'%.40s' is not the ID of a certificate", word);
        vdc_error_hint(err, "'xl-vdc certificate-list' shows them");
        return VDC_E_BAD_VALUE;
    }
    return client_request(client, WIRE_MSG_certificate_remove, &ref, NULL,
                          err);
}

static int run_remove(const struct command_args *args, struct vdc_error *err)
{
    static const struct each each = { remove_one, "removed", "removed" };
    static const struct each would = { remove_one, "would_remove",
                                       "would be removed; nothing was done" };
    return each_run(args, args->dry_run ? &would : &each, err);
}

/* ---- the table ---- */

static const struct command_option add_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "For this customer (operators) or this project, as CUSTOMER" },
    { 'r', "role", "ROLE", COMPLETE_NOTHING,
      "customer-admin, customer-user (which is usual) or read-only; for the "
      "provider operator or read-only (which is usual then)" },
    { 'e', "expires", "TIME", COMPLETE_NOTHING,
      "It is good for so long: 12h, 30d; as long as it says itself when "
      "nothing is said, and never longer" },
    { 0, "note", "TEXT", COMPLETE_NOTHING, "What it is for" },
    { 0 }
};

static const struct command_option list_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Of this customer and its projects alone" },
    { 0 }
};

static const struct command_example add_examples[] = {
    { "xl-vdc certificate-add alice.crt acme",
      "Who comes over TLS with alice's certificate and key is a "
      "customer-user of acme." },
    { "xl-vdc certificate-add --role operator --expires 30d boss.crt",
      "An operator from elsewhere, for 30 days." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc certificate-list", "Whose certificates there are, and until "
                                 "when." },
    { NULL, NULL }
};
static const struct command_example remove_examples[] = {
    { "xl-vdc certificate-remove 0123456789abcdef",
      "It is good for nothing from now on." },
    { NULL, NULL }
};

static const struct command certificate_commands[] = {
    { "certificate-add", NULL, "FILE [CUSTOMER]", 1, 2, COMMAND_CHANGES,
      COMPLETE_FILES, add_options, "Register a client's certificate",
      "Who connects over TLS with this certificate, and so has its key, is "
      "the customer, or the operator, for whom it is registered, in its role: "
      "xl-vdc does so with $XEN_VDC_HOST, $XEN_VDC_CERTIFICATE and "
      "$XEN_VDC_KEY. The first certificate of the file, in PEM, is sent, and "
      "nothing else of it; it is known by its SHA-256 fingerprint from then "
      "on, and may be of any CA unless policyd has a tls_ca.\n\n"
      "As a token, a certificate may never more than who registered it may at "
      "the moment.",
      add_examples, run_add, COMPLETE_CUSTOMERS },
    { "certificate-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, list_options, "List clients' certificates",
      "Those that have expired are shown, too, until they are removed.",
      list_examples, run_list },
    { "certificate-remove", NULL, "ID...", 1, -1,
      COMMAND_CHANGES | COMMAND_DESTROYS, COMPLETE_NOTHING, NULL,
      "End clients' certificates",
      "They, and what was made with them, are good for nothing at once, also "
      "on connections that are open. The whole fingerprint is as good as an "
      "ID.",
      remove_examples, run_remove },
};

const struct command_family family_certificate = {
    "Certificates", certificate_commands,
    sizeof(certificate_commands) / sizeof(certificate_commands[0])
};
