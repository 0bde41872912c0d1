/* No host at all: a freestanding module has nowhere to print.  Readers find what was wrong in the
 * root structure. */
#include "internal.h"

void pym__host_write(const char *text, size_t n) {
  (void)text;
  (void)n;
}

void pym__host_tell(enum cause cause, u32 o, unsigned d) { (void)cause, (void)o, (void)d; }

void pym__host_trap(void) { __builtin_trap(); }
