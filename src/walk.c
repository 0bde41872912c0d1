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
  u32 start = pool->base, out = pool->carved;
  u32 is_free[16] = {0}; /* one bit a block: at most 512 of 8 bytes */
  for (u32 b = pool->free; b; b = *(u32 *)at(b), out--) {
    u32 i = (b - start) / pool->size;
    is_free[i / 32] |= 1u << (i % 32);
  }
  int stop = tell(v, PYM_WALK_POOL, start, pool->size, out, PYM_OBJ);
  for (u32 i = 0; !stop && i < pool->carved; i++)
    if (!(is_free[i / 32] >> (i % 32) & 1))
      stop = tell(v, PYM_WALK_BLOCK, start + i * pool->size, pool->size, 1, PYM_OBJ);
  return stop;
}

static int walk_page(const struct visit *v, const struct page *g) {
  const struct pool *pools = at(off(g) + PAGE_HEADER);
  int stop = tell(v, PYM_WALK_PAGE, g->number << 16, PAGE_BYTES, (u32)__builtin_popcount(g->unused),
                  PYM_OBJ);
  for (u32 i = 0; !stop && i < POOLS_PER_PAGE; i++)
    if (!(g->unused >> i & 1)) stop = walk_pool(v, &pools[i]);
  return stop;
}

static int walk_segment(const struct visit *v, const struct segment *s) {
  int stop = tell(v, PYM_WALK_SEGMENT, off(s), s->end - off(s), 1, PYM_RAW);
  for (u32 c = off(s) + SEGMENT_BYTES; !stop && size_of(c); c += size_of(c)) {
    u32 head = chunk_at(c)->head;
    if (!(head & IN_USE)) stop = tell(v, PYM_WALK_FREE_CHUNK, c, size_of(c), 1, PYM_RAW);
    else if (domain_of_head(head) < PYM_DOMAINS)
      stop = tell(v, PYM_WALK_CHUNK, c + HEADER, size_of(c) - HEADER, 1, domain_of_head(head));
  }
  return stop;
}

int pym_walk(pym_heap *h, pym_walk_fn *fn, void *ctx) {
  pym__start();
  pym__flush(h); /* no block lies at hand: what is not in a free list is live */
  struct visit v = {fn, ctx};
  int stop = 0;
  for (u32 o = h->all_pages; !stop && o; o = ((struct page *)at(o))->all_next)
    stop = walk_page(&v, at(o));
  for (u32 o = h->segments; !stop && o; o = ((struct segment *)at(o))->next)
    stop = walk_segment(&v, at(o));
  return stop;
}
