#include "adapters/duktape.h"

#include "adapters/inlined.h"

void *pym_duk_alloc(void *udata, size_t bytes) { return inlined_malloc(udata, bytes); }

void *pym_duk_realloc(void *udata, void *block, size_t bytes) {
  if (bytes) return inlined_realloc(udata, block, bytes);
  inlined_free(udata, block);
  return NULL;
}

void pym_duk_free(void *udata, void *block) { inlined_free(udata, block); }
