/* The fast path of the mem and object domains, inlined into each public function with a constant
 * heap and domain, so that every address in it is a constant on wasm.
 *
 * malloc   pop the class's first block at hand
 * free     push it there: what was freed last is the next to go out, while the cache holds it
 * What is rare leaves by one comparison: zero or large requests, an empty class, a limit, a new
 * peak, a hook, a raw block, a list of blocks at hand that may be long by now. */
#ifndef PYM_OBJECT_H
#define PYM_OBJECT_H

#include "internal.h"

HOT uint64_t *mallocs_of(struct pym_heap *h, unsigned d, u32 s) {
  return (uint64_t *)((char *)(d == PYM_MEM ? h->mem_mallocs : h->obj_mallocs) + s);
}
HOT uint64_t *frees_of(struct pym_heap *h, unsigned d, u32 s) {
  return (uint64_t *)((char *)(d == PYM_MEM ? h->mem_frees : h->obj_frees) + s);
}
HOT uint64_t *stop_of(struct pym_heap *h, unsigned d, u32 s) {
  return (uint64_t *)((char *)(d == PYM_MEM ? h->mem_stop : h->obj_stop) + s);
}
_Static_assert(sizeof(uint64_t) == PYM_ALIGNMENT, "a block size is the offset of its counter");
HOT struct bin *bin_of_size(struct pym_heap *h, u32 s) {
  return (struct bin *)((char *)h->bins + s);
}
_Static_assert(sizeof(struct bin) == PYM_ALIGNMENT, "a block size is the offset of its bin");

HOT void *pym__malloc(struct pym_heap *h, unsigned d, size_t n) {
  if (d == PYM_RAW || UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return pym__malloc_slow(h, d, n);
  u32 s = ((u32)n + 7) & ~7u;
  struct domain *dom = &h->domains[d];
  struct bin *bin = bin_of_size(h, s);
  u32 b = bin->free, live = dom->live + s;
  if (UNLIKELY(!b)) return pym__malloc_slow(h, d, n);
  if (UNLIKELY(live > dom->trip)) {
    if (UNLIKELY(live > dom->cap)) return pym__malloc_slow(h, d, n);
    dom->trip = dom->peak = live;
  }
  dom->live = live;
  bin->free = *(u32 *)at(b);
  ++*mallocs_of(h, d, s);
  return at(b);
}

#if PYM_DEBUG >= 1
void pym__check_block(const struct pym_heap *h, unsigned d, u32 o);
#endif

/* Free block o of a pool. */
HOT void pym__free_small(struct pym_heap *h, unsigned d, u32 o, struct pool *pool) {
#if PYM_DEBUG >= 1
  pym__check_block(h, d, o);
#endif
  u32 s = pool->size;
  h->domains[d].live -= s;
  uint64_t frees = ++*frees_of(h, d, s);
  struct bin *bin = bin_of_size(h, s);
  *(u32 *)at(o) = bin->free;
  bin->free = o;
  if (UNLIKELY(frees == *stop_of(h, d, s))) pym__trim(h, d, s);
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
