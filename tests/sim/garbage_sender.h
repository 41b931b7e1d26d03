/*
 * One who sends garbage to policyd, and knows of all that is sent what must
 * become of it: a request is answered once, and anything else ends the
 * connection.  What does not is printed, and counts as a failed check.
 */
#ifndef TESTS_SIM_GARBAGE_SENDER_H
#define TESTS_SIM_GARBAGE_SENDER_H

#include "tests/sim/test_policyd_bed.h"

#define SENDER_UNDER_WAY 16 /* requests at a time; policyd takes 32 */

/* A request that has no answer yet. */
struct sender_request {
    uint32_t id;
    const struct wire_message *message;
    bool required; /* some are answered only when something comes of them */
};

struct sender {
    const char *name;
    uid_t uid;
    bool denied;      /* all that it asks for */
    const char *owns; /* what others' records do not have; NULL: nothing */
    const struct bed *bed;
    struct client client;
    bool open;
    struct sender_request waiting[4 * SENDER_UNDER_WAY];
    size_t n_waiting, n_required;
    struct {
        unsigned sent, answered, errors, ended;
    } sum;
};

/* Bytes that may be a message, and are whatever they are: `name` is what they
 * were made from. */
void sender_send(struct sender *s, const char *name, const uint8_t *bytes,
                 size_t size);
/* Every message instead of a hello, and frames that there are not. */
void sender_send_first(struct sender *s);
/* Waits until all is answered that must be. */
void sender_settle(struct sender *s);
void sender_disconnect(struct sender *s);
void sender_complain(const struct sender *s, const char *what,
                     const char *message);

#endif
