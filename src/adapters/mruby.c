#include "adapters/mruby.h"

#include "adapters/inlined.h"

void *pym_mruby_alloc(struct mrb_state *mrb, void *block, size_t bytes, void *ud) {
  (void)mrb;
  if (bytes) return inlined_realloc(ud, block, bytes);
  inlined_free(ud, block);
  return NULL;
}
