/*
 * The tables of the data center's store, for store_sqlite.c alone.  A change
 * is a new version, with a script that makes it of the one before.
 */
#ifndef POLICYD_STORE_SQL_H
#define POLICYD_STORE_SQL_H

#define STORE_VERSION 3
/* "XVPD", so that another program's database is not taken for ours */
#define STORE_APPLICATION_ID 0x58565044

#define ASSIGNMENT_TABLE                                                      \
    "CREATE TABLE assignment (uuid TEXT PRIMARY KEY, customer TEXT NOT NULL " \
    "REFERENCES customer(name), name TEXT NOT NULL, new_name TEXT NOT NULL, " \
    "host TEXT NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 1 AND "  \
    "5), memory_kib INTEGER NOT NULL, vcpus INTEGER NOT NULL, disk_kib "      \
    "INTEGER NOT NULL, macs TEXT NOT NULL, reason TEXT NOT NULL, created_ms " \
    "INTEGER NOT NULL, UNIQUE (customer, name)) STRICT;"
#define ANSWER_TABLE                                                         \
    "CREATE TABLE answer (owner TEXT NOT NULL, key TEXT NOT NULL, digest "   \
    "INTEGER NOT NULL, message INTEGER NOT NULL, time_ms INTEGER NOT NULL, " \
    "body BLOB NOT NULL, PRIMARY KEY (owner, key)) STRICT;"                  \
    "CREATE INDEX answer_time ON answer (time_ms);"                          \
    "CREATE INDEX answer_owner ON answer (owner, time_ms);"

/* Structs of the protocol, by kind and name: "customer/acme". */
#define RECORD_TABLE                                                         \
    "CREATE TABLE record (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;"

#define STORE_SCHEMA                                                         \
    "CREATE TABLE customer (name TEXT PRIMARY KEY, created_ms INTEGER NOT "  \
    "NULL, memory_kib INTEGER NOT NULL, vcpus INTEGER NOT NULL, disk_kib "   \
    "INTEGER NOT NULL, guests INTEGER NOT NULL) STRICT;"                     \
    "CREATE TABLE login (uid INTEGER PRIMARY KEY, customer TEXT NOT NULL "   \
    "REFERENCES customer(name) ON DELETE CASCADE, user TEXT NOT NULL) "      \
    "STRICT;" ASSIGNMENT_TABLE                                               \
    "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms " \
    "INTEGER NOT NULL, uid INTEGER, customer TEXT NOT NULL, message TEXT NOT "\
    "NULL, object TEXT NOT NULL, result INTEGER NOT NULL, who TEXT NOT NULL "\
    "DEFAULT '', origin TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL "     \
    "DEFAULT '') STRICT;" ANSWER_TABLE RECORD_TABLE

/* From version 2: records, and more about each change. */
#define STORE_UPGRADE_2                                                      \
    RECORD_TABLE "ALTER TABLE audit ADD COLUMN who TEXT NOT NULL DEFAULT ''"  \
    ";ALTER TABLE audit ADD COLUMN origin TEXT NOT NULL DEFAULT '';"         \
    "ALTER TABLE audit ADD COLUMN detail TEXT NOT NULL DEFAULT '';"

/* From version 1: one state of assignments more, and answers. */
#define STORE_UPGRADE_1                                                      \
    "ALTER TABLE assignment RENAME TO assignment_1;" ASSIGNMENT_TABLE        \
    "INSERT INTO assignment SELECT * FROM assignment_1;"                     \
    "DROP TABLE assignment_1;" ANSWER_TABLE STORE_UPGRADE_2

#endif
