/* The nearest known word, by edit distance with swaps. */
#include "base/suggest.h"

#include <stdbool.h>
#include <string.h>

/* Nobody mistypes a word longer than this by one letter; a bound keeps the
 * work small when the word comes from a file. */
#define WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Distance of two words of at most WORD_MAX letters.  Three rows of the
 * usual table are enough, as a swap looks back two. */
static size_t distance(const char *a, size_t len_a, const char *b,
                       size_t len_b)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= len_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            bool same = a[i - 1] == b[j - 1];
            row[j] = min3(above[j] + 1, row[j - 1] + 1,
                          above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[len_a % 3][len_b];
}

const char *suggest_nearest(const char *word, const char *const *names,
                            size_t n_names)
{
    size_t len = strlen(word);
    if (len == 0 || len > WORD_MAX)
        return NULL;
    size_t best = (len + 2) / 3 + 1;
    const char *ret = NULL;
    for (size_t i = 0; i < n_names; i++) {
        if (!names[i] || strlen(names[i]) > WORD_MAX)
            continue;
        size_t d = distance(word, len, names[i], strlen(names[i]));
        if (d < best) {
            best = d;
            ret = names[i];
        }
    }
    return ret;
}
