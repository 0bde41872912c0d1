/* A profile is on from the start, at no sample: what it costs by itself, in instructions. */
#include "pymalloc.h"

static void listen(void *ctx, const pym_profile_event *event) { (void)ctx, (void)event; }

__attribute__((constructor)) static void start(void) {
  pym_profile_start(UINT32_MAX, 1, listen, NULL);
}
