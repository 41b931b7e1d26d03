/*
 * Arena: the memory of one request, taken in pieces and given back in one
 * call.  Not for anything that outlives the request.
 *
 * Allocation never returns NULL: when the machine has no memory left the
 * process logs one line and aborts, as a daemon that cannot answer should
 * restart (its journal makes that safe).  Input never decides the size of an
 * allocation unchecked: callers bound it first.
 */
#ifndef VDC_BASE_ARENA_H
#define VDC_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* One whose first `size` bytes are taken at once, in one piece: for what
 * lives long and has a size that is known. */
struct arena *arena_new_sized(size_t size);

/* Frees everything that was taken; NULL is allowed. */
void arena_free(struct arena *arena);

/* Zeroed memory, aligned for any type; size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same with anything in it, for what is large and mostly not used. */
void *arena_alloc_unset(struct arena *arena, size_t size);

/* n * size with overflow check (abort on overflow: a bug of ours). */
void *arena_array(struct arena *arena, size_t n, size_t size);

/* NULL text gives "". */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
void *arena_memdup(struct arena *arena, const void *data, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many bytes of it a piece of this size takes, for arena_new_sized. */
size_t arena_taken(size_t size);

/* Bytes taken so far, for statistics and tests. */
size_t arena_used(const struct arena *arena);

/* Plain heap with the same promise (abort instead of NULL), for objects with
 * create/destroy. */
void *xzalloc(size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc(arena, sizeof(type)))
#define ARENA_ARRAY(arena, n, type)                                           \
    ((type *)arena_array(arena, (size_t)(n), sizeof(type)))
#define XNEW(type) ((type *)xzalloc(sizeof(type)))

#endif
