/*
 * Answers in xenstore; see answer.h.
 */
#include "automation/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

int answer_node(struct hv *hv, const char *folder, const char *name,
                const char *value, struct vdc_error *err)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return hv->store->write(hv, path, value, err);
}

/* How much of the text the first piece has: whole lines, or as much as fits of
 * a line that is longer; no character is cut. */
static size_t piece_size(const char *text)
{
    size_t size = strlen(text);

    if (size <= ANSWER_PIECE)
        return size;
    size = ANSWER_PIECE;
    const char *end = memrchr(text, '\n', size + 1);
    if (end)
        return (size_t)(end - text);
    while (size > ANSWER_PIECE - 4 &&
           ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* Without the ends of lines at the end of all: xenstore-read writes one. */
static const char *piece_of(const char *text, size_t size, char *ret)
{
    bool is_last = !text[size];

    while (is_last && size && text[size - 1] == '\n')
        size--;
    memcpy(ret, text, size);
    ret[size] = '\0';
    return ret;
}

static int write_result(struct hv *hv, const char *folder, const char *text,
                        size_t n_pieces, struct vdc_error *err)
{
    char piece[ANSWER_PIECE + 1], name[32] = "result";
    int rc = 0;

    for (size_t i = 0; !rc && i < n_pieces && (i == 0 || *text); i++) {
        size_t size = piece_size(text);
        if (i)
            snprintf(name, sizeof(name), "result/%zu", i);
        rc = answer_node(hv, folder, name, piece_of(text, size, piece), err);
        text += size;
        text += *text == '\n';
    }
    return rc;
}

static int write_end(struct hv *hv, const char *folder, const char *errors,
                     int status, struct vdc_error *err)
{
    char piece[ANSWER_PIECE + 1], number[24];
    int rc = answer_node(hv, folder, "error",
                         piece_of(errors, piece_size(errors), piece), err);

    snprintf(number, sizeof(number), "%d", status);
    if (!rc)
        rc = answer_node(hv, folder, "exit-status", number, err);
    snprintf(number, sizeof(number), "%" PRIu64, clock_wall().ms / 1000);
    if (!rc)
        rc = answer_node(hv, folder, "finished", number, err);
    if (!rc)
        rc = answer_node(hv, folder, "state", status ? "failed" : "done", err);
    return rc;
}

int answer_write(struct hv *hv, const char *folder,
                 const struct run_result *result, size_t n_pieces,
                 struct vdc_error *err)
{
    int rc = write_result(hv, folder, result->out, n_pieces, err);

    return rc ? rc
              : write_end(hv, folder, result->errors, result->status, err);
}

int answer_error(struct hv *hv, const char *folder,
                 const struct vdc_error *error, struct vdc_error *err)
{
    char text[sizeof(error->text) + sizeof(error->hint) + 2];

    snprintf(text, sizeof(text), "%s%s%s", error->text,
             *error->hint ? "\n" : "", error->hint);
    int rc = answer_node(hv, folder, "result", "", err);
    return rc ? rc
              : write_end(hv, folder, text,
                          vdc_error_exit_status(error->code), err);
}
