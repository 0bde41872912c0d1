/* Blocks at hand: for each class and domain a list between the fast path and the pools.
 *
 *   empty at a malloc   refill: all free blocks of one pool
 *   free                push; nothing goes back to the pools by itself
 *   sweep               before linear memory grows, if much is at hand: all of it goes back to the
 *                       pools, and pools that are whole again are memory for whoever asks
 *
 * So the last block freed is the next one out, and a program whose heap does not grow never pays
 * for keeping pools apart.  What is at hand is charged: charged = live + at hand, and only what
 * passes by here changes it. */
#include "object.h"

#define LOOK_BYTES 4096u
#define SWEEP_SHARE 32u /* this part of our memory has to be at hand for a sweep */
#define SWEEP_LARGE 8u  /* a request for this part of our memory is worth one anyway */
#define SMALL_HEAP 64u  /* pools */
#define LOANS 64u       /* to a class: then it gets a pool of its own */

const struct limits *pym__limits;

static u32 live_blocks(const struct pym_heap *h, unsigned d, u32 s) {
  return (u32)(*mallocs_of((struct pym_heap *)(uintptr_t)h, d, s)) -
         (u32)(*frees_of((struct pym_heap *)(uintptr_t)h, d, s));
}

TIDY u32 pym__live(const struct pym_heap *h, unsigned d) {
  u32 live = (u32)(h->domains[d].raw_bytes - h->domains[d].raw_freed);
  if (d == PYM_MEM || d == PYM_OBJ)
    for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT)
      live += live_blocks(h, d, s) * s;
  return live;
}

/* The fast path does not sum up what lives, so the peak is the most that was seen: it is looked at
 * when so much was charged as never before, in steps of LOOK_BYTES where blocks are small. */
TIDY void pym__look(struct pym_heap *h, unsigned d) {
  struct domain *dom = &h->domains[d];
  u32 less = d == INTERNAL ? 0 : h->discount, live = pym__live(h, d) - less;
  if (live > dom->peak) dom->peak = live;
  dom->look_at = dom->charged - less + (d == PYM_MEM || d == PYM_OBJ ? LOOK_BYTES : 0);
}

TIDY void pym__charge(struct pym_heap *h, unsigned d, u32 bytes) { charge(h, d, bytes); }

COLD void pym__open(struct pym_heap *h) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    int hooked = h == &pym__main && pym__hooks[d].on;
    h->domains[d].gate = h->closed || hooked ? 0 : pym__space.pool_map_len;
  }
}

TIDY u32 pym__refill(struct pym_heap *h, unsigned d, u32 s) {
  u32 n = h->domains[d].gate ? POOL_ROOM / s : 1;
  if (UNLIKELY(pym__limits != NULL) && !(n = pym__limits->ask(h, d, s, n))) return 0;
  u32 list = pym__pools_take(h, d, s, &n);
  if (!list) return pym__fail(h, d, s, EVENT_OOM), 0;
  struct bin *bin = bin_of_size(h, d, s);
  bin->out += n;
  bin->free = *(u32 *)at(list);
  ++*mallocs_of(h, d, s);
  pym__charge(h, d, n * s);
  return list;
}

/* In a small heap a pool for a size that is rare would be most of what it costs.  The first
 * requests of a class without a pool get a block that is free in a class a little larger; 0: none
 * is. */
TIDY u32 pym__borrow(struct pym_heap *h, unsigned d, u32 s) {
  if (pym__limits || h->pools_used >= SMALL_HEAP || h->sampled[s / 8] > LOANS ||
      pym__has_usable(h, s))
    return 0;
  u32 step = s & 8 ? 8 : 16; /* a size that is a multiple of 16 is 16-aligned */
  for (u32 t = s + step; t <= PYM_SMALL_MAX && t <= s + 8 + s / 4; t += step) {
    u32 b = pop(h, d, t);
    if (!b && pym__has_usable(h, t)) b = pym__refill(h, d, t);
    if (b) return b;
  }
  return 0;
}

/* Blocks of class s return to their pools: they are no longer charged. */
static void give_back(struct pym_heap *h, unsigned d, u32 s, u32 list, u32 n) {
  bin_of_size(h, d, s)->out -= n;
  h->domains[d].charged -= n * s;
  pym__pools_give(h, s, list, n);
}

COLD void pym__take_back(struct pym_heap *h, unsigned d, u32 s, u32 o) {
  *(u32 *)at(o) = 0;
  ++*frees_of(h, d, s);
  give_back(h, d, s, o, 1);
  discharge(h, d, 0);
}

COLD int pym__flush(struct pym_heap *h) {
  int any = pym__raw_flush(h);
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT) {
      struct bin *bin = bin_of_size(h, d, s);
      u32 list = bin->free, n = bin->out - live_blocks(h, d, s);
      if (!(list | n)) continue;
      bin->free = 0;
      give_back(h, d, s, list, n);
      any = 1;
    }
  return any;
}

COLD int pym__flush_all(void) {
  int any = 0;
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next)
    any |= pym__flush(at(o));
  return any;
}

COLD void pym_heap_trim(pym_heap *h) {
  pym__start();
  if (pym__debug && h == &pym__main) pym__debug->let_go();
  pym__flush(h);
}

/* Before memory grows.  A sweep costs by the block, and what it gives back is soon taken again
 * where memory is tight: it has to be worth the calls since the last one, or memory grows. */
COLD int pym__sweep(u32 wanted) {
  u32 bytes = 0, blocks = 0, calls = 0, owned = pym__space.pages_owned * PAGE_BYTES;
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) {
    struct pym_heap *h = at(o);
    bytes += h->raw_hand;
    for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
      for (u32 s = PYM_ALIGNMENT; s <= PYM_SMALL_MAX; s += PYM_ALIGNMENT) {
        u32 at_hand = bin_of_size(h, d, s)->out - live_blocks(h, d, s);
        calls += (u32)*mallocs_of(h, d, s);
        blocks += at_hand;
        bytes += at_hand * s;
      }
  }
  if (bytes < 2 * POOL_BYTES || bytes < owned / SWEEP_SHARE) return 0;
  if (calls - pym__space.swept_at < blocks && wanted < owned / SWEEP_LARGE) return 0;
  pym__space.swept_at = calls;
  return pym__flush_all();
}
