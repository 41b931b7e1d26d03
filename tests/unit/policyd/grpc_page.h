/* Pages as etcd sends them by gRPC, for tests. */
#ifndef TESTS_UNIT_POLICYD_GRPC_PAGE_H
#define TESTS_UNIT_POLICYD_GRPC_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRPC_PAGE_MAX 1024

struct grpc_page {
    uint8_t bytes[GRPC_PAGE_MAX]; /* with the head */
    size_t size;
};

/* A page of revision 5, with a head; its keys, with the prefix, each with the
 * value "v", created at 2 and modified at 3. */
void grpc_page_make(struct grpc_page *page, const char *const *keys,
                    size_t n_keys, bool more);
/* Writes the size of what is there into the head. */
void grpc_page_end(struct grpc_page *page);

#endif
