/* No host at all: a freestanding module has nowhere to print.  Readers find what was wrong in the
 * root structure. */
#include "ports/host.h"

void pym__host_write(const char *text, size_t bytes) {
  (void)text;
  (void)bytes;
}

void pym__host_tell(enum cause cause, addr offset, unsigned domain) {
  (void)cause, (void)offset, (void)domain;
}

/* A host can hand some in, once and before anything else: createHeap of the JavaScript package. */
static u64 seed[2];
static int is_seeded;

__attribute__((visibility("default"))) void pym_seed(u32 a, u32 b, u32 class);
void pym_seed(u32 a, u32 b, u32 class) {
  seed[0] = (u64)a << 32 | b;
  seed[1] = class;
  is_seeded = 1;
}

int pym__host_random(u64 out[2]) {
  out[0] = seed[0];
  out[1] = seed[1];
  return is_seeded;
}

void pym__host_trap(void) { __builtin_trap(); }
