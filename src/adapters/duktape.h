/* Duktape on wasm-pymalloc.  Source of the semantics: duktape.h of 2.7, duk_alloc_function,
 * duk_realloc_function, duk_free_function. */
#ifndef PYMALLOC_ADAPTERS_DUKTAPE_H
#define PYMALLOC_ADAPTERS_DUKTAPE_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The first three arguments of duk_create_heap; the fourth, `heap_udata`, is a pym_heap * that
 * serves this Duktape heap, or NULL: the default heap.
 *
 * Blocks are of the object domain.  NULL from the first two: out of memory or a limit (Duktape then
 * collects its garbage and asks again), or for realloc, n was 0 and p was freed. */
void *pym_duk_alloc(void *udata, size_t n);
void *pym_duk_realloc(void *udata, void *p, size_t n);
void pym_duk_free(void *udata, void *p);

#ifdef __cplusplus
}
#endif
#endif
