/*
 * The rules: who may offer which service, and who may connect to it.
 *
 * A file of one rule a line, of which the first that matches decides; where
 * none matches, the answer is no:
 *
 *     SERVICE FROM TO allow|deny [at=PARTITION] [channels=N] [size=N]
 *         [grants=N]
 *
 *   SERVICE   a name; all of a customer: CUSTOMER and a slash and a star;
 *             all: a star
 *   FROM, TO  the client and whoever offers the service: @any; @host, the
 *             provider's programs of dom0; @customer, whatever any customer
 *             has; @same-customer, whatever the customer of the other end
 *             has; a customer's name, or "provider"; CUSTOMER.PARTITION;
 *             a partition's UUID
 *   at        CUSTOMER.PARTITION or a UUID, which serves it instead of TO: the
 *             client asks TO, and need not know that the partition is there
 *   channels  of the service that one client may have at once
 *   size      of a channel's ring in each direction, at most (64K, 1M)
 *   grants    pages that one client's channels to the service may take
 *
 * "#" begins a comment.  Pure: no clock, no I/O but rule_table_read.
 */
#ifndef CHANNELD_RULE_H
#define CHANNELD_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/units.h"
#include "channeld/party.h"

#define RULE_SERVICE_MAX 63
#define RULE_TEXT_MAX 255  /* characters of a line */
#define RULE_PLACE_MAX 127 /* of FILE:LINE */
#define RULE_FILE_MAX (1024 * 1024)
#define RULE_ROWS_MAX 10000

enum rule_subject_kind {
    RULE_ANY,
    RULE_HOST,
    RULE_CUSTOMER,
    RULE_SAME_CUSTOMER,
    RULE_OWNER,     /* all of one customer, or of the provider */
    RULE_PARTITION, /* owner and name */
    RULE_UUID
};

struct rule_subject {
    enum rule_subject_kind kind;
    char owner[PARTY_OWNER_MAX + 1];
    char name[PARTY_NAME_MAX + 1];
    struct vdc_uuid uuid;
};

struct rule {
    char service[RULE_SERVICE_MAX + 1];
    struct rule_subject from, to;
    bool allow;
    bool moved;              /* it is served at: */
    struct rule_subject at;
    uint32_t channels; /* 0: no limit by this rule */
    struct mem size;   /* the same */
    uint32_t grants;   /* the same */
    unsigned line;
    char text[RULE_TEXT_MAX + 1]; /* as it is written */
};

struct rule_table {
    char *path;
    struct rule *rules;
    size_t n_rules;
};

/*
 * All errors of the file come at once (VDC_E_BAD_CONFIG), each as PATH:LINE,
 * what is wrong, and what is allowed.  A file without rules is valid, and
 * allows nothing.
 */
int rule_table_parse(const char *path, const char *text, size_t len,
                     struct rule_table **ret, struct vdc_error *err);
/* Besides VDC_E_NO_FILE. */
int rule_table_read(const char *path, struct rule_table **ret,
                    struct vdc_error *err);
void rule_table_free(struct rule_table *table); /* NULL allowed */

/* The rule that decides, or NULL (which means no). */
const struct rule *rule_decide(const struct rule_table *table,
                               const char *service, const struct party *from,
                               const struct party *to);
/* Whether the party is the partition that serves, by a rule with "at". */
bool rule_is_at(const struct rule *rule, const struct party *party);
/* The first rule that may let anybody connect to this service of `to`, or
 * NULL: then it may not offer it. */
const struct rule *rule_for_offer(const struct rule_table *table,
                                  const char *service, const struct party *to);
/* "FILE:LINE", the folders before the file left out when it is too long;
 * returns buf (RULE_PLACE_MAX + 1). */
const char *rule_place(const struct rule_table *table, const struct rule *rule,
                       char *buf);

/* [CUSTOMER/]WORD of a-z, 0-9, '.', '_' and '-', at most 63 characters, a
 * letter or digit first in each.  Errors: VDC_E_BAD_VALUE. */
int rule_check_service(const char *service, struct vdc_error *err);
/* Whether a customer could be called so: a-z, 0-9 and '-', a letter first. */
bool rule_is_customer(const char *word);
/* The customer before the slash into buf (PARTY_OWNER_MAX + 1); false when
 * there is none. */
bool rule_service_customer(const char *service, char *buf);

#endif
