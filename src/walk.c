/* A visit to everything that a heap holds, as it is: nothing is changed. */
#include "raw.h"
#include "object.h"

struct visit {
  const struct pym_heap *h; /* that allocates from the pools */
  pym_walk_fn *fn;
  void *ctx;
};

static int tell(const struct visit *v, enum pym_what what, u32 o, u32 size, u32 count, unsigned d) {
  return v->fn(v->ctx, what, at(o), size, count, (enum pym_domain)d);
}

/* Free blocks of a pool, one bit each. */
struct free_blocks {
  u32 bits[16]; /* at most 510 blocks of 8 bytes */
  u32 n;
};

static void note_free(struct free_blocks *f, u32 base, u32 s, u32 block) {
  const u32 first = base + POOL_HEADER;
  while (block != base) {
    const u32 i = (block - first) / s;
    f->bits[i / 32] |= 1u << (i % 32);
    f->n++;
    block = (block & ~PYM__LINK_MAX) | (u32)(*(const pym__word *)at(block) ^ pym__key);
  }
}

static int walk_pool(const struct visit *v, u32 base, const struct pym__pool *pool) {
  const u32 s = pool->size, cap = pym__pool_capacity(s), first = base + POOL_HEADER;
  struct free_blocks f = {{0}, 0};
  note_free(&f, base, s, (base & ~PYM__LINK_MAX) | pool->free);
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    if (v->h->current[d - PYM_MEM][s / PYM_ALIGNMENT] == unit_of(base))
      note_free(&f, base, s, list_of((struct pym_heap *)(uintptr_t)v->h, d, s)->block);
  int stop = tell(v, PYM_WALK_POOL, base, s, cap - f.n, PYM_OBJ);
  for (u32 i = 0; !stop && i < cap; i++)
    if (!(f.bits[i / 32] >> (i % 32) & 1)) stop = tell(v, PYM_WALK_BLOCK, first + i * s, s, 1, PYM_OBJ);
  return stop;
}

static int walk_chunk(const struct visit *v, u32 c) {
  u32 head = chunk_at(c)->head, o = c + HEADER, size = head & ~FLAGS;
  if (!(head & IN_USE)) return tell(v, PYM_WALK_FREE_CHUNK, c, size, 1, PYM_RAW);
  if (is_pool(c)) return walk_pool(v, o, pym__pool_at(o));
  if (is_cached(c)) return tell(v, PYM_WALK_FREE_CHUNK, c, size, 1, PYM_RAW);
  if (domain_of_head(head) == INTERNAL) return 0;
  return tell(v, PYM_WALK_CHUNK, o, size - HEADER, 1, domain_of_head(head));
}

static int walk_segments(const struct visit *v, const struct pym_heap *source) {
  int stop = 0;
  for (u32 o = source->segments; !stop && o; o = ((struct segment *)at(o))->next) {
    stop = tell(v, PYM_WALK_SEGMENT, o, ((struct segment *)at(o))->end - o, 1, PYM_RAW);
    for (u32 c = o + SEGMENT_BYTES; !stop && size_of(c); c += size_of(c)) stop = walk_chunk(v, c);
  }
  return stop;
}

int pym_walk(pym_heap *h, pym_walk_fn *fn, void *ctx) {
  pym__init();
  const struct visit v = {h, fn, ctx};
  int stop = walk_segments(&v, h);
  if (!stop && h == &pym__main && pym__hooked) stop = walk_segments(&v, pym__hooked);
  return stop;
}
