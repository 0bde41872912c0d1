/* The object domain with the fast path inlined, for adapters: an engine makes every request through
 * them.  heap: NULL stands for the default heap, with its hooks. */
#ifndef PYMALLOC_ADAPTERS_INLINED_H
#define PYMALLOC_ADAPTERS_INLINED_H

#include "core/object.h"

HOT void *inlined_malloc(struct pym_heap *heap, size_t bytes) {
  void *block = try_malloc(heap ? heap : &pym__main, PYM_OBJ, bytes);
  if (LIKELY(block != NULL)) return block;
  return heap ? pym_heap_malloc(heap, PYM_OBJ, bytes) : pym__malloc_slow(PYM_OBJ, bytes);
}

HOT void inlined_free(struct pym_heap *heap, void *block) {
  if (LIKELY(!heap)) free_on_main(PYM_OBJ, block);
  else if (UNLIKELY(!try_free(heap, PYM_OBJ, block))) pym_heap_free(heap, PYM_OBJ, block);
}

HOT void *inlined_realloc(struct pym_heap *heap, void *block, size_t bytes) {
  if (!block) return inlined_malloc(heap, bytes);
  void *moved = try_realloc(heap ? heap : &pym__main, PYM_OBJ, block, bytes);
  if (LIKELY(moved != NULL)) return moved;
  return heap ? pym_heap_realloc(heap, PYM_OBJ, block, bytes)
              : pym__realloc_slow(PYM_OBJ, block, bytes);
}

#endif
