/*
 * Requests that their client does not want any more.  The cancel itself has
 * no answer; the request that it is about has.
 */
#include "policyd/api/operations.h"

void cancel_request(struct request *request)
{
    const struct wire_cancel *cancel = request->body;
    struct request *other = request_sibling(request, cancel->request);

    /* one that is answered already is not known any more */
    if (other)
        request_cancel(other);
    request_free(request);
}
