/*
 * image-add, -list, -show, -remove, -verify: files that guests are made from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/image_ref.h"
#include "base/units.h"
#include "xl-ext/client.h"
#include "xl-ext/digest.h"
#include "xl-ext/each.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

#define PIECE 262144
/* Somebody else may be adding it, too: then it goes on where that one is. */
#define CONFLICTS_MAX 100
#define TELL_MS 200

static const char *size_text(uint64_t bytes, char *buf, size_t size)
{
    return units_mem_format(MEM_KIB(bytes / 1024 + (bytes % 1024 != 0)), buf,
                            size);
}

/* ---- add ---- */

struct upload {
    const struct command_args *args;
    struct client *client;
    struct wire_image_add order;
    int fd;
    uint64_t done;
    uint64_t told_ms;
    bool shown;
    unsigned conflicts;
    char digest[DIGEST_SIZE];
};

static void tell(struct upload *u, bool end)
{
    char done[32], of[32];
    uint64_t now = clock_mono().ms;
    if (u->args->quiet || u->args->format == FORMAT_JSON ||
        !isatty(STDERR_FILENO))
        return;
    if (end && u->shown)
        fputs("\r\033[K", stderr);
    if (end || now < u->told_ms + TELL_MS)
        return;
    u->told_ms = now;
    u->shown = true;
    fprintf(stderr, "\r\033[K%s: %s of %s", u->order.name,
            size_text(u->done, done, sizeof(done)),
            size_text(u->order.size, of, sizeof(of)));
    fflush(stderr);
}

static int open_file(struct upload *u, const char *path,
                     struct vdc_error *err)
{
    struct stat st;
    u->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (u->fd < 0 || fstat(u->fd, &st))
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is not a regular file", path);
    int rc = digest_of(u->fd, u->digest, &u->order.size, err);
    if (rc)
        vdc_error_prefix(err, "%s", path);
    u->order.digest = u->digest;
    return rc;
}

static int take_answer(struct upload *u, const struct wire_image_list *list,
                       struct vdc_error *err)
{
    if (list->n_images != 1)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd told of %u images instead of one",
                             list->n_images);
    u->done = list->images[0].done;
    return 0;
}

static int begin(struct upload *u, struct vdc_error *err)
{
    const void *body;
    int rc = client_request(u->client, WIRE_MSG_image_add, &u->order, &body,
                            err);
    return rc ? rc : take_answer(u, body, err);
}

/* Where it goes on is asked when it is not where it was thought to be. */
static int put(struct upload *u, const void *bytes, size_t n,
               struct vdc_error *err)
{
    struct wire_image_data data;
    const void *body;
    wire_init(&wire_struct_image_data, &data);
    data.customer = u->order.customer;
    data.name = u->order.name;
    data.offset = u->done;
    data.bytes = bytes;
    data.n_bytes = (uint32_t)n;
    int rc = client_request(u->client, WIRE_MSG_image_data, &data, &body, err);
    if ((rc == VDC_E_CONFLICT || rc == VDC_E_BUSY) &&
        ++u->conflicts < CONFLICTS_MAX) {
        usleep(50000);
        return begin(u, err);
    }
    return rc ? rc : take_answer(u, body, err);
}

static int put_piece(struct upload *u, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    char *bytes = arena_alloc(arena, PIECE);
    ssize_t n = pread(u->fd, bytes, PIECE, (off_t)u->done);
    int rc;
    if (n < 0)
        rc = vdc_error_errno(err, VDC_E_IO, errno, "the file");
    else if (n == 0 || (uint64_t)n > u->order.size - u->done)
        rc = vdc_error_set(err, VDC_E_CONFLICT,
                           "the file has another size than a moment ago");
    else {
        client_set_arena(u->client, arena);
        rc = put(u, bytes, (size_t)n, err);
        client_set_arena(u->client, NULL);
    }
    arena_free(arena);
    return rc;
}

static int upload(struct upload *u, struct vdc_error *err)
{
    int rc = client_open(u->args, &u->client, err);
    if (rc == 0)
        rc = begin(u, err);
    if (rc == 0 && u->done && u->done < u->order.size)
        output_note(u->args, "%s: goes on at %llu of %llu bytes",
                    u->order.name, (unsigned long long)u->done,
                    (unsigned long long)u->order.size);
    while (rc == 0 && u->done < u->order.size && !u->args->dry_run) {
        tell(u, false);
        rc = put_piece(u, err);
        if (rc == 0 && client_interrupted() && u->done < u->order.size)
            rc = vdc_error_set(err, VDC_E_CANCELLED, "interrupted");
    }
    tell(u, true);
    if (rc && u->done && u->done < u->order.size)
        vdc_error_hint(err, "%s; the same image-add goes on at %llu of %llu "
                            "bytes", err->hint[0] ? err->hint
                                                  : "what has come stays",
                       (unsigned long long)u->done,
                       (unsigned long long)u->order.size);
    client_close(u->client);
    return rc;
}

static void print_added(const struct upload *u)
{
    struct wire_image image;
    wire_init(&wire_struct_image, &image);
    image.name = u->order.name;
    image.customer = u->order.customer;
    image.digest = u->digest;
    image.size = u->order.size;
    image.os_type = u->order.os_type;
    image.done = u->done;
    if (u->args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_image, &image);
    else if (u->args->dry_run)
        printf("%s: could be added; nothing was done\n", image.name);
    else
        printf("%s: %s\n", image.name, image.digest);
}

static int take_os_type(const struct command_args *args, const char **ret,
                        struct vdc_error *err)
{
    const char *word = command_value(args, "os-type");
    if (!word)
        return 0;
    if (strlen(word) > 31)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--os-type has at most 31 characters");
    *ret = word;
    return 0;
}

static int run_add(const struct command_args *args, struct vdc_error *err)
{
    struct upload u = { .args = args, .fd = -1 };
    wire_init(&wire_struct_image_add, &u.order);
    u.order.name = args->arguments[0];
    u.order.dry_run = args->dry_run;
    int rc = guest_customer(args, &u.order.customer, err);
    if (rc == 0)
        rc = take_os_type(args, &u.order.os_type, err);
    if (rc == 0)
        rc = image_name_check(u.order.name, err);
    if (rc == 0)
        rc = open_file(&u, args->arguments[1], err);
    if (rc == 0)
        rc = upload(&u, err);
    if (u.fd >= 0)
        close(u.fd);
    if (rc == 0)
        print_added(&u);
    return rc;
}

/* ---- list, show ---- */

static const char *state_text(const struct wire_image *image)
{
    return wire_enum_word(&wire_enum_image_state, (int)image->state);
}

static void print_table(struct arena *arena,
                        const struct wire_image_list *list)
{
    static const struct output_column columns[] = {
        { "Name", ALIGN_LEFT },   { "Customer", ALIGN_LEFT },
        { "Size", ALIGN_RIGHT },  { "State", ALIGN_LEFT },
        { "Type", ALIGN_LEFT },   { "Hosts", ALIGN_RIGHT },
        { "Digest", ALIGN_LEFT },
    };
    struct output_table *table = output_table_new(columns, 7);
    char buf[32];
    for (uint32_t i = 0; i < list->n_images; i++) {
        const struct wire_image *image = &list->images[i];
        output_table_cell(table, image->name);
        output_table_cell(table, image->customer);
        output_table_cell(table, size_text(image->size, buf, sizeof(buf)));
        output_table_cell(table, state_text(image));
        output_table_cell(table, output_clean(arena, image->os_type));
        output_table_printf(table, image->n_hosts ? "%u" : "-",
                            image->n_hosts);
        output_table_printf(table, "%.12s", image->digest);
    }
    output_table_finish(table);
}

static int ask_list(const struct command_args *args, const char *name,
                    const struct wire_image_list **ret, struct vdc_error *err)
{
    struct wire_image_ref ref;
    const void *body;
    wire_init(&wire_struct_image_ref, &ref);
    ref.name = name;
    int rc = guest_customer(args, &ref.customer, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_image_list, &ref, &body, err);
    if (rc == 0)
        *ret = body;
    return rc;
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_image_list *list;
    int rc = ask_list(args, "", &list, err);
    if (rc)
        return rc;
    switch (args->format) {
    case FORMAT_TEXT:
        print_table(args->arena, list);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_images; i++)
            printf("%s\n", list->images[i].name);
        break;
    case FORMAT_JSON:
        output_json_list(&wire_struct_image_list, list);
        break;
    }
    return 0;
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_image_list *list;
    if (!*args->arguments[0])
        return image_name_check("", err);
    int rc = ask_list(args, args->arguments[0], &list, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_image_list, list);
        return 0;
    }
    for (uint32_t i = 0; i < list->n_images; i++)
        output_text_struct(&wire_struct_image, &list->images[i], "",
                           args->arena);
    return 0;
}

/* ---- remove ---- */

static int remove_one(const struct command_args *args, struct client *client,
                      const char *word, struct vdc_error *err)
{
    struct wire_image_ref ref;
    wire_init(&wire_struct_image_ref, &ref);
    ref.name = word;
    ref.dry_run = args->dry_run;
    int rc = image_name_check(word, err);
    if (rc == 0)
        rc = guest_customer(args, &ref.customer, err);
    return rc ? rc : client_request(client, WIRE_MSG_image_remove, &ref, NULL,
                                    err);
}

static int run_remove(const struct command_args *args, struct vdc_error *err)
{
    static const struct each each = { remove_one, "removed", "removed" };
    static const struct each would = { remove_one, "would_remove",
                                       "would be removed; nothing was done" };
    return each_run(args, args->dry_run ? &would : &each, err);
}

/* ---- verify ---- */

static void print_checks(const struct wire_image_verified *reply)
{
    const struct wire_image *image = &reply->image;
    for (uint32_t i = 0; i < reply->n_checks; i++) {
        const struct wire_image_check *check = &reply->checks[i];
        printf("%s%s%s: %s\n", image->name, *check->host ? " on host " : "",
               check->host, check->whole ? "as it should be" : check->text);
    }
    if (!reply->n_checks)
        printf("%s: no host has it\n", image->name);
}

static int run_verify(const struct command_args *args, struct vdc_error *err)
{
    struct wire_image_ref ref;
    const void *body;
    wire_init(&wire_struct_image_ref, &ref);
    ref.name = args->arguments[0];
    int rc = image_name_check(ref.name, err);
    if (rc == 0)
        rc = guest_customer(args, &ref.customer, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_image_verify, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_image_verified *reply = body;
    uint32_t n_whole = 0;
    for (uint32_t i = 0; i < reply->n_checks; i++)
        n_whole += reply->checks[i].whole;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_image_verified, reply);
    else
        print_checks(reply);
    if (n_whole && n_whole == reply->n_checks)
        return 0;
    vdc_error_set(err, VDC_E_DIFFERS, "image '%s' is whole on %u of %u hosts",
                  ref.name, n_whole, reply->n_checks);
    if (!n_whole)
        vdc_error_hint(err, "`xl-vdc image-add %s FILE` with the file that it "
                            "was made from brings it back", ref.name);
    return VDC_E_DIFFERS;
}

/* ---- the table ---- */

#define OWNER_OPTION(words) \
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS, words }

static const struct command_option add_options[] = {
    OWNER_OPTION("For this customer (operators) or this project"),
    { 0, "os-type", "TEXT", COMPLETE_NOTHING,
      "What is in it: a word for people" },
    { 0 }
};
static const struct command_option list_options[] = {
    OWNER_OPTION("Of this customer and its projects alone"),
    { 0 }
};
static const struct command_option one_options[] = {
    OWNER_OPTION("Of this customer (operators) or this project"),
    { 0 }
};

static const struct command_example add_examples[] = {
    { "xl-vdc image-add web-kernel /tmp/vmlinuz --os-type linux",
      "Then kernel=\"image:web-kernel\" in a domain file names it." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc image-list", "Which there are to be used." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc image-show web-kernel", "With the guests that are made of it." },
    { NULL, NULL }
};
static const struct command_example remove_examples[] = {
    { "xl-vdc image-remove web-kernel", "It is not needed any more." },
    { NULL, NULL }
};
static const struct command_example verify_examples[] = {
    { "xl-vdc image-verify web-kernel", "Is it still what was added?" },
    { NULL, NULL }
};

static const struct command image_commands[] = {
    { "image-add", NULL, "NAME FILE", 2, 2, COMMAND_CHANGES, COMPLETE_FILES,
      add_options, "Store a kernel or ramdisk",
      "The file is sent to a host, and from there to each on which a guest "
      "needs it. Everybody may use images of the provider, a customer and its "
      "projects those of the customer; they count for its disk quota.\n\n"
      "Interrupted, it goes on where it stopped when it is added again; what "
      "nobody goes on with is removed after a day.",
      add_examples, run_add, COMPLETE_FILES },
    { "image-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, list_options, "List images",
      "Your own, and those of the provider.", list_examples, run_list },
    { "image-show", NULL, "NAME", 1, 1, COMMAND_READS, COMPLETE_NOTHING,
      one_options, "Show an image",
      "With the guests whose definitions name it, and for operators the hosts "
      "that have it.", show_examples, run_show },
    { "image-remove", NULL, "NAME...", 1, -1,
      COMMAND_CHANGES | COMMAND_DESTROYS, COMPLETE_NOTHING, one_options,
      "Forget images",
      "Refused while the definition of a guest names it.", remove_examples,
      run_remove },
    { "image-verify", NULL, "NAME", 1, 1, COMMAND_READS, COMPLETE_NOTHING,
      one_options, "Read an image on all its hosts",
      "One that is not as it was added is put aside, and is used no more; "
      "it is brought anew from another host when a guest needs it. The exit "
      "status is then 13.", verify_examples, run_verify },
};

const struct command_family family_image = {
    "Images", image_commands,
    sizeof(image_commands) / sizeof(image_commands[0])
};
