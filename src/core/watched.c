/* The slow path while somebody looks at every call that comes by: limits, or a profile.  It is
 * object.c's, with a question before and a word after; linked with the first limit. */
#include "core/watched.h"

#include "core/chunk.h"
#include "core/event.h"
#include "core/object.h"
#include "core/pool.h"
#include "core/profile.h"
#include "core/reclaim.h"

COLD void *pym__small_new(struct pym_heap *heap, unsigned domain, usize n, u32 most,
                          usize replaced) {
  void *block = pym__refill(heap, domain, rounded_small(n), most, replaced);
  return block ? block : pym__alloc_last_resort(heap, domain, n, replaced);
}

COLD void *pym__watched_small(struct pym_heap *heap, unsigned domain, usize n, u32 most,
                              usize replaced) {
  const u32 size = rounded_small(n);
  most = pym__limits->grant(heap, domain, size, most, replaced);
  if (!most) return NULL;
  note_size(heap, size, n);
  if (pym__profile) return pym__profile->small(heap, domain, n, most, replaced);
  return pym__small_new(heap, domain, n, most, replaced);
}

COLD void *pym__watched_raw(struct pym_heap *heap, unsigned domain, usize n, usize replaced) {
  if (!pym__limits->grant(heap, domain, pym__raw_usable_for(n), 1, replaced)) return NULL;
  void *block = pym__raw_alloc(heap, domain, n, PYM_RAW_ALIGNMENT, replaced);
  return block ? profiled(heap, domain, block, pym__raw_usable_for(n))
               : pym__raw_again(heap, domain, n, PYM_RAW_ALIGNMENT, replaced);
}

COLD void *pym__watched_resize(struct pym_heap *heap, unsigned domain, void *block, usize old,
                               usize n) {
  const usize usable = pym__raw_usable_for(n);
  if (usable > old && !pym__limits->grant(heap, domain, usable - old, 1, 0)) return NULL;
  if (pym__raw_resize(heap, domain, block, n)) {
    if (!pym__profile || pym__raw_verified_size(heap, domain, block) == old) return block;
    pym__profile->freed(heap, domain, block, 0);
    return profiled(heap, domain, block, usable);
  }
  void *to = pym__raw_alloc(heap, domain, n, PYM_RAW_ALIGNMENT, old);
  to = to ? profiled(heap, domain, to, usable)
          : pym__raw_again(heap, domain, n, PYM_RAW_ALIGNMENT, old);
  return pym__moved(heap, domain, block, old, to, n);
}

COLD void pym__watched_free(struct pym_heap *heap, unsigned domain, const void *block,
                            usize usable) {
  if (pym__profile) pym__profile->freed(heap, domain, block, usable);
  pym__limits->update(heap);
}

int pym__watched_stays(const void *block, usize n) {
  const usize size = pym__profile ? pym__profile->size(block) : 0;
  return size && size <= PYM_SMALL_MAX && fits_in_place(size, n);
}
