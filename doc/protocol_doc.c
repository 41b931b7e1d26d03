/*
 * Writes the protocol document (Markdown) from the table of messages, so that
 * the two cannot disagree.
 */
#include <stdio.h>

#include "wire/layout.h"
#include "wire/wire.h"

static void print_layout(void)
{
    printf(
        "# The protocol of xen-vdc, version %d\n\n"
        "Made from `libvdc/wire/wire.def` by `doc/protocol_doc.c`; do not "
        "edit.\n\n"
        "## Carriage\n\n"
        "A message travels as one frame. On a stream (unix socket, TLS) a "
        "frame is its size in 4 bytes and then that many bytes, 1 to "
        "1048576. On a channel it is one message of the channel. All numbers "
        "are little-endian.\n\n"
        "channeld's socket (`/run/xen-vdc/channel.sock`, also in a guest) is "
        "no stream: it is of type `SOCK_SEQPACKET`, a frame is one packet of "
        "up to 131072 bytes, without a size before it. The descriptors of a "
        "channel's memory come with the packet that tells of it, "
        "`channel_incoming` or `channel_opened`, as `SCM_RIGHTS`, in this "
        "order: first the memory (a memfd; with `grant` set, gntalloc or "
        "gntdev), then what wakes the other end (a unix socket; with `grant` "
        "set, an event channel). Programs send none. What the memory is like "
        "is in `channel-layout.md`.\n\n"
        "Each side's first message is `hello`. A request carries an id that "
        "its sender chooses; every answer to it (any number of `progress`, "
        "then one final answer) carries the same id. Both sides of a "
        "connection to channeld make requests: the ids of channeld's "
        "(`channel_incoming`, `channel_close`) have the top bit, 0x80000000, "
        "and those of programs do not; an answer has the id of its request, "
        "whoever made it.\n\n"
        "## Message\n\n"
        "| offset | size | what |\n| --- | --- | --- |\n"
        "| 0 | 4 | `VDC1` |\n| 4 | 2 | number of the message |\n"
        "| 6 | 2 | 0 |\n| 8 | 4 | id of the request |\n"
        "| 12 | 4 | size of the body |\n| %d | | the body: a struct |\n\n",
        WIRE_PROTOCOL, LAYOUT_HEAD_SIZE);
    printf(
        "## Struct\n\n"
        "Fields one after the other, in rising order of their numbers: "
        "number (2 bytes), size (4 bytes), value. A field that has its "
        "default is not sent: `false`, 0, empty, or the default given in the "
        "table. A field that is not known makes the message one that is "
        "refused, unless its number is 0x8000 or over, or it is in `hello` or "
        "`error`, where all are left out. What is refused so, as a message of a "
        "number that is not known, ends nothing but that request.\n\n"
        "| kind | value |\n| --- | --- |\n"
        "| bool | one byte, 1 |\n| u32 | 4 bytes |\n| u64 | 8 bytes |\n"
        "| id64 | 8 bytes; in JSON text, as it may be above 2^53 |\n"
        "| i64 | 8 bytes, two's complement |\n"
        "| mem | 8 bytes, KiB |\n| uuid | 16 bytes |\n"
        "| choice | 4 bytes, a number of the enum |\n"
        "| str | UTF-8 text without control characters other than tab and "
        "newline; the most is in bytes |\n"
        "| strs | each: size (4 bytes), text |\n| bytes | as they are |\n"
        "| struct | the fields of that struct |\n"
        "| structs | each: size (4 bytes), fields |\n\n");
}

static const char *kind_text(const struct wire_field *f, char *buf,
                             size_t size)
{
    switch (f->kind) {
    case WIRE_KIND_BOOL:
        return "bool";
    case WIRE_KIND_U32:
        return "u32";
    case WIRE_KIND_U64:
        return "u64";
    case WIRE_KIND_ID64:
        return "id64";
    case WIRE_KIND_I64:
        snprintf(buf, size, "i64, default %lld", (long long)f->fallback);
        return buf;
    case WIRE_KIND_MEM:
        return "mem";
    case WIRE_KIND_UUID:
        return "uuid";
    case WIRE_KIND_CHOICE:
        snprintf(buf, size, "choice of %s", f->choice->name);
        return buf;
    case WIRE_KIND_STR:
        snprintf(buf, size, "str, at most %u", f->most_chars);
        return buf;
    case WIRE_KIND_STRS:
        snprintf(buf, size, "strs, at most %u of %u", f->most_items,
                 f->most_chars);
        return buf;
    case WIRE_KIND_BYTES:
        snprintf(buf, size, "bytes, at most %u", f->most_items);
        return buf;
    case WIRE_KIND_SUB:
        snprintf(buf, size, "struct %s", f->sub->name);
        return buf;
    case WIRE_KIND_SUBS:
        snprintf(buf, size, "structs %s, at most %u", f->sub->name,
                 f->most_items);
        return buf;
    }
    return "?";
}

static void print_messages(void)
{
    static const struct {
        unsigned bit;
        const char *name;
    } whos[] = { { W_CUSTOMER, "customer" },
                 { W_OPERATOR, "operator" },
                 { W_GUEST, "guest" },
                 { W_JOINER, "who joins" },
                 { W_POLICYD, "policyd" },
                 { W_HOST, "another host" },
                 { W_ANSWER, "answer" } };
    size_t n;
    const struct wire_message *m = wire_messages(&n);

    printf("## Messages\n\nWho may send: a customer, an operator or "
           "(of itself, over a channel) a guest to policyd, a machine that "
           "joins as a host to policyd's dc_address, policyd or another host's resourced to resourced, or a daemon as its answer.\n\n"
           "| number | message | body | who | answered by | what |\n"
           "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        printf("| %u | %s | %s |", m[i].number, m[i].name, m[i].body->name);
        const char *comma = " ";
        for (size_t k = 0; k < sizeof(whos) / sizeof(whos[0]); k++) {
            if (m[i].who & whos[k].bit) {
                printf("%s%s", comma, whos[k].name);
                comma = ", ";
            }
        }
        printf(" | %s | %s |\n", m[i].reply, m[i].text);
    }
    printf("\n");
}

static void print_structs(void)
{
    size_t n;
    const struct wire_struct *const *structs = wire_structs(&n);
    char buf[128];

    printf("## Structs\n\n");
    for (size_t i = 0; i < n; i++) {
        const struct wire_struct *s = structs[i];
        printf("### %s\n\n%s\n\n", s->name, s->text);
        if (s->n_fields == 0)
            continue;
        printf("| number | field | kind | what |\n| --- | --- | --- | --- "
               "|\n");
        for (size_t k = 0; k < s->n_fields; k++)
            printf("| %u | %s | %s | %s |\n", s->fields[k].number,
                   s->fields[k].name,
                   kind_text(&s->fields[k], buf, sizeof(buf)),
                   s->fields[k].text);
        printf("\n");
    }
}

static void print_enums(void)
{
    size_t n;
    const struct wire_enum *const *enums = wire_enums(&n);

    printf("## Enums\n\n");
    for (size_t i = 0; i < n; i++) {
        const struct wire_enum *e = enums[i];
        printf("### %s\n\n%s\n\n| number | word | what |\n| --- | --- | --- "
               "|\n",
               e->name, e->text);
        for (size_t k = 0; k < e->n_values; k++)
            printf("| %d | %s | %s |\n", e->values[k].number,
                   e->values[k].word, e->values[k].text);
        printf("\n");
    }
}

static void print_errors(void)
{
    static const int codes[] = {
#define VDC_ERROR(number, name, status, retry, text) VDC_E_##name,
#include "base/errors.def"
#undef VDC_ERROR
    };

    printf("## Errors\n\n| number | name | exit status | may retry | what "
           "|\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        printf("| %d | %s | %d | %s | %s |\n", -codes[i],
               vdc_error_name(codes[i]), vdc_error_exit_status(codes[i]),
               vdc_error_may_retry(codes[i]) ? "yes" : "no",
               vdc_error_text(codes[i]));
}

int main(void)
{
    print_layout();
    print_messages();
    print_structs();
    print_enums();
    print_errors();
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
