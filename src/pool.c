/* pymalloc's middle: pools of equal blocks.
 *
 *   unused --- pool_new ---> usable --- refill takes its last free block ---> full
 *     ^                       |  ^                                             |
 *     +--- all blocks back ---+  +---------------- a block comes back ---------+
 *
 * Unused is raw memory: a pool is a chunk of it, at a multiple of 4096, and the map of pools
 * (pym__space.pool_map) holds its class.  Bins (bins.c) are refilled from the first pool of the
 * class's ring.  Pools that become usable again join the ring at its end, so they gather free
 * blocks meanwhile. */
#include "raw.h"

struct pym_heap *pym__hooked;

static u8 *class_at(u32 base) { return (u8 *)at(pym__space.pool_map) + (base >> POOL_SHIFT); }

static u32 check_word(const struct pym_heap *h, u32 base) { return base ^ off(h) ^ POOL_KEY; }

/* The pool that block b lies in, verified. */
static APART struct pool *owner(const struct pym_heap *h, u32 b) {
  struct pool *pool = pool_of(b);
  if (UNLIKELY(pool->check != check_word(h, off(pool)))) pym__corrupt(CAUSE_POOL, b, INTERNAL);
  return pool;
}

int pym__has_usable(const struct pym_heap *h, u32 s) {
  return link_at(ring_of_pools(h, s))->next != ring_of_pools(h, s);
}

/* A pool for blocks of s bytes, in the ring of its class, unless one came back meanwhile.  0: no
 * memory. */
static COLD int pool_new(struct pym_heap *h, unsigned d, u32 s) {
  struct pym_heap *source = h == &pym__main && pym__hooked && pym__hooked->more ? pym__hooked : h;
  u32 c = pym__chunk_take(source, d, POOL_BYTES, POOL_BYTES, chunk_flags(INTERNAL));
  u32 base = c + HEADER;
  if (!c) return 0;
  if (!pym__cover(base >> POOL_SHIFT) || pym__has_usable(h, s)) {
    pym__chunk_release(source, c);
    return pym__has_usable(h, s);
  }
  u32 cap = POOL_ROOM / s, b = base + POOL_HEADER;
  *(struct pool *)at(base) = (struct pool){.free = b,
                                           .check = check_word(h, base),
                                           .source = off(source),
                                           .cap = (u16)cap,
                                           .size = (u16)s};
  WORD_BY_WORD while (--cap) b = *(u32 *)at(b) = b + s;
  *(u32 *)at(b) = 0;
  link_last(ring_of_pools(h, s), base);
  *class_at(base) = (u8)(s / 8);
  h->pools_used++;
  if (++h->pools[s / 8] > h->pools_peak[s / 8]) h->pools_peak[s / 8] = h->pools[s / 8];
  return 1;
}

/* Every block of the pool is back: it is raw memory again. */
static COLD void pool_retire(struct pym_heap *h, struct pool *pool) {
  pym__unlink(off(pool));
  h->pools[pool->size / 8]--;
  h->pools_used--;
  *class_at(off(pool)) = 0;
  pool->check = 0;
  pym__chunk_release(at(pool->source), off(pool) - HEADER);
}

TIDY u32 pym__pools_take(struct pym_heap *h, unsigned d, u32 s, u32 *n) {
  if (!pym__has_usable(h, s) && !pool_new(h, d, s)) return 0;
  struct pool *pool = owner(h, link_at(ring_of_pools(h, s))->next);
  u32 list = pool->free, have = (u32)pool->cap - pool->used, rest = 0;
  if (UNLIKELY((list ^ off(pool)) >> POOL_SHIFT)) pym__corrupt(CAUSE_FREED_WRITTEN, list, INTERNAL);
  if (have > *n) { /* a limit or a hook allows one */
    rest = *(u32 *)at(list);
    *(u32 *)at(list) = 0;
    have = 1;
  }
  pool->free = rest;
  pool->used = (u16)(pool->used + have);
  if (!rest) pym__unlink(off(pool));
  *n = have;
  return list;
}

void pym__pools_give(struct pym_heap *h, u32 s, u32 list, u32 n) {
  u32 b = list;
  for (; n && b; n--) {
    if (UNLIKELY(!in_memory(b) || class_of(b) != s / 8))
      pym__corrupt(CAUSE_FREED_WRITTEN, b, INTERNAL);
    struct pool *pool = owner(h, b);
    u32 next = *(u32 *)at(b);
    if (!pool->free) link_last(ring_of_pools(h, s), off(pool));
    *(u32 *)at(b) = pool->free;
    pool->free = b;
    if (--pool->used == 0) pool_retire(h, pool);
    b = next;
  }
  /* Blocks at hand are linked through memory that their former owners may still write to, or free
   * once more. */
  if (UNLIKELY(n || b)) pym__corrupt(CAUSE_TWICE_OR_WRITTEN, list, INTERNAL);
}
