/* Linked into foreign_libc, the library's first call comes before libc's first malloc. */
#include "foreign_libc.h"

__attribute__((constructor)) static void before_main(void) { take_first_blocks(); }
