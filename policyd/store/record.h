/*
 * Records of the data center's store as operations know them, and what they
 * are in the store.
 */
#ifndef POLICYD_STORE_RECORD_H
#define POLICYD_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"
#include "policyd/store/store.h"
#include "wire/wire.h"

/* The numbers are in databases: never changed. */
enum assignment_state {
    ASSIGNMENT_CREATING = 1, /* recorded; its host is being asked */
    ASSIGNMENT_ACTIVE = 2,
    ASSIGNMENT_DELETING = 3, /* its host is being asked to forget it */
    ASSIGNMENT_RENAMING = 4, /* its host is being asked for new_name */
    ASSIGNMENT_CHANGING = 5  /* its host is being asked for what counts in
                                quotas; `counts` is the most it may be */
};

/* A partition as operations know it. */
struct store_assignment {
    struct vdc_uuid uuid;
    const char *customer;
    const char *name;
    const char *new_name; /* RENAMING; otherwise "" */
    const char *host;
    enum assignment_state state;
    struct wire_usage counts; /* what it counts for in quotas */
    const char *macs;         /* separated by spaces */
    const char *reason;       /* why this host */
    uint64_t created_ms;      /* ms since 1970 */
    uint64_t since_ms; /* it has had `counts`, and has run or not; book.c */
    bool runs;
    const char *placing; /* NULL: nothing; see stored_partition in wire.def */
    uint64_t host_busy_ms; /* the same */
    uint64_t moved_ms;     /* the same */
    const char *images; /* NULL: none; digests, separated by spaces */
};

/* Who changed what. */
struct store_audit {
    uint64_t time_ms;
    uint32_t uid; /* UINT32_MAX: policyd itself */
    const char *customer;
    const char *message; /* "partition_create" */
    const char *object;
    int result; /* 0 or a VDC_E_ code */
    const char *who;    /* user, token or guest, for a person; NULL: "" */
    const char *origin; /* from where: a process, a domain; NULL: "" */
    const char *detail; /* of a failure, why; NULL: "" */
};
#define STORE_UID_NONE UINT32_MAX

/* The answer to a request that had a key. */
struct store_answer {
    const char *owner; /* whose key */
    const char *key;
    uint64_t digest;  /* of the request, to tell another with the same key */
    uint32_t message; /* number of the answer's message */
    uint64_t keep_ms; /* those older go when it is put; not stored */
    uint64_t time_ms; /* since 1970 */
    const uint8_t *body; /* as wire_struct_encode made it */
    size_t size;
};
/* Instead of a message: there is no answer yet. */
#define STORE_ANSWER_OPEN 0
/* So many of each owner are kept. */
#define STORE_ANSWERS_MAX 1000

/* Both ways; texts are the same pointers.  Errors: VDC_E_STORE_CORRUPT, for
 * a state that there is not. */
void record_of_assignment(const struct store_assignment *a,
                          struct wire_stored_partition *ret);
int record_to_assignment(const struct wire_stored_partition *record,
                         struct store_assignment *ret, struct vdc_error *err);
void record_of_answer(const struct store_answer *a,
                      struct wire_stored_answer *ret);
void record_to_answer(const struct wire_stored_answer *record,
                      struct store_answer *ret);
void record_of_audit(const struct store_audit *a,
                     struct wire_stored_audit *ret);

/* The id that a record must have, in the arena; NULL: its body does not say.
 */
const char *record_id(enum store_record record, const void *body,
                      struct arena *arena);

/* Their ids in the store, in the arena. */
char *record_image_id(const char *customer, const char *name,
                      struct arena *arena);
char *record_answer_id(const char *owner, const char *key,
                       struct arena *arena);
/* Of times that rise, and of two of the same time as they come: `number` is
 * of this process. */
char *record_audit_id(uint64_t time_ms, uint64_t number, struct arena *arena);
char *record_use_id(uint64_t end_ms, const struct vdc_uuid *uuid,
                    struct arena *arena);
/* With what ids of all times from this one on for RECORD_TIME_STEP ms begin;
 * the time is a multiple of that. */
#define RECORD_TIME_STEP UINT64_C(100000000) /* 27.8 h */
char *record_time_prefix(uint64_t time_ms, struct arena *arena);

#endif
