/*
 * Keys and certificates in a temporary folder, for tests of TLS.
 */
#ifndef TESTS_UNIT_BASE_TLS_FILES_H
#define TESTS_UNIT_BASE_TLS_FILES_H

/* Made at the first call; gone with tls_files_remove.  The pointers are to
 * static text: the path of NAME in the folder. */
const char *tls_file(const char *name);
void tls_files_remove(void);

/* What a certificate is to be. */
struct tls_wanted {
    const char *name;   /* of the files NAME.crt and NAME.key, and the CN */
    const char *issuer; /* files of a CA; NULL: itself, and it is a CA */
    const char *names;  /* subjectAltName, "DNS:a,IP:127.0.0.1"; or NULL */
    long from_s, to_s;  /* from now */
    const char *rsa; /* the key's exponent, in hexadecimal; NULL: on P-256 */
};
void tls_files_make(const struct tls_wanted *wanted);

#endif
