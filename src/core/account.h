/* What is charged: bytes of a domain that are live, or in the lists of its classes.
 *
 * The blocks of a list are charged when they leave their pool, so charged >= live; a class's part
 * of it is exact whenever its list is filled, and where all of it has to be, all classes are
 * counted. */
#ifndef PYM_CORE_ACCOUNT_H
#define PYM_CORE_ACCOUNT_H

#include "core/state.h"

/* Makes the part of charged exact that the class has. */
HOT void count_class(struct pym_heap *heap, unsigned domain, u32 size) {
  u32 *counted = &heap->charged_blocks[domain - PYM_MEM][size / PYM_ALIGNMENT];
  const u32 now = (u32)(*filled_of(heap, domain, size) - PYM__READ(*frees_of(heap, domain, size)));
  heap->domains[domain].charged += ((usize)now - *counted) * size;
  *counted = now;
}

usize pym__live_bytes(const struct pym_heap *heap, unsigned domain);
void pym__note_peak(struct pym_heap *heap, unsigned domain); /* count, note a new peak of it */
void pym__look(struct pym_heap *heap, unsigned domain, usize replaced); /* if one may be new */
void pym__count_class(struct pym_heap *heap, unsigned domain,
                      u32 size); /* so that charged is exact for it */

HOT u32 limit_grant(struct pym_heap *heap, unsigned domain, usize bytes, u32 pieces,
                    usize replaced) {
  return LIKELY(!PYM__READ(pym__limits))
             ? pieces
             : pym__limits->grant(heap, domain, bytes, pieces, replaced);
}

/* There is no memory for a request: may it be tried again, since the callback was called? */
HOT int pym__relieved(struct pym_heap *heap, unsigned domain, usize bytes) {
  return PYM__READ(pym__limits) && pym__limits->relieve(heap, domain, bytes);
}

/* What is charged has changed. */
HOT void limits_update(struct pym_heap *heap) {
  if (UNLIKELY(PYM__READ(pym__limits) != NULL)) pym__limits->update(heap);
}
/* The counters of a domain, at one address for all of them: a compiler that sees how it is made
 * makes it anew for each. */
HOT struct domain *counters_of(struct pym_heap *heap, unsigned domain) {
  struct domain *counters = &heap->domains[domain];
#if !SMALL_BUILD
  __asm__("" : "+r"(counters));
#endif
  return counters;
}
/* The block was counted; limits are told by the caller. */
HOT void charge_unlimited(struct pym_heap *heap, unsigned domain, struct domain *counters,
                          usize bytes, usize replaced) {
  counters->charged += bytes;
  if (UNLIKELY(counters->charged > counters->look_at)) pym__look(heap, domain, replaced);
}
HOT void charge(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  charge_unlimited(heap, domain, &heap->domains[domain], bytes, replaced);
  if (!replaced) limits_update(heap);
}
HOT void uncharge(struct pym_heap *heap, unsigned domain, usize bytes) {
  heap->domains[domain].charged -= bytes;
  limits_update(heap);
}

#endif
