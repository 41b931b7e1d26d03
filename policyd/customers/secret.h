/*
 * Secrets of tokens: drawn, hashed, compared.
 */
#ifndef POLICYD_CUSTOMERS_SECRET_H
#define POLICYD_CUSTOMERS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SECRET_SALT_SIZE 16
#define SECRET_HASH_SIZE 32 /* SHA-256 */
/* 256 random bits in hex: who tries at random needs no slower hash to fail. */
#define SECRET_TEXT_SIZE 65 /* with the NUL */
#define SECRET_ID_SIZE 17

/* From the kernel's generator.  `id` is 64 random bits in hex.  Errors:
 * VDC_E_INTERNAL: the kernel gives none. */
int secret_draw(char *ret_id, char *ret_text, uint8_t *ret_salt,
                struct vdc_error *err);

/* SHA-256 of salt and text.  Errors: VDC_E_INTERNAL. */
int secret_hash(const uint8_t *salt, size_t salt_size, const char *text,
                uint8_t *ret, struct vdc_error *err);

/* In a time that does not tell where they differ. */
bool secret_same(const uint8_t *a, const uint8_t *b, size_t size);

#endif
