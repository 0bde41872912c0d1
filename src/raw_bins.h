/* Where free chunks are found: lists of one size each, search trees by size, for raw.c. */
#ifndef PYM_RAW_BINS_H
#define PYM_RAW_BINS_H

#include "raw.h"

/* The tree that a free chunk of LIST_MAX bytes or more belongs to, and how trees branch. */
#define LIST_MAX 1024u /* bytes of a chunk: trees begin here */
HOT u32 tree_of(u32 size) {
  u32 log = 31 - (u32)__builtin_clz(size);
  return 2 * (log - 10) + (size >> (log - 1) & 1);
}
HOT u32 first_branch(u32 tree) { return tree / 2 + 8; } /* bit of the size that a root looks at */
#define LAST_BRANCH 4u /* sizes are multiples of 16 */
_Static_assert(2 * (31 - 10) + 1 < RAW_TREES && LIST_MAX == 16 * RAW_LISTS, "all sizes");

/* Put [c, c + size) there as a free chunk.  The chunk before it is in use. */
void pym__bin_insert(struct pym_heap *h, u32 c, u32 size);
/* Take it out; the links are verified before they are used. */
void pym__bin_remove(struct pym_heap *h, u32 c, u32 size);
/* The smallest chunk of at least `size` bytes; 0: there is none. */
u32 pym__bin_find(const struct pym_heap *h, u32 size);
/* 0: there is none; 1: there may be one. */
HOT int bins_hold(const struct pym_heap *h, u32 size) {
  if (size < LIST_MAX) return (h->trees_map | h->lists_map >> size / 16 | (h->lists_map & 1)) != 0;
  return h->trees_map >> tree_of(size) || h->lists_map & 1;
}
/* One that a pool fits into exactly; 0: there is none. */
HOT u32 bin_find_pool(const struct pym_heap *h) { return h->lists[0]; }

#endif
