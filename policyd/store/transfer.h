/*
 * A whole store to and from a file, and from one store to another: for a
 * policyd that is started for that alone and ends then.
 *
 * The file is one JSON object, with a record a line:
 *
 *   {"format":"xen-vdc store","version":1,"records":[
 *   {"kind":"customer","id":"acme","body":{"name":"acme",...}},
 *   ...
 *   {"kind":"partition","id":"...","body":{...}}
 *   ]}
 *
 * Kinds are the prefixes of store_records.def, bodies the structs of wire.def
 * as everywhere in JSON.  It is read line by line, so it may be of any size;
 * the lines may be in any order and be edited.
 */
#ifndef POLICYD_STORE_TRANSFER_H
#define POLICYD_STORE_TRANSFER_H

#include <stdbool.h>

#include "base/error.h"
#include "policyd/store/store.h"

struct event_base;

/*
 * Of one moment; of etcd also while a policyd runs on it.  `file` "-" is the
 * standard output; otherwise it is made anew, for its owner only, and an older
 * one stays if anything fails.
 * Errors: those of opening and reading, and of writing the file.
 */
int transfer_export(struct event_base *base, const struct store_settings *from,
                    const char *file, struct vdc_error *err);

/*
 * Everything in the file is looked at before anything is changed: whether it
 * can be read, and whether policyd could load it.  The store must be empty,
 * or `replace` say that what it has goes.  If this ends in the middle, no
 * policyd uses the store before an import has been brought to its end.
 * Errors: VDC_E_BAD_VALUE with the line, VDC_E_NO_FILE, VDC_E_EXISTS (it is
 * not empty), and those of opening and writing.
 */
int transfer_import(struct event_base *base, const struct store_settings *to,
                    const char *file, bool replace, struct vdc_error *err);

/* Both, without a file; `to` must be empty.  `from` stays as it is. */
int transfer_migrate(struct event_base *base,
                     const struct store_settings *from,
                     const struct store_settings *to, struct vdc_error *err);

#endif
