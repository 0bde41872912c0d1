/* Small blocks between the fast path and the pools: what a list is filled with, what is counted.
 *
 *   list empty at a malloc   refill: all free blocks of the class's next pool
 *   free                     into the block's own pool, by the fast path
 *
 * The blocks of a list are charged when they leave their pool: charged >= live + those in lists, and
 * only what passes by here changes it.  A class's part of it is exact whenever its list is filled;
 * where all of it has to be exact, all classes are counted. */
#include "object.h"

#define LOOK_BYTES 4096u

const struct limits *pym__limits;

/* ---- Counting ---- */

TIDY void pym__count_class(struct pym_heap *h, unsigned d, u32 s) { count_class(h, d, s); }

/* Makes charged exact.  Returns the part of it that is in lists. */
static TIDY u32 count_all(struct pym_heap *h, unsigned d) {
  u32 listed = 0;
  if (d == PYM_MEM || d == PYM_OBJ)
    for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT) {
      count_class(h, d, s);
      listed += list_of(h, d, s)->count * s;
    }
  return listed;
}

TIDY u32 pym__live(const struct pym_heap *h, unsigned d) {
  struct pym_heap *counted = (struct pym_heap *)(uintptr_t)h;
  const u32 listed = count_all(counted, d);
  return h->domains[d].charged - listed;
}

/* The fast path does not sum up what lives, so the peak is the most that was seen: it is looked at
 * when so much was charged as never before, in steps of LOOK_BYTES where blocks are small. */
TIDY void pym__look(struct pym_heap *h, unsigned d, u32 less) {
  struct domain *dom = &h->domains[d];
  const u32 live = pym__live(h, d) - less;
  if (live > dom->peak) dom->peak = live;
  dom->look_at = dom->charged - less + (d == PYM_MEM || d == PYM_OBJ ? LOOK_BYTES : 0);
}

COLD void pym__open(struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++) {
    int hooked = h == &pym__main && pym__hooks[d].on;
    h->hot.closed[d - PYM_MEM] = h->over_limit || hooked ? ~(u64)0 : PYM__LINK_MAX;
  }
}

/* ---- When the class has no block ---- */

/* A block of a larger class for s bytes keeps the alignment that the size promises. */
static u32 step_of(u32 s) { return s & 8 ? 8 : 16; }

/* In a small heap pools for sizes that are rare would be most of what it costs.  A class that has no
 * free block gets one of a class a little larger; NULL: that has none either. */
TIDY void *pym__borrow(struct pym_heap *h, unsigned d, u32 s, u32 less) {
  if (pym__limits || pym__has_usable(h, d, s)) return NULL;
  for (u32 t = s + step_of(s); t <= PYM_SMALL_MAX && t <= s + 8 + s / 4; t += step_of(s)) {
    void *p = pym__pop(&h->hot, d, t);
    if (!p && pym__has_usable(h, d, t)) p = pym__refill(h, d, t, POOL_BYTES, less);
    if (p) return p;
  }
  return NULL;
}

/* No pool can be had.  A free block of this class or a larger one, whichever domain's list it is
 * in; or a raw one, as CPython does. */
COLD void *pym__scrape(struct pym_heap *h, unsigned d, u32 n, u32 less) {
  const u32 s = rounded_small(n);
  pym__flush(h);
  for (u32 t = s; t <= PYM_SMALL_MAX; t += step_of(s))
    if (h->usable[t / 8]) return allowed(h, d, t, 1, less) ? pym__refill(h, d, t, 1, less) : NULL;
  if (!allowed(h, d, pym__raw_size(n), 1, less)) return NULL;
  void *p = pym__raw_new(h, d, n, PYM_RAW_ALIGNMENT, less);
  return p ? p : pym__fail(h, d, n, EVENT_OOM);
}

COLD void pym__flush(struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT) pym__list_return(h, d, s);
}

COLD void pym_heap_trim(pym_heap *h) {
  pym__start();
  if (pym__debug && h == &pym__main) pym__debug->let_go();
  pym__flush(h);
  pym__raw_flush(h);
}

/* ---- Memory that nobody uses, before more is taken ---- */

COLD int pym__reclaim(struct pym_heap *h) {
  int any = pym__raw_flush(h);
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT)
      any |= pym__list_retire(h, d, s);
  return any;
}

static u32 *reclaim_link_to(const struct pym_heap *h) {
  struct pym_heap *before = at(h->reclaim_prev);
  return h->reclaim_prev ? &before->reclaim_next : &pym__space.reclaimable;
}

COLD void pym__reclaimable(struct pym_heap *h) {
  h->is_reclaimable = 1;
  h->reclaim_prev = 0;
  h->reclaim_next = pym__space.reclaimable;
  if (h->reclaim_next) ((struct pym_heap *)at(h->reclaim_next))->reclaim_prev = off(h);
  pym__space.reclaimable = off(h);
}

COLD void pym__not_reclaimable(struct pym_heap *h) {
  if (!h->is_reclaimable) return;
  h->is_reclaimable = 0;
  *reclaim_link_to(h) = h->reclaim_next;
  if (h->reclaim_next) ((struct pym_heap *)at(h->reclaim_next))->reclaim_prev = h->reclaim_prev;
}

/* A heap is looked at once for each time that it joined the list: what it costs was paid for by
 * the calls that filled its lists and caches.  Its lists are emptied, so that each of its pools
 * becomes raw memory by itself from now on. */
COLD int pym__reclaim_others(void) {
  while (pym__space.reclaimable) {
    struct pym_heap *h = at(pym__space.reclaimable);
    const u32 pools = h->pools_used;
    pym__not_reclaimable(h);
    const int flushed = pym__raw_flush(h);
    pym__flush(h);
    if (flushed || h->pools_used != pools) return 1;
  }
  return 0;
}
