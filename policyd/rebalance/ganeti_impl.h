/* What ganeti*.c share of the columns; for them alone. */
#ifndef POLICYD_REBALANCE_GANETI_IMPL_H
#define POLICYD_REBALANCE_GANETI_IMPL_H

#include "policyd/rebalance/ganeti.h"

enum ganeti_node_field {
    GANETI_NODE_NAME,
    GANETI_NODE_MEMORY,
    GANETI_NODE_OWN_MEMORY,
    GANETI_NODE_FREE_MEMORY,
    GANETI_NODE_DISK,
    GANETI_NODE_FREE_DISK,
    GANETI_NODE_CPUS,
    GANETI_NODE_STATE,
    GANETI_NODE_GROUP,
    GANETI_NODE_FIELDS_MIN,
    GANETI_NODE_OWN_VCPUS = 13,
};

enum ganeti_instance_field {
    GANETI_INSTANCE_NAME,
    GANETI_INSTANCE_MEMORY,
    GANETI_INSTANCE_DISK,
    GANETI_INSTANCE_VCPUS,
    GANETI_INSTANCE_STATUS,
    GANETI_INSTANCE_BALANCE,
    GANETI_INSTANCE_PRIMARY,
    GANETI_INSTANCE_SECONDARY,
    GANETI_INSTANCE_TEMPLATE,
    GANETI_INSTANCE_TAGS,
    GANETI_INSTANCE_FIELDS_MIN,
};

/* Of a node's line. */
bool ganeti_is_offline(const struct ganeti_line *line);
/* Whether an instance of this status is in what its node says is taken. */
bool ganeti_is_there(const char *status);

#endif
