/* A sampling heap profile, as the slow path sees it.
 *
 * Where the next samples are is drawn beforehand, so the fast path never looks: a refill hands out
 * only the blocks before the next sampled one, and that one is served as a raw chunk.  The pool
 * table has no entry for it, so its free takes the slow way by itself.  While one is on limits are
 * looked at, so watched.c has every call of the slow way. */
#ifndef PYM_CORE_PROFILE_H
#define PYM_CORE_PROFILE_H

#include "core/state.h"

struct profile {
  /* A block of n bytes for a class without one.  most, less: as for pym__refill */
  void *(*small)(struct pym_heap *heap, unsigned domain, usize n, u32 most, usize replaced);
  /* block is a new raw block of so many usable bytes. */
  void (*made)(struct pym_heap *heap, unsigned domain, void *block, usize usable);
  /* A raw block, or a segment of another heap with all that is in it, is memory for others. */
  void (*freed)(struct pym_heap *heap, unsigned domain, const void *block, usize usable);
  /* Bytes that a sampled block would have if it were none; 0: it is none. */
  usize (*size)(const void *block);
};

HOT void *profiled(struct pym_heap *heap, unsigned domain, void *block, usize usable) {
  if (UNLIKELY(pym__profile != NULL)) pym__profile->made(heap, domain, block, usable);
  return block;
}

#endif
