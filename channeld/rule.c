/*
 * Which rule decides, and the names that rules are about.  Reading the file
 * is in rule_parse.c.
 */
#include "channeld/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"

void rule_table_free(struct rule_table *table)
{
    if (!table)
        return;
    free(table->path);
    free(table->rules);
    free(table);
}

/* ---- names ---- */

static bool is_word(const char *text, size_t len)
{
    return len > 0 && strspn(text, WORD_CHARACTERS) >= len &&
           !strchr("._-", text[0]);
}

int rule_check_service(const char *service, struct vdc_error *err)
{
    const char *slash = strchr(service, '/');
    const char *word = slash ? slash + 1 : service;
    size_t before = slash ? (size_t)(slash - service) : 0;

    if (strlen(service) <= RULE_SERVICE_MAX && is_word(word, strlen(word)) &&
        (!slash || (before <= PARTY_OWNER_MAX && is_word(service, before))))
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%.80s' cannot be a service's name",
                  service);
    vdc_error_hint(err,
                   "a word of a-z, 0-9, '.', '_' and '-', a letter or "
                   "digit first, or CUSTOMER/WORD; %d characters at most",
                   RULE_SERVICE_MAX);
    return VDC_E_BAD_VALUE;
}

bool rule_is_customer(const char *word)
{
    size_t len = strlen(word);

    return word[0] >= 'a' && word[0] <= 'z' && len <= PARTY_OWNER_MAX &&
           /* "CUSTOMER_PROJECT" is a project of a customer */
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

bool rule_service_customer(const char *service, char *buf)
{
    const char *slash = strchr(service, '/');

    if (!slash || slash - service > PARTY_OWNER_MAX)
        return false;
    memcpy(buf, service, (size_t)(slash - service));
    buf[slash - service] = '\0';
    return true;
}

/* ---- matching ---- */

static bool service_matches(const char *pattern, const char *service)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(pattern, service, len - 1) == 0;
    return strcmp(pattern, service) == 0;
}

/* Without @same-customer, which is about both ends. */
static bool subject_matches(const struct rule_subject *subject,
                            const struct party *party)
{
    switch (subject->kind) {
    case RULE_ANY:
        return true;
    case RULE_HOST:
        return party_is_host(party);
    case RULE_CUSTOMER:
    case RULE_SAME_CUSTOMER:
        return *party->owner != '\0';
    case RULE_OWNER:
        /* the provider's programs of dom0 are @host, and nobody's guests */
        return strcmp(subject->owner, party->owner) == 0 &&
               !party_is_host(party);
    case RULE_PARTITION:
        return party->domid != 0 &&
               strcmp(subject->owner, party->owner) == 0 &&
               strcmp(subject->name, party->name) == 0;
    case RULE_UUID:
        return party->domid != 0 &&
               uuid_equal(&subject->uuid, &party->partition);
    }
    return false;
}

static bool matches(const struct rule *rule, const char *service,
                    const struct party *from, const struct party *to)
{
    bool same = rule->from.kind == RULE_SAME_CUSTOMER ||
                rule->to.kind == RULE_SAME_CUSTOMER;

    return service_matches(rule->service, service) &&
           subject_matches(&rule->from, from) &&
           subject_matches(&rule->to, to) &&
           (!same || party_same_customer(from, to));
}

const struct rule *rule_decide(const struct rule_table *table,
                               const char *service, const struct party *from,
                               const struct party *to)
{
    for (size_t i = 0; i < table->n_rules; i++)
        if (matches(&table->rules[i], service, from, to))
            return &table->rules[i];
    return NULL;
}

bool rule_is_at(const struct rule *rule, const struct party *party)
{
    return rule->moved && subject_matches(&rule->at, party);
}

const struct rule *rule_for_offer(const struct rule_table *table,
                                  const char *service, const struct party *to)
{
    for (size_t i = 0; i < table->n_rules; i++) {
        const struct rule *rule = &table->rules[i];
        if (!service_matches(rule->service, service) ||
            (!subject_matches(&rule->to, to) && !rule_is_at(rule, to)))
            continue;
        if (rule->allow)
            return rule;
        if (rule->from.kind == RULE_ANY)
            return NULL; /* nobody gets as far as a later rule */
    }
    return NULL;
}

const char *rule_place(const struct rule_table *table, const struct rule *rule,
                       char *buf)
{
    char *full = xasprintf("%s:%u", table->path, rule->line);
    const char *text = full;

    while (strlen(text) > RULE_PLACE_MAX && strchr(text, '/'))
        text = strchr(text, '/') + 1;
    party_copy(buf, RULE_PLACE_MAX + 1, text);
    free(full);
    return buf;
}
