/* A visit to everything that a heap holds. */
#include "raw.h"

struct visit {
  pym_walk_fn *fn;
  void *ctx;
};

static int tell(const struct visit *v, enum pym_what what, u32 o, u32 size, u32 count, unsigned d) {
  return v->fn(v->ctx, what, at(o), size, count, (enum pym_domain)d);
}

static int walk_pool(const struct visit *v, const struct pool *pool) {
  u32 first = off(pool) + POOL_HEADER;
  u32 is_free[16] = {0}; /* one bit a block: at most 507 of 8 bytes */
  for (u32 b = pool->free; b; b = *(u32 *)at(b)) {
    u32 i = (b - first) / pool->size;
    is_free[i / 32] |= 1u << (i % 32);
  }
  int stop = tell(v, PYM_WALK_POOL, off(pool), pool->size, pool->used, PYM_OBJ);
  for (u32 i = 0; !stop && i < pool->cap; i++)
    if (!(is_free[i / 32] >> (i % 32) & 1))
      stop = tell(v, PYM_WALK_BLOCK, first + i * pool->size, pool->size, 1, PYM_OBJ);
  return stop;
}

static int walk_chunk(const struct visit *v, u32 c) {
  u32 head = chunk_at(c)->head, o = c + HEADER, size = head & ~FLAGS;
  if (!(head & IN_USE)) return tell(v, PYM_WALK_FREE_CHUNK, c, size, 1, PYM_RAW);
  if (is_pool(c)) return walk_pool(v, at(o));
  if (is_at_hand(c)) return tell(v, PYM_WALK_FREE_CHUNK, c, size, 1, PYM_RAW);
  if (domain_of_head(head) == INTERNAL) return 0;
  return tell(v, PYM_WALK_CHUNK, o, size - HEADER, 1, domain_of_head(head));
}

static int walk_segments(const struct visit *v, const struct pym_heap *h) {
  int stop = 0;
  for (u32 o = h->segments; !stop && o; o = ((struct segment *)at(o))->next) {
    stop = tell(v, PYM_WALK_SEGMENT, o, ((struct segment *)at(o))->end - o, 1, PYM_RAW);
    for (u32 c = o + SEGMENT_BYTES; !stop && size_of(c); c += size_of(c)) stop = walk_chunk(v, c);
  }
  return stop;
}

int pym_walk(pym_heap *h, pym_walk_fn *fn, void *ctx) {
  pym__start();
  pym__flush(h); /* no block lies at hand: what is not in a free list is live */
  const struct visit v = {fn, ctx};
  int stop = walk_segments(&v, h);
  if (!stop && h == &pym__main && pym__hooked) stop = walk_segments(&v, pym__hooked);
  return stop;
}
