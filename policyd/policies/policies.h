/*
 * Placement policies: which host is the best for whom, which guests belong
 * together, what room is kept.  From one file in xl.cfg syntax; what it may
 * say is in policies_keys.def.
 *
 *   policies.c        what they are when read, and their way into a view
 *   policies_load.c   the file
 *   policies_check.c  what in it contradicts itself
 *
 * A file is taken as a whole or not at all.  What was read is not changed any
 * more; whoever works with it for a while holds a reference.
 */
#ifndef POLICYD_POLICIES_POLICIES_H
#define POLICYD_POLICIES_POLICIES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "policyd/placement/request.h"

#define POLICIES_NAME_MAX 31
#define POLICIES_GROUP_MAX 95 /* CUSTOMER/GROUP */
#define POLICIES_GROUP_NAME_MAX 63
#define POLICIES_ITEMS_MAX 1024 /* in a list */
#define POLICIES_ARGUMENTS_MAX 16

enum policies_strategy {
    POLICIES_PACK,
    POLICIES_SPREAD,
    POLICIES_WEIGHTED,
    POLICIES_EXTERNAL
};

struct policies_policy {
    const char *name;
    unsigned line; /* 0: built in */
    enum policies_strategy strategy;
    /* What decides; of an external one, what counts for it are its name and
     * that hosts can be held against a request with it. */
    struct placement_policy placement;
    const char *program; /* of an external one */
    uint32_t n_arguments;
    const char *arguments[POLICIES_ARGUMENTS_MAX];
    uint64_t timeout_ms;
    const char *fallback_name;              /* or NULL */
    const struct policies_policy *fallback; /* or NULL */
};

struct policies_customer {
    const char *customer;
    unsigned line;
    const char *policy_name;
    const struct policies_policy *policy;
};

struct policies_rule {
    const char *name;
    unsigned line;
    const char *group, *other; /* CUSTOMER/GROUP */
    bool anti;
    bool hard;
    enum placement_scope scope;
};

struct policies_promise {
    const char *name;
    unsigned line;
    const char *customer; /* "": anybody */
    uint32_t n_guests;
    struct mem memory;
    uint32_t vcpus;
};

struct policies {
    unsigned n_references;
    struct arena *arena; /* all of this */
    const char *path;
    bool there;               /* false: no such file, all is built in */
    const char *default_name; /* as written */
    unsigned default_line;
    const struct policies_policy *fallback; /* that of all the others */
    uint32_t overcommit_percent;            /* 0: any number of vCPUs */
    uint32_t n_policies;                    /* the built-in ones first */
    uint32_t n_customers;
    uint32_t n_rules;
    uint32_t n_promises;
    struct policies_policy *policies;
    struct policies_customer *customers;
    struct policies_rule *rules;
    struct policies_promise *promises;
};

/*
 * Reads the file; the caller has the one reference.  `missing_too`: that there
 * is no such file is as an empty one. Errors: VDC_E_NO_FILE, VDC_E_BAD_CONFIG
 * with "path:line: " first: bad syntax, names that are not known (with the
 * nearest that is), values out of range, and what contradicts itself
 * (policies_check).
 */
int policies_load(const char *path, bool missing_too, struct policies **ret,
                  struct vdc_error *err);
/* The same of a text; `path` is what it is called. */
int policies_parse(const char *path, const char *text, size_t len,
                   struct policies **ret, struct vdc_error *err);
/* For policies_load.c: one that says nothing. */
struct policies *policies_new(const char *path);

struct policies *policies_hold(struct policies *policies);
void policies_drop(struct policies *policies); /* NULL allowed */

/*
 * Everything read: finds what names stand for, and refuses what cannot be or
 * contradicts itself: a default, fallback or customer's policy that is not
 * there, a fallback that needs a fallback itself, rules that cannot hold
 * together.  Errors: VDC_E_BAD_CONFIG, as above.
 */
int policies_check(struct policies *policies, struct vdc_error *err);

/* NULL: no such. */
const struct policies_policy *policies_find(const struct policies *policies,
                                            const char *name);
/* The policy of this customer's guests; never NULL. */
const struct policies_policy *policies_for(const struct policies *policies,
                                           const char *customer);

/* Puts rules, promises and the overcommit ratio into the view. */
void policies_apply(const struct policies *policies,
                    struct placement_view *view);
/* Takes them out again, for those that come next. */
void policies_withdraw(const struct policies *policies,
                       struct placement_view *view);

/* 1 to `most` of A-Z, a-z, 0-9, '.', '_' and '-', a letter or digit first. */
bool policies_is_word(const char *text, size_t most);
const char *policies_strategy_name(enum policies_strategy strategy);

/*
 * The full name of a group, CUSTOMER/GROUP, into the arena: `group` as a
 * guest of `customer` or the file says it; "x" is the customer's own x.
 * Errors: VDC_E_BAD_VALUE (not such a name), VDC_E_DENIED (another
 * customer's, and `restricted`).
 */
int policies_group(const char *customer, const char *group, bool restricted,
                   struct arena *arena, const char **ret,
                   struct vdc_error *err);

#endif
