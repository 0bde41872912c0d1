/* The fast path of the mem and object domains, inlined into each public function with a constant
 * heap and domain, so that every address in it is a constant on wasm.
 *
 * malloc   pop the class's magazine
 * free     push on it: what was freed last is the next to go out, while the cache holds it
 * What is rare leaves by one comparison: zero or large requests, an empty or a full magazine, a
 * hook, a raw block.  Nothing is counted but blocks handed out: what lives follows from the
 * magazines, and limits are looked at when they are refilled (limits.c). */
#ifndef PYM_OBJECT_H
#define PYM_OBJECT_H

#include "internal.h"

HOT struct magazine *magazine_of(struct pym_heap *h, unsigned d, u32 s) {
  return (struct magazine *)((char *)(d == PYM_MEM ? h->mem : h->obj) + 2 * s);
}
_Static_assert(sizeof(struct magazine) == 2 * PYM_ALIGNMENT, "twice a block size is an offset");

HOT void *pym__malloc(struct pym_heap *h, unsigned d, size_t n) {
  if (d == PYM_RAW || UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return pym__malloc_slow(h, d, n);
  struct magazine *m = magazine_of(h, d, ((u32)n + 7) & ~7u);
  u32 top = m->top, b = *(u32 *)at(top);
  if (UNLIKELY(!b)) return pym__malloc_slow(h, d, n);
  m->top = top - 4;
  m->mallocs++;
  return at(b);
}

#if PYM_DEBUG >= 1
void pym__check_block(struct pym_heap *h, unsigned d, u32 o);
#endif

/* Free block o of a pool. */
HOT void pym__free_small(struct pym_heap *h, unsigned d, u32 o, const struct pool *pool) {
#if PYM_DEBUG >= 1
  pym__check_block(h, d, o);
#endif
  u32 s = pool->size;
  struct magazine *m = magazine_of(h, d, s);
  u32 top = m->top + 4;
  if (UNLIKELY(top > m->limit)) {
    pym__spill(h, d, s, o);
    return;
  }
  *(u32 *)at(top) = o;
  m->top = top;
}

HOT void pym__free(struct pym_heap *h, unsigned d, void *p) {
  u32 o = off(p);
#if PYM_DEBUG >= 1
  if (o >> 16 >= pym__space.page_table_len) {
    pym__free_slow(h, d, p);
    return;
  }
#endif
  u32 entry = entry_at(o);
  if (d == PYM_RAW || UNLIKELY(entry <= h->domains[d].gate)) {
    pym__free_slow(h, d, p);
    return;
  }
  pym__free_small(h, d, o, pool_in(entry, o));
}

#endif
