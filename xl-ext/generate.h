/*
 * Manual pages and shell completion from the tables of commands, options,
 * errors and xl.cfg keys; run when the project is built.
 */
#ifndef XL_EXT_GENERATE_H
#define XL_EXT_GENERATE_H

#include <stdbool.h>

/* --generate-man, --generate-man-cfg, --generate-completion */
bool generate_is_request(const char *word);
/* Prints to stdout; the exit status. */
int generate_run(const char *word);

/* The pages one by one (generate_man.c, generate_cfg.c,
 * generate_completion.c). */
void generate_man(void);
void generate_man_cfg(void);
void generate_completion(void);

/* Text for mdoc(7), with everything escaped that roff would understand; an
 * empty line becomes a paragraph. */
void generate_mdoc_text(const char *text);

#endif
