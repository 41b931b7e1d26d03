/*
 * The files that a definition names, as the host on which it will run finds
 * them: where they really are, whether the customer may use them, and how
 * large the disks are.
 */
#ifndef POLICYD_FILES_H
#define POLICYD_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/settings.h"
#include "wire/wire.h"

/*
 * Replaces each path by its canonical form and fills in the disks' sizes;
 * the lists are changed in place.  Touches the file system (stat, and open of
 * block devices), which takes as long as that takes.
 *
 * For a customer (`restricted`) a file outside `paths` gives the same words
 * as a file that does not exist; a path is used only when nobody but root can
 * exchange what it leads to; a disk in a directory shared by customers must
 * be read-only.
 * Errors: VDC_E_NO_FILE, VDC_E_BAD_VALUE, VDC_E_DENIED.
 */
int files_check(const struct setting_list *paths, const char *customer,
                bool restricted, struct wire_definition *definition,
                struct arena *arena, struct vdc_error *err);

#endif
