/* Blocks for a class whose pools have none, and memory that nobody uses: what is cached is given
 * back before linear memory grows. */
#include "core/reclaim.h"

#include "core/account.h"
#include "core/chunk.h"
#include "core/event.h"
#include "core/pool.h"
#include "core/space.h"

int pym__sizes_known = 1;

/* ---- When the class has no block ---- */

/* A block of a larger class keeps the alignment that the size promises. */
static u32 step_of(u32 size) { return size & 8 ? 8 : 16; }

/* In a small heap pools for sizes that are rare would be most of what it costs.  A class that has
 * no free block gets one of a class a little larger; NULL: that has none either. */
COLD void *pym__alloc_larger_class(struct pym_heap *heap, unsigned domain, u32 size,
                                   usize replaced) {
  if (PYM__READ(pym__limits) || pym__has_usable(heap, domain, size)) return NULL;
  for (u32 larger = size + step_of(size); larger <= PYM_SMALL_MAX && larger <= size + 8 + size / 4;
       larger += step_of(size)) {
    void *block = pym__pop(&heap->hot, domain, larger);
    if (!block && pym__has_usable(heap, domain, larger))
      block = pym__refill(heap, domain, larger, POOL_BYTES, replaced);
    if (block) return block;
  }
  return NULL;
}

/* No pool can be had.  A free block of this class or a larger one, whichever domain's list it is
 * in; or a raw one, as CPython does. */
COLD void *pym__alloc_last_resort(struct pym_heap *heap, unsigned domain, usize bytes,
                                  usize replaced) {
  const u32 size = rounded_small(bytes);
  LOCKED();
  for (int again = 0;; again = 1) {
    pym__lists_return(heap);
    for (u32 larger = size; larger <= PYM_SMALL_MAX; larger += step_of(size)) {
      if (!heap->usable[larger / 8]) continue;
      pym__sizes_known = 0;
      return limit_grant(heap, domain, larger, 1, replaced)
                 ? pym__refill(heap, domain, larger, 1, replaced)
                 : NULL;
    }
    if (!limit_grant(heap, domain, pym__raw_usable_for(bytes), 1, replaced)) return NULL;
    void *block = pym__raw_alloc(raw_heap_of(heap), raw_domain_of(heap, domain), bytes,
                                 PYM_RAW_ALIGNMENT, replaced);
    if (block) return block;
    if (again || !pym__relieved(heap, domain, bytes))
      return pym__fail(heap, domain, bytes, EVENT_OOM);
  }
}

COLD void pym__lists_return(struct pym_heap *heap) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    for (u32 size = PYM_ALIGNMENT; size <= PYM_SMALL_MAX; size += PYM_ALIGNMENT)
      pym__list_return(heap, domain, size);
}

COLD void pym_heap_trim(pym_heap *heap) {
  LOCKED();
  pym__start();
  pym__trim_thread();
  if (pym__debug && heap == &pym__main) pym__debug->quarantine_flush();
  pym__lists_return(heap);
  pym__cache_flush(heap);
}

/* ---- Memory that nobody uses, before more is taken ---- */

COLD int pym__reclaim(struct pym_heap *heap) {
  const int any = pym__cache_flush(heap);
  heap->reclaimed_pools = heap->restored_pools = 0;
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    for (u32 size = PYM_ALIGNMENT; size <= PYM_SMALL_MAX; size += PYM_ALIGNMENT) {
      if (!pym__list_retire(heap, domain, size)) continue;
      heap->reclaimed[domain - PYM_MEM] |= class_bit(size);
      heap->reclaimed_pools++;
    }
  return any | (heap->reclaimed_pools != 0);
}

/* Classes that lost their pools want them again: a program that lives on few blocks of many sizes
 * would have pools moved between them at every other call.  To let them be is worth some pages. */
COLD int pym__was_reclaimed_in_vain(const struct pym_heap *heap) {
  return heap->reclaimed_pools && 2 * heap->restored_pools > heap->reclaimed_pools;
}

/* A heap is looked at once for each time that it joined the list: what it costs was paid for by
 * the calls that filled its lists and caches.  Its lists are emptied, so that each of its pools
 * becomes raw memory by itself from now on. */
COLD int pym__reclaim_others(void) {
  while (pym__space.reclaimable) {
    struct pym_heap *heap = at(pym__space.reclaimable);
    const u32 pools = heap->pools_used;
    pym__not_reclaimable(heap);
    const int flushed = pym__cache_flush(heap);
    if (MAY_TOUCH_OTHERS) pym__lists_return(heap);
    if (flushed || heap->pools_used != pools) return 1;
  }
  return pym__reclaim_threads();
}
