/*
 * A policyd that answers what a test says: xl-vdc runs as a child, and the
 * test is at the other end of its socket.
 */
#ifndef TESTS_UNIT_XL_EXT_FAKE_POLICYD_H
#define TESTS_UNIT_XL_EXT_FAKE_POLICYD_H

#include <stdbool.h>

#include "wire/wire.h"

/* What the child did, after fake_end. */
struct fake_result {
    int status; /* exit status, or 1000 + signal */
    const char *out, *err;
};

/* Runs xl-vdc with these words, split as a step of `transaction` is, and has
 * greeted it at return.  All that follows is about this one. */
void fake_run(const char *line);

/* The same, and the child is started deaf to SIGINT, as by a shell in the
 * background. */
void fake_run_deaf(const char *line);
/* The same for a command that is to end before it says anything. */
void fake_run_alone(const char *line);

/* The next message of the child, which must be of that number. */
const void *fake_receive(enum wire_message_number number);
/* The child has ended its connection and sent nothing more. */
bool fake_is_closed(void);

/* Answers the message that was received last; or an earlier one. */
void fake_answer(enum wire_message_number number, const void *body);
void fake_answer_to(uint32_t id, enum wire_message_number number,
                    const void *body);
void fake_fail(int code, const char *text, const char *hint);
uint32_t fake_id(void); /* of the message that was received last */

/* A partition as answers have it: running, domain 3, on host alpha. */
struct wire_partition fake_partition(const char *name);
/* Receives a transaction and answers with such a result for each operation;
 * `partition` NULL: as fake_partition.  Returns the transaction. */
const struct wire_transaction *
fake_transact(const struct wire_partition *partition);

void fake_signal(int number);
/* Until the child's stderr has the text; false after 10 s. */
bool fake_wait_for(const char *text);

/* Closes the connection and waits for the child; valid until the next run. */
struct fake_result fake_end(void);

#endif
