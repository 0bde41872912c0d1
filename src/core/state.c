#include "core/state.h"

#if defined(__wasm__)
/* In this order, and before what is smaller: the space's fields are read in most functions, and low
 * addresses are short in code.  Initialized, since compilers sort what is not. */
struct space pym__space = {0};
struct pym_heap pym__main = {0};
#endif

struct pym_heap *pym__hooked;
struct hook pym__hooks[PYM_DOMAINS];
const struct debug *pym__debug;
const struct limits *pym__limits;
const struct profile *pym__profile;
size_t (*pym__libc_size)(const void *block);
void (*pym__dump_extra)(pym__say_fn *say_number, const void *o);

COLD void pym__watchers_changed(void) {
  if (SMALL_BUILD) return;
  const int hooked = pym__hooks[PYM_RAW].on | pym__hooks[PYM_MEM].on | pym__hooks[PYM_OBJ].on;
  const int watched =
      !pym__space.is_started || hooked || pym__limits || pym__libc_size || pym__debug;
  PYM__WRITE(pym__space.unwatched, watched ? 0 : UNWATCHED);
}

COLD void pym__open(struct pym_heap *heap) {
  pym__watchers_changed();
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) {
    int hooked = heap == &pym__main && pym__hooks[domain].on;
    int shut = limited(heap)->over_limit || pym__space.over_limit || hooked;
    PYM__WRITE(heap->hot.closed[domain - PYM_MEM], shut ? ~(u64)0 : PYM__LINK_MAX);
  }
  PYM__WRITE(heap->hot.span, pym__profile ? 0 : POOL_BYTES - 1);
  /* Peaks are looked at more closely where it is shut: account.c. */
  heap->look_at = 0;
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++)
    heap->domains[domain].look_at = heap->domains[domain].own_look_at = 0;
}

static addr *reclaim_link_to(const struct pym_heap *heap) {
  struct pym_heap *before = at(heap->reclaim_prev);
  return heap->reclaim_prev ? &before->reclaim_next : &pym__space.reclaimable;
}

COLD void pym__reclaimable(struct pym_heap *heap) {
  heap->is_reclaimable = 1;
  heap->reclaim_prev = 0;
  heap->reclaim_next = pym__space.reclaimable;
  if (heap->reclaim_next) ((struct pym_heap *)at(heap->reclaim_next))->reclaim_prev = off(heap);
  pym__space.reclaimable = off(heap);
}

COLD void pym__not_reclaimable(struct pym_heap *heap) {
  if (!heap->is_reclaimable) return;
  heap->is_reclaimable = 0;
  *reclaim_link_to(heap) = heap->reclaim_next;
  if (heap->reclaim_next)
    ((struct pym_heap *)at(heap->reclaim_next))->reclaim_prev = heap->reclaim_prev;
}

#if defined(PYM_TESTS) || !defined(__wasm__)
void pym__reset(void) {
  __builtin_memset(&pym__space, 0, sizeof pym__space);
  __builtin_memset(&pym__main, 0, sizeof pym__main);
  __builtin_memset(pym__hooks, 0, sizeof pym__hooks);
  pym__hooked = NULL;
  pym__limits = NULL;
  pym__profile = NULL;
  pym__debug = NULL;
  pym__libc_size = NULL;
  pym__dump_extra = NULL;
  pym__reset_threads();
}
#endif
