/* The logger that libxl and libxc write to; keeps what explains a failure. */
#include "hv/xen/xtl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "hv/hv.h"

/* Lines that say only that something failed of which another line has told
 * the reason, or that speak of the undoing. */
static const char *const consequences[] = {
    "cannot (re-)build domain",
    "Non-existant domain",
    "Unable to destroy guest",
    "Destruction of domain failed",
    "unable to add ",
    "initializing domain firmware failed",
    "Unable to set disk defaults",
    "Unable to set nic defaults",
    "Core dumping domain to ",
    "xc_dom_boot_image failed",
    "xc_dom_kernel_file failed",
    "xc_dom_ramdisk_file failed",
    "xc_dom_parse_image failed",
};

static bool is_consequence(const char *text)
{
    for (size_t i = 0; i < sizeof(consequences) / sizeof(consequences[0]); i++)
        if (strncmp(text, consequences[i], strlen(consequences[i])) == 0)
            return true;
    /* A script's own words come in another line. */
    return strstr(text, " exited with error status ") != NULL;
}

/* Skips "libxl_create.c:1234:function: " or "xg_dom_core.c:12: ". */
static const char *skip_place(const char *text)
{
    const char *p = text;

    while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
        p++;
    if (p == text || strncmp(p, ".c:", 3) != 0 ||
        !isdigit((unsigned char)p[3]))
        return text;
    const char *end = strstr(p, ": ");
    return end ? end + 2 : text;
}

/* Skips "Domain 12:" and tells the number. */
static const char *skip_domain(const char *text, uint32_t *ret_domid)
{
    unsigned domid;
    int n = 0;

    if (sscanf(text, "Domain %u:%n", &domid, &n) == 1 && n > 0) {
        *ret_domid = domid;
        return text + n;
    }
    return text;
}

static void keep(struct xtl *xtl, xentoollog_level level, const char *text)
{
    struct xtl_line *line = &xtl->lines[xtl->next % XTL_LINES];

    line->serial = xtl->next++;
    line->is_error = level >= XTL_ERROR;
    line->domid = HV_DOMID_NONE;
    if (strncmp(text, "panic: ", 7) == 0)
        text += 7;
    text = skip_place(text);
    text = skip_domain(text, &line->domid);
    size_t len = strnlen(text, sizeof(line->text) - 1);
    memcpy(line->text, text, len);
    line->text[len] = '\0';
    char *noise = strstr(line->text, ": Internal error");
    if (noise && noise != line->text)
        *noise = '\0';
    len = strlen(line->text);
    while (len > 0 && isspace((unsigned char)line->text[len - 1]))
        line->text[--len] = '\0';
}

static void message(xentoollog_logger *logger, xentoollog_level level,
                    int errnoval, const char *context, const char *format,
                    va_list args)
{
    struct xtl *xtl = (struct xtl *)logger;
    bool in_child = getpid() != xtl->pid;
    char text[1024];

    if (level < XTL_WARN && !log_enabled(VDC_LOG_DEBUG))
        return;
    int len = vsnprintf(text, sizeof(text), format, args);
    if (errnoval >= 0 && len >= 0 && (size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, ": %s",
                 strerror(errnoval));
    /* What a child of libxl says cannot reach the parent's lines. */
    if (in_child && level >= XTL_ERROR)
        log_warning("%s: %s", context ? context : "xen", text);
    else
        log_debug("%s: %s: %s", context ? context : "xen",
                  xtl_level_to_string(level), text);
    if (level >= XTL_WARN && !in_child)
        keep(xtl, level, text);
}

static void progress(xentoollog_logger *logger, const char *context,
                     const char *doing_what, int percent, unsigned long done,
                     unsigned long total)
{
}

static void destroy(xentoollog_logger *logger)
{
}

void xtl_init(struct xtl *xtl)
{
    memset(xtl, 0, sizeof(*xtl));
    xtl->logger.vmessage = message;
    xtl->logger.progress = progress;
    xtl->logger.destroy = destroy;
    xtl->pid = getpid();
}

uint64_t xtl_mark(const struct xtl *xtl)
{
    return xtl->next;
}

/* Appends the lines of one kind; says how many. */
static size_t append(const struct xtl *xtl, uint64_t mark, uint32_t domid,
                     bool errors, bool with_consequences, char *buf,
                     size_t size)
{
    enum { WORDS_MAX = 3 };
    uint64_t first = xtl->next > XTL_LINES ? xtl->next - XTL_LINES : 0;
    size_t used = 0, n = 0;

    for (uint64_t i = first > mark ? first : mark; i < xtl->next; i++) {
        const struct xtl_line *line = &xtl->lines[i % XTL_LINES];
        if (line->is_error != errors || n == WORDS_MAX)
            continue;
        if (domid != HV_DOMID_NONE && line->domid != HV_DOMID_NONE &&
            line->domid != domid)
            continue;
        if (!with_consequences && is_consequence(line->text))
            continue;
        int len = snprintf(buf + used, size - used, "%s%s", n ? "; " : "",
                           line->text);
        n++;
        if (len < 0 || (size_t)len >= size - used)
            break;
        used += (size_t)len;
    }
    return n;
}

size_t xtl_words(const struct xtl *xtl, uint64_t mark, uint32_t domid,
                 char *buf, size_t size)
{
    buf[0] = '\0';
    size_t n = append(xtl, mark, domid, true, false, buf, size);
    if (n == 0)
        n = append(xtl, mark, domid, false, false, buf, size);
    if (n == 0)
        n = append(xtl, mark, domid, true, true, buf, size);
    return n;
}
