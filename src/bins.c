/* Blocks at hand: for each class and domain a list between the fast path and the pools.
 *
 *   empty at a malloc   refill: all free blocks of one pool, or some that were never given out
 *   free                push; nothing goes back to the pools by itself
 *   sweep               before linear memory grows, if much is at hand: all of it goes back to the
 *                       pools, and pools and pages that are whole again serve whoever asks
 *
 * So the last block freed is the next one out, and a program whose heap does not grow never pays
 * for keeping pools apart. */
#include "object.h"

COLD void pym__bins_open(struct pym_heap *h) {
  h->closed = (u32)pym__over_limit(h);
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    h->domains[d].gate = h->closed || (h == &pym__main && pym__hooks[d].on) ? ~0u : GATE;
}

/* Blocks of class s return to their pools: they are no longer charged. */
static void give_back(struct pym_heap *h, unsigned d, u32 s, u32 list, u32 n) {
  bin_of_size(h, d, s)->out -= n;
  h->domains[d].charged -= n * s;
  pym__pools_give(h, s, list, n);
}

u32 pym__refill(struct pym_heap *h, unsigned d, u32 s) {
  struct bin *bin = bin_of_size(h, d, s);
  u32 room = pym__room(h, d), n = POOL_BYTES / s;
  if (UNLIKELY(h->domains[d].gate != GATE || room < n * s)) n = 1; /* a limit is near, or a hook */
  int charged = room < s;
  if (charged && !pym__charge(h, d, s)) return 0;
  u32 list = pym__pools_take(h, d, s, &n);
  if (!list) {
    if (charged) pym__discharge(h, d, s);
    return pym__fail(h, d, s, EVENT_OOM), 0;
  }
  if (!charged) pym__charge_more(h, d, n * s);
  pym__peak_small(h, d, n * s);
  bin->out += n;
  bin->free = *(u32 *)at(list);
  return list;
}

COLD void pym__take_back(struct pym_heap *h, unsigned d, u32 s, u32 o) {
  *(u32 *)at(o) = 0;
  give_back(h, d, s, o, 1);
  if (h->closed) pym__bins_open(h);
}

COLD void pym__flush(struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 c = 1; c < CLASS_SLOTS; c++) {
      u32 s = c * PYM_ALIGNMENT, live = (u32)(*mallocs_of(h, d, s) - *frees_of(h, d, s));
      struct bin *bin = bin_of_size(h, d, s);
      u32 list = bin->free;
      bin->free = 0;
      if (list || bin->out != live) give_back(h, d, s, list, bin->out - live);
    }
}

COLD void pym_heap_trim(pym_heap *h) {
  pym__start();
  pym__flush(h);
}

void pym__flush_all(void) {
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) pym__flush(at(o));
}

COLD int pym__sweep(void) {
  u32 at_hand = 0, least = pym__space.pages_owned / 16 * PAGE_BYTES;
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) {
    const struct pym_heap *h = at(o);
    for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
      at_hand += h->domains[d].charged - pym__live(h, d);
  }
  if (at_hand < least || at_hand < PAGE_BYTES) return 0;
  pym__flush_all();
  return 1;
}
