/* Commands and options of xl that xl-vdc has not, and what is to be done
 * instead. */
#ifndef XL_EXT_XL_NAMES_H
#define XL_EXT_XL_NAMES_H

/* NULL when xl 4.17 has no such command, or xl-vdc has it too. */
const char *xl_names_hint(const char *word);
/* The same for an option, "-f" or "--force", of a command that both have. */
const char *xl_names_option_hint(const char *command, const char *option);

#endif
