/*
 * xenstore's tree within the simulated host's state: nodes by path, and the
 * row of changes for those who watch.  Plain data: no callbacks, no lock (the
 * caller has it).  Texts returned are in the mapping and valid until the next
 * change.
 */
#ifndef VDC_HV_SIM_SIM_TREE_H
#define VDC_HV_SIM_SIM_TREE_H

#include <stdint.h>

#include "hv/sim/sim_state.h"

#define TREE_PATH_MAX 3072u /* characters, as in xenstore */
#define TREE_NAME_MAX 255u
#define TREE_VALUE_MAX 2048u

/* A node is its index; 0 is none. */
#define TREE_ROOT 1u

/* Makes the root; the tree is empty. */
void sim_tree_init(struct sim_state *state);

/* Absolute, of xenstore's characters (letters, digits, - / _ @), without an
 * empty part.  Errors: VDC_E_BAD_VALUE with the path. */
int sim_tree_check_path(const char *path, struct vdc_error *err);

/* 0 when there is none.  The path is checked already. */
uint32_t sim_tree_find(const struct sim_state *state, const char *path);
uint32_t sim_tree_child(const struct sim_state *state, uint32_t parent,
                        const char *name);
const char *sim_tree_name(const struct sim_state *state, uint32_t node);
const char *sim_tree_value(const struct sim_state *state, uint32_t node);
/* "" when there is no such node. */
const char *sim_tree_read(const struct sim_state *state, const char *path);

/* Sets the value, making the node and those above it when they are not there;
 * new ones belong to whom the one above belongs.
 * Errors: VDC_E_HYPERVISOR when the store is full (what was made of the path
 * stays). */
int sim_tree_write(struct sim_state *state, const char *path,
                   const char *value, struct vdc_error *err);
int sim_tree_writef(struct sim_state *state, struct vdc_error *err,
                    const char *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* With everything below; nothing when it is not there. */
void sim_tree_remove(struct sim_state *state, const char *path);
void sim_tree_removef(struct sim_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* False when there is no such node. */
bool sim_tree_set_access(struct sim_state *state, const char *path,
                         const struct hv_store_access *access);

#endif
