/*
 * Rules for names.  A customer's name has no dot, so the Xen name
 * "CUSTOMER.NAME" can be taken apart in one way only; and no underscore, so
 * "CUSTOMER_PROJECT" is a project's in one way only.
 */
#include "policyd/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool word_ok(const char *word, size_t len)
{
    return len >= 1 && strchr(LOWER, word[0]) &&
           strspn(word, LOWER DIGITS "-") >= len;
}

static bool customer_ok(const char *name, size_t len)
{
    const char *under = memchr(name, NAMES_PROJECT_MARK, len);
    size_t first = under ? (size_t)(under - name) : len;

    if (len > NAMES_CUSTOMER_MAX || !word_ok(name, first))
        return false;
    return !under || word_ok(under + 1, len - first - 1);
}

int names_check_customer(const char *name, struct vdc_error *err)
{
    if (customer_ok(name, strlen(name)))
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' cannot be a customer's name",
                  name);
    vdc_error_hint(err,
                   "1 to %d characters of a-z, 0-9 and -, a letter first; a "
                   "project is called CUSTOMER_PROJECT",
                   NAMES_CUSTOMER_MAX);
    return VDC_E_BAD_VALUE;
}

bool names_parent(const char *name, char *ret)
{
    const char *under = strchr(name, NAMES_PROJECT_MARK);

    if (!under || under - name > NAMES_CUSTOMER_MAX)
        return false;
    memcpy(ret, name, (size_t)(under - name));
    ret[under - name] = '\0';
    return true;
}

bool names_covers(const char *customer, const char *name)
{
    size_t len = strlen(customer);

    return strncmp(name, customer, len) == 0 &&
           (name[len] == '\0' || name[len] == NAMES_PROJECT_MARK);
}

int names_check_guest(const char *name, struct vdc_error *err)
{
    size_t len = strlen(name);

    if (len >= 1 && strspn(name, DIGITS) == len) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "'%s' cannot be a guest's name: it would be taken for a "
                      "domid",
                      name);
        vdc_error_hint(err, "put a letter before it: g%s", name);
        return VDC_E_BAD_VALUE;
    }
    if (len >= 1 && len <= NAMES_GUEST_MAX &&
        strchr(LOWER UPPER DIGITS, name[0]) &&
        strspn(name, LOWER UPPER DIGITS "._-") == len)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' cannot be a guest's name", name);
    vdc_error_hint(err,
                   "1 to %d characters of A-Z, a-z, 0-9, '.', '_' and '-', "
                   "a letter or digit first",
                   NAMES_GUEST_MAX);
    return VDC_E_BAD_VALUE;
}

const char *names_xen(const char *customer, const char *name, char *buf)
{
    if (strcmp(customer, NAMES_PROVIDER) == 0)
        snprintf(buf, NAMES_XEN_MAX + 1, "%s", name);
    else
        snprintf(buf, NAMES_XEN_MAX + 1, "%s.%s", customer, name);
    return buf;
}

bool names_split(const char *text, char *ret_customer, const char **ret_name)
{
    const char *dot = strchr(text, '.');

    if (!dot || !customer_ok(text, (size_t)(dot - text)))
        return false;
    memcpy(ret_customer, text, (size_t)(dot - text));
    ret_customer[dot - text] = '\0';
    *ret_name = dot + 1;
    return true;
}

bool names_domid(const char *text, unsigned *ret)
{
    size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, DIGITS) != len)
        return false;
    unsigned n = (unsigned)strtoul(text, NULL, 10);
    if (n == 0)
        return false;
    *ret = n;
    return true;
}
