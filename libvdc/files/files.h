/*
 * The files that a definition names, as the host on which it will run finds
 * them: where they really are, whether the customer may use them, and how
 * large the disks are.
 *
 * policyd decides by it, which looks by itself when it is on that host, and
 * has resourced look when it is not.
 */
#ifndef VDC_FILES_FILES_H
#define VDC_FILES_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/reasons.h"
#include "base/settings.h"
#include "wire/wire.h"

/* Whose files, and by which rules. */
struct files {
    const struct setting_list *paths; /* of customers, with %c */
    const char *customer;
    bool restricted;     /* asked for by a customer, not by an operator */
    struct arena *arena; /* for canonical paths and words */
};

/*
 * Replaces each path by its canonical form and fills in the disks' sizes;
 * the lists are changed in place.  Touches the file system (stat, and open of
 * block devices), which takes as long as that takes.
 *
 * For a customer (`restricted`) a file outside `paths` gives the same words
 * as a file that does not exist; a path is used only when nobody but root can
 * exchange what it leads to; a disk in a directory shared by customers must
 * be read-only.
 * Adds every reason why not: VDC_E_NO_FILE, VDC_E_BAD_VALUE, VDC_E_DENIED.
 */
void files_check(const struct files *files, struct wire_definition *definition,
                 struct reasons *reasons);

/* The same for one disk, as it is attached to a guest that is there. */
void files_check_disk(const struct files *files, struct wire_disk *disk,
                      struct reasons *reasons);

/*
 * A file that this guest's memory is to be saved to.  A customer's must be in
 * a directory of its own; what is there already is replaced only when it is
 * an older state of the same guest.  *path becomes canonical.
 */
void files_check_save(const struct files *files, const struct vdc_uuid *uuid,
                      const char **path, struct reasons *reasons);

/*
 * A file that this guest is to be restored from: one that save wrote, of the
 * same guest, and (for a customer) that nobody but root can write to, because
 * what is in it is taken apart on the host.  *path becomes canonical.
 */
void files_check_restore(const struct files *files,
                         const struct vdc_uuid *uuid, const char **path,
                         struct reasons *reasons);

/* Whichever of these the operation needs. */
void files_check_operation(const struct files *files,
                           struct wire_operation *operation,
                           struct reasons *reasons);

/*
 * Fills in how large the disks' files are now, where they can be looked at;
 * paths are canonical.  Returns whether a writable one is larger than it was.
 */
bool files_measure(struct wire_definition *definition);

/* How much files of saved guests take in the customer's own directories,
 * those being written included. */
struct mem files_measure_saved(const struct files *files);

#endif
