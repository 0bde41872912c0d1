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
static struct pool *owner(const struct pym_heap *h, u32 b) {
  struct pool *pool = pool_of(b);
  if (UNLIKELY(pool->check != check_word(h, off(pool))))
    pym__corrupt("pool's header overwritten, or block of another heap", b, INTERNAL);
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
  *(struct pool *)at(base) = (struct pool){.check = check_word(h, base),
                                           .source = off(source),
                                           .cap = (u16)(POOL_ROOM / s),
                                           .size = (u16)s};
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

/* Link up to n blocks that were never given out.  The first one; *n becomes how many. */
static u32 carve(struct pool *pool, u32 *n) {
  u32 left = (u32)pool->cap - pool->carved, size = pool->size;
  if (*n > left) *n = left;
  u32 first = off(pool) + POOL_HEADER + (u32)pool->carved * size, b = first;
  for (u32 i = 1; i < *n; i++, b += size) *(u32 *)at(b) = b + size;
  *(u32 *)at(b) = 0;
  pool->carved = (u16)(pool->carved + *n);
  return first;
}

/* The free blocks of the pool: all of them if *n allows, else one. */
static u32 take_free(struct pool *pool, u32 *n) {
  u32 list = pool->free, have = (u32)pool->carved - pool->used;
  if (UNLIKELY((list ^ off(pool)) >> POOL_SHIFT))
    pym__corrupt("freed block written to", list, INTERNAL);
  if (have <= *n) {
    pool->free = 0;
    *n = have;
  } else {
    pool->free = *(u32 *)at(list);
    *(u32 *)at(list) = 0;
    *n = 1;
  }
  return list;
}

u32 pym__pools_take(struct pym_heap *h, unsigned d, u32 s, u32 *n) {
  if (!pym__has_usable(h, s) && !pool_new(h, d, s)) return 0;
  struct pool *pool = owner(h, link_at(ring_of_pools(h, s))->next);
  u32 list = pool->free ? take_free(pool, n) : carve(pool, n);
  pool->used = (u16)(pool->used + *n);
  if (!pool->free && pool->carved == pool->cap) pym__unlink(off(pool));
  return list;
}

/* Is this a list of n blocks of class s?  Blocks at hand are linked through memory that their
 * former owners may still write to, or free once more. */
static void check_list(u32 s, u32 list, u32 n) {
  u32 b = list;
  for (; n && b; n--, b = *(const u32 *)at(b))
    if (UNLIKELY(!in_memory(b) || class_of(b) != s / 8))
      pym__corrupt("freed block written to", b, INTERNAL);
  if (UNLIKELY(n || b)) pym__corrupt("double free, or freed block written to", list, INTERNAL);
}

void pym__pools_give(struct pym_heap *h, u32 s, u32 list, u32 n) {
  check_list(s, list, n);
  u32 next;
  for (u32 b = list; b; b = next) {
    struct pool *pool = owner(h, b);
    next = *(u32 *)at(b);
    if (!pool->free && pool->carved == pool->cap)
      link_last(ring_of_pools(h, s), off(pool));
    *(u32 *)at(b) = pool->free;
    pool->free = b;
    if (--pool->used == 0) pool_retire(h, pool);
  }
}
