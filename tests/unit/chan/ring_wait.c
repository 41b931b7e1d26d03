/* An end of a channel that sleeps on an eventfd. */
#include "tests/unit/chan/ring_wait.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void end_notify(struct end *end)
{
    uint64_t one = 1;

    end->n_notified++;
    if (write(end->notify_fd, &one, sizeof(one)) != sizeof(one) &&
        errno != EAGAIN) {
        perror("eventfd");
        exit(1);
    }
}

void end_sleep(struct end *end)
{
    struct pollfd pollfd = { .fd = end->wake_fd, .events = POLLIN };
    uint64_t count;
    int r;

    end->n_sleeps++;
    do
        r = poll(&pollfd, 1, 20000);
    while (r < 0 && errno == EINTR);
    if (r != 1) {
        printf("a notification was lost\n0 passed, 1 failed\n");
        exit(1);
    }
    /* Taken before the caller looks again; another thread of this end may
     * have taken it already. */
    r = (int)read(end->wake_fd, &count, sizeof(count));
}

int end_reserve(struct end *end, uint32_t size, uint8_t **ret)
{
    for (;;) {
        int rc = ring_reserve(end->ring, size, ret);
        if (rc != VDC_E_BUSY)
            return rc;
        end->n_asked++;
        if (!ring_want_room(end->ring, size))
            end_sleep(end);
    }
}

int end_peek(struct end *end, struct ring_message *ret)
{
    for (;;) {
        int rc = ring_peek(end->ring, ret);
        if (rc != VDC_E_BUSY)
            return rc;
        if (ring_give_back(end->ring))
            end_notify(end);
        end->n_asked++;
        if (!ring_want_message(end->ring))
            end_sleep(end);
    }
}
