/* Pages in etcd's protobuf, byte by byte; see grpc_page.h. */
#include "tests/unit/policyd/grpc_page.h"

#include <string.h>

void grpc_page_end(struct grpc_page *page)
{
    page->bytes[0] = page->bytes[1] = page->bytes[2] = 0;
    page->bytes[3] = (uint8_t)((page->size - 5) >> 8);
    page->bytes[4] = (uint8_t)(page->size - 5);
}

static void put(struct grpc_page *page, const void *data, size_t size)
{
    memcpy(page->bytes + page->size, data, size);
    page->size += size;
}

void grpc_page_make(struct grpc_page *page, const char *const *keys,
                    size_t n_keys, bool more)
{
    /* cluster_id 7, revision 5, raft_term 300 */
    static const uint8_t header[] = { 0x0a, 7,    0x08, 7,   0x18,
                                      5,    0x20, 0xac, 0x02 };
    /* created, modified, version, the value */
    static const uint8_t rest[] = { 0x10, 2, 0x18, 3, 0x20, 1, 0x2a, 1, 'v' };

    page->size = 5;
    put(page, header, sizeof(header));
    for (size_t i = 0; i < n_keys; i++) {
        size_t len = strlen(keys[i]);
        const uint8_t begin[] = { 0x12, (uint8_t)(2 + len + sizeof(rest)),
                                  0x0a, (uint8_t)len };
        put(page, begin, sizeof(begin));
        put(page, keys[i], len);
        put(page, rest, sizeof(rest));
    }
    if (more)
        put(page, "\x18\x01", 2);
    put(page, "\x20\x40", 2); /* how many there are */
    grpc_page_end(page);
}
