/*
 * What the commands about customers share: their limits and bounds, as options
 * and as tables.
 */
#ifndef XL_EXT_CUSTOMER_H
#define XL_EXT_CUSTOMER_H

#include "wire/wire.h"
#include "xl-ext/command.h"

/* ---- options ---- */

/* Rows of limits of what runs, and of bounds of sizes. */
#define CUSTOMER_LIMIT_OPTIONS                                              \
    { 0, "running-memory", "SIZE", COMPLETE_NOTHING,                        \
      "The same of its guests that run; as all of these, or none" },        \
    { 0, "running-vcpus", "N", COMPLETE_NOTHING, "Of guests that run" },    \
    { 0, "running-disk", "SIZE", COMPLETE_NOTHING, "Of guests that run" },  \
    { 0, "running-guests", "N", COMPLETE_NOTHING,                           \
      "The most guests that run at a time" },                               \
    { 0, "running-networks", "N", COMPLETE_NOTHING, "Of guests that run" }, \
    { 0, "min-memory", "SIZE", COMPLETE_NOTHING,                            \
      "Each guest must have so much; as all of these, or none" },           \
    { 0, "max-memory", "SIZE", COMPLETE_NOTHING,                            \
      "No guest may have more memory, or none" },                           \
    { 0, "min-vcpus", "N", COMPLETE_NOTHING, "So many vCPUs at least" },    \
    { 0, "max-vcpus", "N", COMPLETE_NOTHING, "So many vCPUs at most" },     \
    { 0, "min-disk", "SIZE", COMPLETE_NOTHING,                              \
      "Each disk that a guest may write must be as large" },                \
    { 0, "max-disk", "SIZE", COMPLETE_NOTHING,                              \
      "No such disk may be larger" },                                       \
    { 0, "min-disks", "N", COMPLETE_NOTHING, "So many such disks at least" }, \
    { 0, "max-disks", "N", COMPLETE_NOTHING, "So many such disks at most" }, \
    { 0, "min-nics", "N", COMPLETE_NOTHING,                                 \
      "So many network interfaces at least" },                              \
    { 0, "max-nics", "N", COMPLETE_NOTHING,                                 \
      "So many network interfaces at most" }

/* "none" is -1; limits that are not given stay. */
int customer_take_limits(const struct command_args *args,
                         struct wire_quota *quota, struct vdc_error *err);
/* "running-vcpus=4": a limit by the name of its option. */
int customer_take_limit(const char *word, struct wire_quota *quota,
                        struct vdc_error *err);
/* Into create->bounds, in the arena; those not given stay. */
int customer_take_bounds(const struct command_args *args,
                         struct wire_customer_create *create,
                         struct vdc_error *err);
/* Those that are not inherited. */
void customer_own_bounds(const struct wire_customer *customer,
                         struct arena *arena,
                         struct wire_customer_create *ret);
/* Whether an option of these, or --user, is given. */
bool customer_sets_something(const struct command_args *args);

/* ---- printing ---- */

void customer_print_list(struct arena *arena,
                         const struct wire_customer_list *list);
void customer_print(struct arena *arena, const struct wire_customer *c);

#endif
