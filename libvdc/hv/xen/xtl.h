/*
 * What libxl and libxc say while they work.
 *
 * libxl answers a failure with a number that means little ("ERROR_FAIL"); the
 * reason is in the lines that it logs.  This logger keeps the last lines of
 * warnings and errors, so that an error of ours can repeat them, and passes
 * all lines on to our log at debug level.
 */
#ifndef VDC_HV_XEN_XTL_H
#define VDC_HV_XEN_XTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <xentoollog.h>

#define XTL_LINES 64
#define XTL_LINE_SIZE 320

struct xtl_line {
    uint64_t serial;
    uint32_t domid; /* HV_DOMID_NONE when the line names no domain */
    bool is_error;  /* else a warning */
    char text[XTL_LINE_SIZE];
};

struct xtl {
    xentoollog_logger logger; /* first: libxl holds a pointer to it */
    pid_t pid;                /* of the process that set it up */
    uint64_t next;            /* serial of the next line */
    struct xtl_line lines[XTL_LINES];
};

void xtl_init(struct xtl *xtl);

/* To be taken before an operation begins, and given to xtl_words after it. */
uint64_t xtl_mark(const struct xtl *xtl);

/*
 * What was said since the mark about this domain, or about none by name:
 * the first errors (the causes come first, their consequences later), joined
 * by "; ", without libxl's file names and line numbers; warnings when there
 * was no error.  domid HV_DOMID_NONE: about any domain.
 * Returns the number of lines, 0 (and buf "") when there were none.
 */
size_t xtl_words(const struct xtl *xtl, uint64_t mark, uint32_t domid,
                 char *buf, size_t size);

#endif
