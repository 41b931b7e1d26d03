/*
 * The memory of a request as a list of blocks that only grows, and the heap
 * calls that abort instead of returning NULL.
 *
 * A block of many pieces is not cleared when it is made, as most of it may
 * never be taken; a piece is when it is taken, unless it is filled at once.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE 4000 /* with its header less than a page */
#define ALIGN (sizeof(max_align_t))

struct block {
    struct block *next;
    size_t size, used; /* of bytes[] */
    bool is_clear;     /* all zero behind what is used */
    max_align_t bytes[];
};

struct arena {
    struct block *blocks; /* the first is the one that is being filled */
    size_t used;
};

/* Formats nothing and allocates nothing: there may be no memory to do so. */
static void *no_memory(void)
{
    static const char text[] = "<2>out of memory, aborting\n";
    ssize_t r = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)r;
    abort();
}

void *xzalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    return p ? p : no_memory();
}

void *xrealloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    return p ? p : no_memory();
}

char *xstrdup(const char *text)
{
    char *p = strdup(text ? text : "");
    return p ? p : no_memory();
}

char *xasprintf(const char *format, ...)
{
    char *p;
    va_list ap;
    va_start(ap, format);
    int len = vasprintf(&p, format, ap);
    va_end(ap);
    return len >= 0 ? p : no_memory();
}

/* `is_clear`: calloc has pages that are zero already for large ones. */
static struct block *block_new(size_t size, bool is_clear)
{
    struct block *block = is_clear ? calloc(1, sizeof(*block) + size)
                                   : malloc(sizeof(*block) + size);

    if (!block)
        no_memory();
    block->next = NULL;
    block->size = size;
    block->used = 0;
    block->is_clear = is_clear;
    return block;
}

struct arena *arena_new(void)
{
    return XNEW(struct arena);
}

struct arena *arena_new_sized(size_t size)
{
    struct arena *arena = arena_new();

    arena->blocks = block_new(size, true);
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(arena);
}

size_t arena_taken(size_t size)
{
    return size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

static void *block_take(struct block *block, size_t size, bool clear)
{
    void *p = (char *)block->bytes + block->used;

    block->used += size;
    return clear && !block->is_clear ? memset(p, 0, size) : p;
}

/* `clear` false: whoever takes it fills it. */
static void *take(struct arena *arena, size_t size, bool clear)
{
    if (size > SIZE_MAX / 2)
        return no_memory();
    size = arena_taken(size);
    arena->used += size;
    struct block *first = arena->blocks;
    if (first && first->size - first->used >= size)
        return block_take(first, size, clear);

    bool is_big = size > BLOCK_SIZE / 4;
    struct block *block =
        block_new(is_big ? size : BLOCK_SIZE, is_big && clear);
    if (first && is_big) {
        /* A big piece has a block of its own; the rest of the present block
         * stays in use. */
        block->next = first->next;
        first->next = block;
    } else {
        block->next = first;
        arena->blocks = block;
    }
    return block_take(block, size, clear);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size, true);
}

void *arena_alloc_unset(struct arena *arena, size_t size)
{
    return take(arena, size, false);
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total)) {
        assert(!"size of an array overflows");
        abort();
    }
    return arena_alloc(arena, total);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_memdup(arena, text ? text : "", text ? strlen(text) + 1 : 1);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    len = text ? strnlen(text, len) : 0;
    char *copy = take(arena, len + 1, false);
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
    void *copy = take(arena, size, false);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char little[256]; /* most texts are written once */
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(little, sizeof(little), format, ap);
    va_end(ap);
    assert(len >= 0);
    char *text = take(arena, (size_t)len + 1, false);
    if ((size_t)len < sizeof(little))
        return memcpy(text, little, (size_t)len + 1);
    va_start(ap, format);
    vsnprintf(text, (size_t)len + 1, format, ap);
    va_end(ap);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
