/* Heaps: the default one and those made at run time. */
#include "internal.h"

#if defined(__wasm__)
struct space pym__space;
struct pym_heap pym__main;
#endif

COLD void pym__heap_init(struct pym_heap *h) {
  h->magic = HEAP_MAGIC;
  h->id = ++pym__space.heap_ids;
  h->soft = h->hard = PYM_UNLIMITED;
  for (unsigned d = 0; d <= INTERNAL; d++) {
    struct domain *dom = &h->domains[d];
    dom->soft = dom->hard = PYM_UNLIMITED;
    dom->gate = GATE;
  }
  pym__space.heaps++;
  if (h == &pym__main) {
    pym__space.first_heap = off(h);
  } else {
    h->next = pym__main.next;
    pym__main.next = off(h);
  }
}

pym_heap *pym_heap_default(void) {
  if (!pym__space.magic) pym__start(); /* damaged: pym_check is for that */
  return &pym__main;
}

COLD pym_heap *pym_heap_new(void) {
  pym__start();
  struct pym_heap *h = pym__malloc_direct(&pym__main, INTERNAL, sizeof *h);
  if (!h) return NULL;
  __builtin_memset(h, 0, sizeof *h);
  pym__heap_init(h);
  return h;
}

COLD void pym_heap_destroy(pym_heap *h) {
  if (!h) return;
  if (h == &pym__main || h->magic != HEAP_MAGIC)
    pym__corrupt("heap cannot be destroyed: not a heap, the default one, or destroyed before",
                 off(h), INTERNAL);
  pym__pools_release_all(h);
  pym__raw_release_all(h);
  struct pym_heap *before = &pym__main;
  while (before->next != off(h)) before = at(before->next);
  before->next = h->next;
  pym__space.heaps--;
  h->magic = 0;
  pym__raw_free(&pym__main, INTERNAL, h);
}

#if defined(PYM_TESTS) || !defined(__wasm__)
void pym__reset(void) {
  __builtin_memset(&pym__space, 0, sizeof pym__space);
  __builtin_memset(&pym__main, 0, sizeof pym__main);
  __builtin_memset(pym__hooks, 0, sizeof pym__hooks);
  __builtin_memset(&pym__arena_hook, 0, sizeof pym__arena_hook);
}
#endif
