/*
 * Looks at certificates; see expiry.h.
 */
#include "policyd/metrics/expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/tls.h"
#include "policyd/api/operations.h"
#include "policyd/dc/dc.h"

/* Of clients' address, as it is on disk: what is in force may be older, until
 * policyd is told to read it. */
static void look_at_file(const struct operations *ops, expiry_fn *fn,
                         void *arg)
{
    struct tls_certificate certificate;
    char *text = NULL;

    if (!*ops->setup->tls_address ||
        textfile_read(ops->setup->tls_certificate, TLS_CERTIFICATE_MAX, &text,
                      NULL))
        return;
    if (!tls_certificate_read(text, strlen(text), &certificate, NULL))
        fn(arg, "tls_address", certificate.valid_to_ms);
    free(text);
}

void expiry_each(const struct operations *ops, expiry_fn *fn, void *arg)
{
    struct tls_certificate certificate;
    const struct host *host;
    char name[128];

    if (dc_authority(ops->dc, &certificate))
        fn(arg, "authority", certificate.valid_to_ms);
    if (dc_own(ops->dc, &certificate))
        fn(arg, "policyd", certificate.valid_to_ms);
    look_at_file(ops, fn, arg);
    for (host = hosts_first(ops->hosts); host; host = hosts_next(host)) {
        if (!host->record.certificate_to_ms)
            continue;
        snprintf(name, sizeof(name), "host %s", host->name);
        fn(arg, name, host->record.certificate_to_ms);
    }
}
