/* The domain functions as far as the fast path of fast.h serves them, inlined into each public
 * function with a constant heap and domain, so that every address in it is a constant on wasm.
 *
 * NULL or 0: not here, take the slow way: zero or large requests, an empty list, a hook, a limit
 * that was passed, a raw block. */
#ifndef PYM_OBJECT_H
#define PYM_OBJECT_H

#include "internal.h"

u32 pym__usable(struct pym_heap *h, unsigned d, const void *p);
#if PYM_DEBUG >= 1
void pym__check_offset(u32 o, const struct pym__pool *pool, unsigned d);
void pym__check_block(struct pym_heap *h, unsigned d, u32 o, const struct pym__pool *pool);
#endif

HOT u32 rounded_small(size_t n) { return ((u32)n + 7) & ~7u; }

/* Lists and counters of a class in the mem or object domain. */
HOT struct list *list_of(struct pym_heap *h, unsigned d, u32 s) {
  return (struct list *)(void *)((char *)h->hot.lists[d - PYM_MEM] + s);
}
HOT u64 *frees_of(struct pym_heap *h, unsigned d, u32 s) {
  return &h->hot.frees[d - PYM_MEM][s / PYM_ALIGNMENT];
}
HOT u64 *filled_of(struct pym_heap *h, unsigned d, u32 s) {
  return &h->filled[d - PYM_MEM][s / PYM_ALIGNMENT];
}
/* Makes the part of charged exact that the class has. */
HOT void count_class(struct pym_heap *h, unsigned d, u32 s) {
  u32 *counted = &h->charged_blocks[d - PYM_MEM][s / PYM_ALIGNMENT];
  const u32 now = (u32)(*filled_of(h, d, s) - *frees_of(h, d, s));
  h->domains[d].charged += (now - *counted) * s;
  *counted = now;
}
HOT int is_open(const struct pym_heap *h, unsigned d) {
  return h->hot.closed[d - PYM_MEM] == PYM__LINK_MAX;
}

/* The pool of the block at o, which is in use as far as this build can tell; NULL: it lies in none,
 * the fast path is closed, or it is free already. */
HOT struct pym__pool *open_pool(struct pym_heap *h, unsigned d, const void *p) {
  struct pym__pool *pool = pym__pool_at(off(p));
  if (UNLIKELY(!pool)) return NULL;
  if (UNLIKELY((*(const pym__word *)p ^ pym__key) <= h->hot.closed[d - PYM_MEM])) return NULL;
#if PYM_DEBUG >= 1
  pym__check_block(h, d, off(p), pool);
#endif
  return pool;
}

HOT void put_block(struct pym_heap *h, unsigned d, struct pym__pool *pool, void *p) {
  if (UNLIKELY(!pym__push(&h->hot, d, pool, p, off(p)))) pym__pool_event(h, d, off(p));
}

HOT void *try_malloc(struct pym_heap *h, unsigned d, size_t n) {
  if (UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return NULL;
  return pym__pop(&h->hot, d, rounded_small(n));
}

/* count * size was found not to wrap. */
HOT void *try_calloc(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  size_t n = count * size;
  void *p = try_malloc(h, d, n);
  if (LIKELY(p != NULL)) zero_words(p, rounded_small(n));
  return p;
}

HOT int try_free(struct pym_heap *h, unsigned d, void *p) {
  struct pym__pool *pool = open_pool(h, d, p);
  if (UNLIKELY(!pool)) return 0;
  put_block(h, d, pool, p);
  return 1;
}

/* Does a pool block of `old` bytes serve n where it is?  If n fits and fills three quarters. */
HOT int stays(u32 old, u32 n) { return n <= old && (4 * n > 3 * old || ((n + 7) & ~7u) == old); }

HOT void *try_realloc(struct pym_heap *h, unsigned d, void *p, size_t n) {
  struct pym__pool *pool = open_pool(h, d, p);
  if (UNLIKELY(!pool) || UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return NULL;
  u32 old = pool->size, s = rounded_small(n);
  if (stays(old, (u32)n)) return p;
  void *to = pym__pop(&h->hot, d, s);
  if (UNLIKELY(!to)) return NULL;
  copy_words(to, p, s < old ? s : old);
  put_block(h, d, pool, p);
  return to;
}

#endif
