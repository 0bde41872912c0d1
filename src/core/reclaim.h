/* What is done when a class has no block, and with memory that nobody uses.  pym__reclaim and
 * pym__reclaim_others, which space.c calls before memory grows, are declared in space.h. */
#ifndef PYM_CORE_RECLAIM_H
#define PYM_CORE_RECLAIM_H

#include "core/state.h"

#define FALLBACK_POOLS 64u /* pools: below it a class may borrow */
#define FALLBACK_REQUESTS \
  32u /* times that any class may; then only one that has few of all requests */
#define FALLBACK_SHARE 8u
void *pym__alloc_larger_class(struct pym_heap *heap, unsigned domain, u32 size,
                              usize replaced); /* of a larger class, or NULL */
void *pym__alloc_last_resort(struct pym_heap *heap, unsigned domain, usize bytes,
                             usize replaced); /* when memory is out */
extern int pym__sizes_known; /* 0: memory was out once, and a block is larger than asked for */
void pym__lists_return(struct pym_heap *heap); /* all lists: to their pools */

#endif
