/* Heaps: the default one and those made at run time.  The segments of the latter are raw blocks of
 * the default one. */
#include "core/heap.h"

#include "core/chunk.h"
#include "core/corrupt.h"
#include "core/space.h"

#define SEGMENT_LEAST (PAGE_BYTES - CHUNK_HEADER)

pym_heap *pym_heap_default(void) {
  if (!pym__space.magic) pym__init(); /* damaged: pym_check is for that */
  return &pym__main;
}

static COLD int segment_from_main(struct pym_heap *heap, usize bytes) {
  usize n = bytes + SEGMENT_BYTES + CHUNK_HEADER;
  if (n < SEGMENT_LEAST) n = SEGMENT_LEAST;
  void *block = pym__raw_alloc(&pym__main, INTERNAL, n, PYM_RAW_ALIGNMENT, 0);
  if (!block) return 0;
  pym__segment_add(heap, off(block),
                   (off(block) + pym__raw_verified_size(&pym__main, INTERNAL, block)) & ~(addr)15);
  return 1;
}

static COLD void segment_to_main(struct pym_heap *heap, addr segment) {
  (void)heap;
  pym__raw_free(&pym__main, INTERNAL, at(segment));
}

COLD struct pym_heap *pym__heap_alloc(void) {
  pym__start();
  struct pym_heap *heap = pym__raw_alloc(&pym__main, INTERNAL, HEAP_BYTES, PYM_RAW_ALIGNMENT, 0);
  if (heap) __builtin_memset(heap, 0, sizeof *heap);
  return heap;
}

COLD pym_heap *pym_heap_new(void) {
  LOCKED();
  struct pym_heap *heap = pym__heap_alloc();
  if (!heap) return NULL;
  heap->segment_alloc = segment_from_main;
  heap->segment_free = segment_to_main;
  pym__heap_init(heap);
  heap_link(heap);
  return heap;
}

/* No pool is in these bytes any more. */
static COLD void forget_pools(addr from, addr to) {
  for (u32 unit = unit_of(from); unit < unit_of(to); unit++) {
    struct pym__pool *pool = pym__pool_at(unit_base(unit));
    if (pool) *pool = (struct pym__pool){0, 0, 0, 0};
  }
}

COLD void pym_heap_destroy(pym_heap *heap) {
  if (!heap) return;
  LOCKED();
  if (heap == &pym__main || heap->magic != HEAP_MAGIC)
    pym__corrupt(CAUSE_HEAP, off(heap), INTERNAL);
  for (addr segment = heap->segments, next; segment; segment = next) {
    next = ((struct segment *)at(segment))->next;
    forget_pools(segment, ((struct segment *)at(segment))->end);
    pym__raw_free(&pym__main, INTERNAL, at(segment));
  }
  ((struct pym_heap *)at(heap->prev))->next = heap->next;
  if (heap->next) ((struct pym_heap *)at(heap->next))->prev = heap->prev;
  pym__not_reclaimable(heap);
  pym__space.heaps--;
  if (pym__limits) pym__limits->forget(heap);
  heap->magic = 0;
  pym__raw_free(&pym__main, INTERNAL, heap);
}
