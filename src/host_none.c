/* No host at all: a freestanding module has nowhere to print. */
#include "internal.h"

void pym__host_write(const char *text, size_t n) {
  (void)text;
  (void)n;
}

void pym__host_trap(void) { __builtin_trap(); }
