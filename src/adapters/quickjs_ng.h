/* quickjs-ng on wasm-pymalloc.  Source of the semantics: quickjs.h of quickjs-ng 0.17,
 * JSMallocFunctions.  QuickJS itself has other functions: quickjs.h. */
#ifndef PYMALLOC_ADAPTERS_QUICKJS_NG_H
#define PYMALLOC_ADAPTERS_QUICKJS_NG_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Initializer of a JSMallocFunctions: pass that to JS_NewRuntime2, with a pym_heap * as `opaque`
 * that serves this runtime, or NULL: the default heap.
 *
 * Blocks are of the object domain.  The runtime keeps its own count for JS_SetMemoryLimit; it adds
 * 8 bytes for each block to what pym_quickjs_ng_usable_size says. */
#define PYM_QUICKJS_NG_MALLOC_FUNCTIONS                                                       \
  {pym_quickjs_ng_calloc, pym_quickjs_ng_malloc, pym_quickjs_ng_free, pym_quickjs_ng_realloc, \
   pym_quickjs_ng_usable_size}

/* `heap` is a pym_heap *, or NULL: the default heap. */
void *pym_quickjs_ng_calloc(void *heap, size_t count, size_t size);
void *pym_quickjs_ng_malloc(void *heap, size_t n);
void pym_quickjs_ng_free(void *heap, void *p);
void *pym_quickjs_ng_realloc(void *heap, void *p, size_t n);
size_t pym_quickjs_ng_usable_size(const void *p);

#ifdef __cplusplus
}
#endif
#endif
