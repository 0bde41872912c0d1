/* Pools of equal blocks, each a chunk of 4 KiB. */
#ifndef PYM_CORE_POOL_H
#define PYM_CORE_POOL_H

#include "core/state.h"

HOT u32 pym__pool_capacity(u32 size) {
  return POOL_ROOM / size;
} /* blocks of size bytes in a pool */
/* The class's bit in a set of classes. */
HOT u64 class_bit(u32 size) { return (u64)1 << (size / PYM_ALIGNMENT - 1); }
u32 pym__pool_used(const struct pym__pool *pool); /* blocks not in the pool's own list */
int pym__has_usable(const struct pym_heap *heap, unsigned domain,
                    u32 size); /* a pool with free blocks */
/* The list of the class is empty.  One block, the others of its pool are the list where the fast
 * path is open; charged.  NULL: no memory.
 * granted  1, or more if a whole pool may be taken; replaced: as for pym__raw_alloc */
void *pym__refill(struct pym_heap *heap, unsigned domain, u32 size, u32 granted, usize replaced);
void pym__list_return(struct pym_heap *heap, unsigned domain,
                      u32 size); /* the list's blocks to their pool */
/* If its pool is whole: the pool becomes free memory; 0: it is not. */
int pym__list_retire(struct pym_heap *heap, unsigned domain, u32 size);
int pym__pool_has_free(struct pym_heap *heap, const struct pym__pool *pool,
                       addr offset); /* is offset free? */
/* offset was freed in domain domain, and left of its pool came to 0. */
void pym__pool_transition(struct pym_heap *heap, unsigned domain, addr offset);

/* Arenas for the report: 256 KiB of linear memory each, the last perhaps in part, and those from a
 * hook.  Of the hook's, raw_frees and peak of domain INTERNAL are arenas given back, and the most
 * that there were in all before one was. */
static inline u32 arenas_now(void) {
  const u32 size = (u32)PYM_ARENA_BYTES;
  return (u32)(pym__main.raw_bytes / size) + (pym__main.raw_bytes % size != 0) +
         (pym__hooked ? pym__hooked->raw_segments : 0);
}

#endif
