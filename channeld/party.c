/*
 * Ends of channels: comparing and showing them.
 */
#include "channeld/party.h"

#include <stdio.h>
#include <string.h>

#define PROJECT_MARK '_' /* as policyd's names have it */

bool party_is_host(const struct party *party)
{
    return party->domid == 0 && !*party->owner;
}

bool party_is_same(const struct party *a, const struct party *b)
{
    if (a->domid != b->domid || !uuid_equal(&a->partition, &b->partition))
        return false;
    return a->domid != 0 || a->uid == b->uid;
}

bool party_same_customer(const struct party *a, const struct party *b)
{
    return *a->owner && strcmp(a->owner, b->owner) == 0;
}

const char *party_format(const struct party *party, char *buf)
{
    if (party_is_host(party))
        snprintf(buf, PARTY_TEXT_SIZE, "the host");
    else if (party->domid == 0)
        snprintf(buf, PARTY_TEXT_SIZE, "a program of %s on the host",
                 party->owner);
    else if (*party->owner)
        snprintf(buf, PARTY_TEXT_SIZE, "%s.%s", party->owner, party->name);
    else
        snprintf(buf, PARTY_TEXT_SIZE, "%s", party->name);
    return buf;
}

bool party_parent(const char *customer, char ret[PARTY_OWNER_MAX + 1])
{
    const char *mark = strchr(customer, PROJECT_MARK);

    if (!mark || mark - customer > PARTY_OWNER_MAX)
        return false;
    memcpy(ret, customer, (size_t)(mark - customer));
    ret[mark - customer] = '\0';
    return true;
}

bool party_is_within(const struct party *party, const char *customer)
{
    size_t len = strlen(customer);

    return strncmp(party->owner, customer, len) == 0 &&
           (!party->owner[len] || party->owner[len] == PROJECT_MARK);
}

void party_to_wire(const struct party *party, struct wire_channel_end *ret)
{
    wire_init(&wire_struct_channel_end, ret);
    ret->domid = party->domid;
    ret->partition = party->partition;
    ret->name = party->name;
    ret->owner = party->owner;
    ret->uid = party->uid;
    ret->pid = party->pid;
}

void party_from_wire(const struct wire_channel_end *end, struct party *ret)
{
    *ret = (struct party){ .domid = end->domid,
                           .partition = end->partition,
                           .uid = end->uid,
                           .pid = end->pid };
    PARTY_COPY(ret->name, end->name);
    PARTY_COPY(ret->owner, end->owner);
}

void party_copy(char *to, unsigned long size, const char *from)
{
    size_t len = strnlen(from, size - 1);

    /* half a character is no text, and could not be sent */
    while (from[len] && len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
        len--;
    memcpy(to, from, len);
    to[len] = '\0';
}
