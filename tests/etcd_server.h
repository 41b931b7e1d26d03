/*
 * A real etcd of a test's own, or several of one cluster: on free ports of
 * loopback, in a new folder under /tmp, ended with the program.
 */
#ifndef TESTS_ETCD_SERVER_H
#define TESTS_ETCD_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#define ETCD_MEMBERS_MAX 3

/* Why there can be none here; NULL: there can. */
const char *etcd_server_missing(void);

struct etcd_server;

/* Starts `n` members and waits until they answer; `options` are more of
 * etcd's, with blanks between, or NULL; with "-tls" or "--cert-file" in them
 * it is by HTTPS.  Ends the program when it cannot. */
struct etcd_server *etcd_server_new(size_t n, const char *options);
void etcd_server_free(struct etcd_server *server);

/* Of a member's data. */
const char *etcd_server_folder(const struct etcd_server *server,
                               size_t member);
/* "http://127.0.0.1:PORT" of each. */
const char *const *etcd_server_endpoints(const struct etcd_server *server);

void etcd_server_kill(struct etcd_server *server, size_t member); /* -9 */
/* Again, in its folder; returns at once, or when it answers. */
void etcd_server_start(struct etcd_server *server, size_t member, bool wait);
/* It stands still, with all its threads. */
void etcd_server_stop(struct etcd_server *server, size_t member);
void etcd_server_continue(struct etcd_server *server, size_t member);
/* Its files go: it is a new one when it is started. */
void etcd_server_forget(struct etcd_server *server, size_t member);

/* Asks by a client that is not ours: the path, JSON.  False: it was refused
 * or not answered. */
bool etcd_server_ask(const struct etcd_server *server, const char *path,
                     const char *json);

#endif
