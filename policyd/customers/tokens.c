/*
 * Tokens in memory; see tokens.h.
 */
#include "policyd/customers/tokens.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct token {
    TAILQ_ENTRY(token) link; /* by id */
    const char *id;          /* its body's */
    struct arena *arena;     /* holds the body */
    struct wire_stored_token body;
};

struct tokens {
    TAILQ_HEAD(token_list, token) all;
    void *by_id; /* tsearch(3) tree */
};

static int compare_id(const void *a, const void *b)
{
    const struct token *x = a, *y = b;

    return strcmp(x->id, y->id);
}

struct tokens *tokens_new(void)
{
    struct tokens *tokens = XNEW(struct tokens);

    TAILQ_INIT(&tokens->all);
    return tokens;
}

static struct token *find(const struct tokens *tokens, const char *id)
{
    struct token key = { .id = id };
    struct token *const *found = tfind(&key, &tokens->by_id, compare_id);

    return found ? *found : NULL;
}

static void drop(struct tokens *tokens, struct token *token)
{
    tdelete(token, &tokens->by_id, compare_id);
    TAILQ_REMOVE(&tokens->all, token, link);
    arena_free(token->arena);
    free(token);
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    while (!TAILQ_EMPTY(&tokens->all))
        drop(tokens, TAILQ_FIRST(&tokens->all));
    free(tokens);
}

static struct token *after(const struct tokens *tokens, const char *id)
{
    struct token *token = find(tokens, id);

    if (token)
        return TAILQ_NEXT(token, link);
    TAILQ_FOREACH(token, &tokens->all, link)
    if (strcmp(token->id, id) > 0)
        break;
    return token;
}

int tokens_put(struct tokens *tokens, const struct wire_stored_token *body,
               struct vdc_error *err)
{
    struct token *token = XNEW(struct token), *next;

    token->arena = arena_new();
    int rc = wire_struct_copy(&wire_struct_stored_token, body, token->arena,
                              &token->body, err);
    if (rc) {
        arena_free(token->arena);
        free(token);
        return rc;
    }
    token->id = token->body.token.id;
    tokens_remove(tokens, token->id);
    next = after(tokens, token->id);
    if (next)
        TAILQ_INSERT_BEFORE(next, token, link);
    else
        TAILQ_INSERT_TAIL(&tokens->all, token, link);
    if (!tsearch(token, &tokens->by_id, compare_id))
        abort(); /* no memory: as everywhere */
    return 0;
}

void tokens_remove(struct tokens *tokens, const char *id)
{
    struct token *token = find(tokens, id);

    if (token)
        drop(tokens, token);
}

const struct wire_stored_token *tokens_find(const struct tokens *tokens,
                                            const char *id)
{
    const struct token *token = find(tokens, id);

    return token ? &token->body : NULL;
}

const struct wire_stored_token *tokens_after(const struct tokens *tokens,
                                             const char *id)
{
    const struct token *token = after(tokens, id);

    return token ? &token->body : NULL;
}
