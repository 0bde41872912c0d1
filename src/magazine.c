/* Blocks at hand: for each class and domain a small stack between the fast path and the pools.
 *
 *   empty at a malloc   refill to half from the pools
 *   full at a free      the older half goes back to the pools
 *
 * For a pool a block at hand is out; for the limits it is charged. */
#include "object.h"

static u32 capacity(u32 s) {
  u32 n = MAGAZINE_BYTES / s;
  return n < MAGAZINE_LEAST ? MAGAZINE_LEAST : n > MAGAZINE_MOST ? MAGAZINE_MOST : n;
}

static u32 *bases(const struct pym_heap *h, unsigned d) {
  return (u32 *)(uintptr_t)(d == PYM_MEM ? h->mem_base : h->obj_base);
}
static u32 *outs(struct pym_heap *h, unsigned d) { return d == PYM_MEM ? h->mem_out : h->obj_out; }

u32 pym__at_hand(const struct pym_heap *h, unsigned d, u32 c) {
  const struct magazine *m = d == PYM_MEM ? h->mem : h->obj;
  return (m[c].top - bases(h, d)[c]) / 4;
}

void pym__magazines_init(struct pym_heap *h) {
  u32 word = off(h->words);
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 c = 1; c < CLASS_SLOTS; c++) {
      bases(h, d)[c] = magazine_of(h, d, c * PYM_ALIGNMENT)->top = word;
      word += (1 + capacity(c * PYM_ALIGNMENT)) * 4;
    }
  PYM_ASSERT(word <= off(h->words) + sizeof h->words, "MAGAZINE_WORDS too small", word);
  pym__magazines_open(h);
}

static int hooked(const struct pym_heap *h, unsigned d) {
  return h == &pym__main && pym__hooks[d].on;
}

void pym__magazines_open(struct pym_heap *h) {
  h->closed = (u32)pym__over_limit(h);
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 c = 1; c < CLASS_SLOTS; c++) {
      u32 open = h->closed || hooked(h, d) ? 0 : capacity(c * PYM_ALIGNMENT);
      magazine_of(h, d, c * PYM_ALIGNMENT)->limit = bases(h, d)[c] + open * 4;
    }
}

/* Blocks of class s go back to their pools and are no longer charged. */
static void give_back(struct pym_heap *h, unsigned d, u32 s, const u32 *from, u32 n) {
  outs(h, d)[s / 8] -= n;
  h->domains[d].charged -= n * s;
  pym__pools_give(h, from, n);
}

u32 pym__refill(struct pym_heap *h, unsigned d, u32 s) {
  struct magazine *m = magazine_of(h, d, s);
  u32 n = h->closed || hooked(h, d) ? 1 : (capacity(s) + 1) / 2;
  if (UNLIKELY(pym__room(h, d) < n * s)) {
    if (!pym__charge(h, d, s)) return 0; /* one only; the magazine is empty since */
    n = 1;
  } else {
    pym__charge_more(h, d, n * s);
  }
  u32 *to = at(m->top), got = pym__pools_take(h, d, s, to + 1, n);
  if (UNLIKELY(got < n)) h->domains[d].charged -= (n - got) * s;
  outs(h, d)[s / 8] += got;
  if (!got) return pym__fail(h, d, s, EVENT_OOM), 0;
  m->top += (got - 1) * 4;
  return to[got];
}

void pym__spill(struct pym_heap *h, unsigned d, u32 s, u32 o) {
  struct magazine *m = magazine_of(h, d, s);
  u32 base = bases(h, d)[s / 8], *first = (u32 *)at(base) + 1;
  u32 n = (m->top - base) / 4, older = (n + 1) / 2;
  if (m->limit == base) { /* closed */
    give_back(h, d, s, &o, 1);
    if (h->closed) pym__magazines_open(h);
    return;
  }
  give_back(h, d, s, first, older);
  for (u32 i = 0; i < n - older; i++) first[i] = first[older + i];
  first[n - older] = o;
  m->top = base + (n - older + 1) * 4;
}

void pym__flush(struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 c = 1; c < CLASS_SLOTS; c++) {
      struct magazine *m = magazine_of(h, d, c * PYM_ALIGNMENT);
      u32 base = bases(h, d)[c], n = (m->top - base) / 4;
      m->top = base;
      if (n) give_back(h, d, c * PYM_ALIGNMENT, (u32 *)at(base) + 1, n);
    }
}

void pym__flush_all(void) {
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) pym__flush(at(o));
}
