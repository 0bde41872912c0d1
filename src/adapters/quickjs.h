/* QuickJS on wasm-pymalloc.  Source of the semantics: quickjs.h of 2025-04-26, JSMallocFunctions,
 * and the functions that QuickJS itself puts there. */
#ifndef PYMALLOC_ADAPTERS_QUICKJS_H
#define PYMALLOC_ADAPTERS_QUICKJS_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Initializer of a JSMallocFunctions: pass that to JS_NewRuntime2, with a pym_heap * as `opaque`
 * that serves this runtime, or NULL: the default heap.
 *
 * Blocks are of the object domain.  JS_SetMemoryLimit works: what is counted are usable bytes, so
 * malloc_size is the sum of what the runtime holds, and only the rounding of the last block can go
 * beyond the limit. */
#define PYM_QUICKJS_MALLOC_FUNCTIONS \
  {pym_quickjs_malloc, pym_quickjs_free, pym_quickjs_realloc, pym_quickjs_usable_size}

struct JSMallocState;
void *pym_quickjs_malloc(struct JSMallocState *s, size_t n);
void pym_quickjs_free(struct JSMallocState *s, void *p);
void *pym_quickjs_realloc(struct JSMallocState *s, void *p, size_t n);
size_t pym_quickjs_usable_size(const void *p);

#ifdef __cplusplus
}
#endif
#endif
