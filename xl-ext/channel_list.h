/* Parts of the family of channel commands that have files of their own. */
#ifndef XL_EXT_CHANNEL_LIST_H
#define XL_EXT_CHANNEL_LIST_H

#include "xl-ext/channel.h"

#define CHANNEL_LIST_OPTIONS                                             \
    CHANNEL_SOCKET_OPTION,                                               \
        { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,                   \
          "Only this customer's" },                                      \
        { 'p', "partition", "GUEST", COMPLETE_GUESTS,                    \
          "Only those that this guest is an end of" },                   \
    {                                                                    \
        's', "service", "NAME", COMPLETE_NOTHING, "Only of this service" \
    }

/* As its options say; all pieces of the list, in the session's arena. */
int channel_list_all(struct channel_session *session,
                     struct wire_channel_list *ret, struct vdc_error *err);
/* "acme.web", "host", "host (acme)" */
const char *channel_end_text(struct arena *arena,
                             const struct wire_channel_end *end);
/* "17", "1.5K", "3.2M" */
const char *channel_bytes(struct arena *arena, uint64_t n);

int channel_run_top(const struct command_args *args, struct vdc_error *err);

/* cmd_channel_pipe.c */
extern const struct command_option channel_send_options[];
extern const struct command_option channel_recv_options[];
extern const struct command_example channel_send_examples[];
extern const struct command_example channel_recv_examples[];
int channel_run_send(const struct command_args *args, struct vdc_error *err);
int channel_run_recv(const struct command_args *args, struct vdc_error *err);

#endif
