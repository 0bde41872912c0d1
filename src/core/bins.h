/* Where free chunks are found: lists of one size each, search trees by size, for chunk.c. */
#ifndef PYM_CORE_BINS_H
#define PYM_CORE_BINS_H

#include "core/chunk_layout.h"

/* The tree that a free chunk of BIN_LIST_MAX bytes or more belongs to, and how trees branch. */
#define BIN_LIST_MAX 8192u /* bytes of a chunk: trees begin here */
#define FIRST_LOG 13u      /* its logarithm */
HOT u32 tree_of(usize size) {
  const u32 log =
      PYM__MEMORY64 ? 63 - (u32)__builtin_clzll(size) : 31 - (u32)__builtin_clz((u32)size);
  return 2 * (log - FIRST_LOG) + (u32)(size >> (log - 1) & 1);
}
/* Bit of the size that a root looks at, and the last: sizes are multiples of 16. */
HOT u32 first_branch(u32 tree) { return tree / 2 + FIRST_LOG - 2; }
#define LAST_BRANCH 4u
_Static_assert(2 * ((PYM__MEMORY64 ? 34 : 31) - FIRST_LOG) + 1 < BIN_TREES &&
                   BIN_LIST_MAX == 16 * BIN_LISTS,
               "all sizes");

/* Put [chunk, chunk + size) there as a free chunk.  The chunk before it is in use. */
void pym__bins_insert(struct pym_heap *heap, addr chunk, usize size);
/* Take it out; the links are verified before they are used. */
void pym__bins_remove(struct pym_heap *heap, addr chunk, usize size);
/* The smallest chunk of at least `size` bytes; 0: there is none. */
addr pym__bins_find(const struct pym_heap *heap, usize size);
int pym__bins_may_hold(const struct pym_heap *heap, usize size); /* 0: there is none */
#define EXACT_LEAST 1024u /* bytes of a request: from here on best fit is exact */
/* May there be one of at least `size` bytes and less than `below`?  0: no.  For a size below
 * EXACT_LEAST one in the same tree as `below` is no shorter. */
int pym__bins_may_hold_below(const struct pym_heap *heap, usize size, usize below);
/* One that a pool fits into exactly; 0: there is none. */
HOT addr bins_pool_shaped(const struct pym_heap *heap) { return from_link(heap->lists[0]); }

#endif
