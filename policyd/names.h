/*
 * Names of customers and guests, and the names of guests' domains in Xen.
 */
#ifndef POLICYD_NAMES_H
#define POLICYD_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Of a project's whole name, CUSTOMER_PROJECT, too. */
#define NAMES_CUSTOMER_MAX 31
#define NAMES_GUEST_MAX 63
#define NAMES_XEN_MAX 127

/* The built-in customer that owns the operators' own guests. */
#define NAMES_PROVIDER "provider"

/* Between a customer's name and its project's: no customer's name has it, and
 * it means nothing to Xen, xenstore, file names and rules of channels. */
#define NAMES_PROJECT_MARK '_'

/* For new names.  Errors: VDC_E_BAD_VALUE with the rule.  Guests that have a
 * name of digits alone, from a time when that was allowed, keep it. */
int names_check_customer(const char *name, struct vdc_error *err);
int names_check_guest(const char *name, struct vdc_error *err);

/* Of a project's name, whose it is; false: it is no project's.  `ret` of
 * NAMES_CUSTOMER_MAX + 1. */
bool names_parent(const char *name, char *ret);
/* Whether `name` is the customer itself or a project of it.  A project covers
 * itself alone. */
bool names_covers(const char *customer, const char *name);

/* "CUSTOMER.NAME", for the provider "NAME"; buf of NAMES_XEN_MAX + 1. */
const char *names_xen(const char *customer, const char *name, char *buf);

/* Splits "CUSTOMER.NAME" at the first dot; false when there is no dot or the
 * first part cannot be a customer's name. */
bool names_split(const char *text, char *ret_customer, const char **ret_name);

/* Whether the text is a number that can be a domid; 0 is not. */
bool names_domid(const char *text, unsigned *ret);

#endif
