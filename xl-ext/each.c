/*
 * See each.h.
 */
#include "xl-ext/each.h"

#include <stdio.h>

#include "base/json.h"
#include "xl-ext/output.h"

static bool is_over(int rc)
{
    return rc == VDC_E_CLOSED || rc == VDC_E_IO || rc == VDC_E_PROTOCOL;
}

static int run(const struct command_args *args, const struct each *each,
               struct client *client, struct json_out *json)
{
    int rc = 0;
    bool over = false;

    for (size_t i = 0; i < args->n_arguments && !over; i++) {
        const char *word = args->arguments[i];
        struct vdc_error err = { 0 };
        int r = each->one(args, client, word, &err);
        if (r)
            output_error(args, &err);
        else if (json)
            json_out_string(json, word);
        else if (!args->quiet || args->dry_run)
            printf("%s: %s\n", word, each->done);
        rc = rc ? rc : r;
        over = is_over(r);
    }
    return rc;
}

int each_run(const struct command_args *args, const struct each *each,
             struct vdc_error *err)
{
    struct json_out *json = NULL;
    struct client *client;
    int rc = client_open(args, &client, err);

    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        json = json_out_new(true);
        json_out_object(json);
        json_out_key(json, each->key);
        json_out_array(json);
    }
    rc = run(args, each, client, json);
    if (json) {
        json_out_array_end(json);
        json_out_object_end(json);
        output_json(json);
    }
    client_close(client);
    return rc;
}
