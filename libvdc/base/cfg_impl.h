/*
 * The two implementations behind cfg.h.  cfg.c checks sizes and bytes, then
 * calls one; the unit test calls both.
 */
#ifndef VDC_BASE_CFG_IMPL_H
#define VDC_BASE_CFG_IMPL_H

#include <stddef.h>

#include "base/cfg.h"

/* Names in a text, and `+=` in it: bounds on the work that a text of a
 * stranger can cause (libxlutil keeps every intermediate value of a `+=`). */
#define CFG_ENTRIES_MAX 4096
#define CFG_ADDITIONS_MAX 64

/* The text has no byte 0. */
int cfg_plain_parse(const char *path, const char *text, size_t len,
                    const char *extra, struct arena *arena,
                    struct cfg_file *ret, struct vdc_error *err);
/* The specification has no control characters. */
int cfg_plain_disk(const char *spec, struct arena *arena, struct cfg_disk *ret,
                   struct vdc_error *err);

#ifdef WITH_XEN
int cfg_xlu_parse(const char *path, const char *text, size_t len,
                  const char *extra, struct arena *arena, struct cfg_file *ret,
                  struct vdc_error *err);
/* libxlutil's word alone on the text; only the test asks for it by itself. */
int cfg_xlu_verdict(const char *path, const char *text, size_t len,
                    struct arena *arena, struct vdc_error *err);
int cfg_xlu_disk(const char *spec, struct arena *arena, struct cfg_disk *ret,
                 struct vdc_error *err);
#endif

#endif
