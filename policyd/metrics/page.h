/*
 * policyd's metrics for Prometheus, at the settings' metrics_address; also of
 * one that stands by, which has little to tell.
 */
#ifndef POLICYD_METRICS_PAGE_H
#define POLICYD_METRICS_PAGE_H

#include "base/error.h"

struct event_base;
struct metrics_page;
struct operations;
struct setup;

/* ops NULL: this policyd stands by.  *ret is NULL when there is no address,
 * or somebody else listens there, which is logged: policyd works without
 * metrics.  Errors: VDC_E_BAD_VALUE (the address). */
int metrics_page_new(struct event_base *base, const struct setup *setup,
                     struct operations *ops, struct metrics_page **ret,
                     struct vdc_error *err);
/* Before the operations end.  NULL allowed. */
void metrics_page_free(struct metrics_page *page);

#endif
