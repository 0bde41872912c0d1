/* mruby on wasm-pymalloc.  Source of the semantics: mrb_default_allocf of mruby 3.3, src/allocf.c.
 */
#ifndef PYMALLOC_ADAPTERS_MRUBY_H
#define PYMALLOC_ADAPTERS_MRUBY_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mrb_state;

/* A mrb_allocf: mrb_open_allocf(pym_mruby_alloc, heap), mruby 1 to 3.
 *
 * ud  a pym_heap * that serves this state, or NULL: the default heap
 * Blocks are of the object domain.  At a limit mruby collects its garbage and tries again; then it
 * is a NoMemoryError in Ruby. */
void *pym_mruby_alloc(struct mrb_state *mrb, void *p, size_t n, void *ud);

#ifdef __cplusplus
}
#endif
#endif
