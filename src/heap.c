/* Heaps: the default one and those made at run time.  The segments of the latter are raw blocks of
 * the default one. */
#include "raw.h"

#if defined(__wasm__)
struct space pym__space;
struct pym_heap pym__main;
#endif

#define SEGMENT_LEAST (PAGE_BYTES - HEADER)

COLD void pym__heap_init(struct pym_heap *h) {
  h->magic = HEAP_MAGIC;
  h->id = ++pym__space.heap_ids;
  h->soft = h->hard = PYM_UNLIMITED;
  for (struct domain *d = h->domains; d <= &h->domains[INTERNAL]; d++)
    d->soft = d->hard = PYM_UNLIMITED;
  pym__open(h);
  pym__space.heaps++;
}

pym_heap *pym_heap_default(void) {
  if (!pym__space.magic) pym__init(); /* damaged: pym_check is for that */
  return &pym__main;
}

static COLD int segment_from_main(struct pym_heap *h, u32 bytes) {
  u32 n = bytes + SEGMENT_BYTES + HEADER;
  if (n < SEGMENT_LEAST) n = SEGMENT_LEAST;
  void *p = pym__raw_new(&pym__main, INTERNAL, n, PYM_RAW_ALIGNMENT, 0);
  if (!p) return 0;
  pym__raw_add(h, off(p), (off(p) + pym__raw_block(&pym__main, INTERNAL, p)) & ~15u);
  return 1;
}

static COLD void segment_to_main(struct pym_heap *h, u32 s) {
  (void)h;
  pym__raw_free(&pym__main, INTERNAL, at(s));
}

COLD struct pym_heap *pym__heap_block(void) {
  pym__start();
  struct pym_heap *h = pym__raw_new(&pym__main, INTERNAL, HEAP_BYTES, PYM_RAW_ALIGNMENT, 0);
  if (h) __builtin_memset(h, 0, sizeof *h);
  return h;
}

COLD pym_heap *pym_heap_new(void) {
  struct pym_heap *h = pym__heap_block();
  if (!h) return NULL;
  h->get_segment = segment_from_main;
  h->put_segment = segment_to_main;
  pym__heap_init(h);
  h->prev = off(&pym__main);
  h->next = pym__main.next;
  if (h->next) ((struct pym_heap *)at(h->next))->prev = off(h);
  pym__main.next = off(h);
  return h;
}

/* No pool is in these bytes any more. */
static COLD void forget_pools(u32 from, u32 to) {
  for (u32 unit = unit_of(from); unit < unit_of(to); unit++) {
    struct pym__pool *pool = pym__pool_at(unit << POOL_SHIFT);
    if (pool) *pool = (struct pym__pool){0, 0, 0, 0};
  }
}

COLD void pym_heap_destroy(pym_heap *h) {
  if (!h) return;
  if (h == &pym__main || h->magic != HEAP_MAGIC) pym__corrupt(CAUSE_HEAP, off(h), INTERNAL);
  for (u32 s = h->segments, next; s; s = next) {
    next = ((struct segment *)at(s))->next;
    forget_pools(s, ((struct segment *)at(s))->end);
    pym__raw_free(&pym__main, INTERNAL, at(s));
  }
  ((struct pym_heap *)at(h->prev))->next = h->next;
  if (h->next) ((struct pym_heap *)at(h->next))->prev = h->prev;
  pym__not_reclaimable(h);
  pym__space.heaps--;
  h->magic = 0;
  pym__raw_free(&pym__main, INTERNAL, h);
}

#if defined(PYM_TESTS) || !defined(__wasm__)
void pym__reset(void) {
  __builtin_memset(&pym__space, 0, sizeof pym__space);
  __builtin_memset(&pym__main, 0, sizeof pym__main);
  __builtin_memset(pym__hooks, 0, sizeof pym__hooks);
  pym__hooked = NULL;
  pym__limits = NULL;
  pym__debug = NULL;
  pym__libc_size = NULL;
  pym__dump_more = NULL;
}
#endif
