/* A visit to everything that a heap holds, as it is: nothing is changed. */
#include "core/chunk_layout.h"
#include "core/pool.h"
#include "core/space.h"

struct visit {
  const struct pym_heap *heap; /* that allocates from the pools */
  pym_walk_fn *fn;
  void *ctx;
};

static int tell(const struct visit *v, enum pym_what what, addr offset, usize size, u32 count,
                unsigned domain) {
  return v->fn(v->ctx, what, at(offset), size, count, (enum pym_domain)domain);
}

/* Free blocks of a pool, one bit each. */
struct free_blocks {
  u32 bits[16]; /* at most 510 blocks of 8 bytes */
  u32 n;
};

static void note_free(struct free_blocks *f, addr base, u32 size, addr block) {
  const addr first = base + POOL_HEADER;
  while (block != base) {
    const u32 i = (u32)(block - first) / size;
    f->bits[i / 32] |= 1u << (i % 32);
    f->n++;
    block = (block & ~PYM__LINK_MAX) | (addr)(*(const pym__word *)at(block) ^ pym__key);
  }
}

static int walk_pool(const struct visit *v, addr base, const struct pym__pool *pool) {
  const u32 size = pool->size, cap = pym__pool_capacity(size);
  const addr first = base + POOL_HEADER;
  struct free_blocks f = {{0}, 0};
  struct pym_heap *heap = pym__owner_of((struct pym_heap *)(uintptr_t)v->heap, pool);
  note_free(&f, base, size, (base & ~PYM__LINK_MAX) | pool->free);
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    if (heap->current[domain - PYM_MEM][size / PYM_ALIGNMENT] == unit_of(base))
      note_free(&f, base, size, list_of(heap, domain, size)->block);
  int stop = tell(v, PYM_WALK_POOL, base, size, cap - f.n, PYM_OBJ);
  for (u32 i = 0; !stop && i < cap; i++)
    if (!(f.bits[i / 32] >> (i % 32) & 1))
      stop = tell(v, PYM_WALK_BLOCK, first + i * size, size, 1, PYM_OBJ);
  return stop;
}

static int walk_chunk(const struct visit *v, addr chunk) {
  const addr offset = chunk + CHUNK_HEADER;
  const usize size = size_of(chunk);
  switch (kind_of(chunk)) {
    case CHUNK_FREE:
    case CHUNK_CACHED:
      return tell(v, PYM_WALK_FREE_CHUNK, chunk, size, 1, PYM_RAW);
    case CHUNK_POOL:
      return walk_pool(v, offset, pym__pool_at(offset));
    case CHUNK_LIVE:
      if (is_held(at(offset))) return tell(v, PYM_WALK_FREE_CHUNK, chunk, size, 1, PYM_RAW);
      return tell(v, PYM_WALK_CHUNK, offset, size - CHUNK_HEADER, 1,
                  domain_of_head(head_at(chunk)));
    default:
      return 0; /* the library's own */
  }
}

static int walk_segments(const struct visit *v, const struct pym_heap *source) {
  int stop = 0;
  for (addr offset = source->segments; !stop && offset;
       offset = ((struct segment *)at(offset))->next) {
    stop =
        tell(v, PYM_WALK_SEGMENT, offset, ((struct segment *)at(offset))->end - offset, 1, PYM_RAW);
    for (addr chunk = offset + SEGMENT_BYTES; !stop && size_of(chunk); chunk += size_of(chunk))
      stop = walk_chunk(v, chunk);
  }
  return stop;
}

int pym_walk(pym_heap *heap, pym_walk_fn *fn, void *ctx) {
  LOCKED();
  pym__init();
  const struct visit v = {heap, fn, ctx};
  int stop = walk_segments(&v, heap);
  if (!stop && heap == &pym__main && pym__hooked) stop = walk_segments(&v, pym__hooked);
  return stop;
}
