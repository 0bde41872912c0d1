/* More linear memory for the default heap, and the start of it all. */
#include "core/space.h"

#include "core/corrupt.h"
#include "core/event.h"
#include "ports/host.h"

#define SEGMENT_OVERHEAD ((u32)sizeof(struct segment) + 8) /* and its last chunk's header */

COLD void pym__memory_changed(void) {
  const u32 pages = pym__linmem_pages();
  PYM__WRITE(pym__space.pages_memory, pages);
  PYM__WRITE(pym__space.last_word, (pages << 13) - 1);
}

/* [from, to) is the default heap's now.  A page that the piece before ended in was counted. */
static COLD void heap_add_memory(addr from, addr to) {
  const u32 first = (u32)(from >> 16), counted = (u32)((pym__main.top_end + PAGE_BYTES - 1) >> 16);
  pym__space.pages_owned +=
      (u32)((to + PAGE_BYTES - 1) >> 16) - (first > counted ? first : counted);
  pym__segment_add(&pym__main, from, to);
}

/* One growth by n pages, into the default heap.  Returns 0 if refused. */
static COLD int grow_once(struct pym_heap *heap, unsigned domain, u32 n, usize bytes) {
  const u32 before = pym__linmem_pages();
  addr to = 0;
  addr from = n < MAX_PAGES ? pym__linmem_grow(n, &to) : 0;
  pym__memory_changed();
  if (!from) {
    pym__space.grow_failures++;
    return 0;
  }
  if (pym__space.pages_memory > before) { /* or there was room behind Emscripten's break */
    pym__space.grows++;
    pym__event(heap, EVENT_GROW, domain, bytes, before);
  }
  if (!to) to -= PAGE_BYTES; /* the end of 4 GiB is no 32-bit offset */
  if (to > from) heap_add_memory(from, to);
  return 1;
}

static COLD int grow(struct pym_heap *heap, unsigned domain, usize bytes) {
  const int joins = pym__main.top_end == pym__linmem_end();
  const usize rest = pym__linmem_rest(), room = rest > START_LEAST ? rest - SEGMENT_OVERHEAD : 0;
  const usize have = joins ? pym__top_bytes(&pym__main) + rest : room;
  const u32 n = have < bytes ? (u32)((bytes - have + (PAGE_BYTES - 1)) >> 16) : !rest;
  u32 extra = pym__linmem_margin(pym__space.pages_owned);
  return (extra && grow_once(heap, domain, n + extra, bytes)) || grow_once(heap, domain, n, bytes);
}

COLD int pym__heap_extend(struct pym_heap *heap, unsigned domain, usize bytes) {
  if (pym__flush_thread()) return 1;
  const int may_reclaim = may_touch_lists(domain),
            in_vain = may_reclaim && pym__was_reclaimed_in_vain(heap);
  if (may_reclaim && !in_vain ? pym__reclaim(heap) : pym__cache_flush(heap)) return 1;
  if (heap->segment_alloc ? heap->segment_alloc(heap, bytes) : grow(heap, domain, bytes)) {
    heap->reclaimed_pools = 0;
    return 1;
  }
  return (in_vain && pym__reclaim(heap)) || pym__reclaim_others();
}

/* 0: the host called back for memory of its own, as a component's does, and that has started us. */
static COLD int draw_keys(void) {
  u64 random[2];
  const int drawn = pym__host_random(random);
  if (pym__space.is_started) return 0;
  if (!drawn) random[0] = pym__key, random[1] = 0x5a17c0deu;
  pym__key = random[0] | (u64)1 << 63;
  pym__space.link_key = pym__key;
  pym__space.raw_key = (u32)random[1];
  return 1;
}

COLD void pym__heap_init(struct pym_heap *heap) {
  heap->magic = HEAP_MAGIC;
  heap->id = new_heap_id();
  heap->soft = heap->hard = PYM_UNLIMITED;
  for (struct domain *d = heap->domains; d <= &heap->domains[INTERNAL]; d++)
    d->soft = d->hard = PYM_UNLIMITED;
  pym__open(heap);
  pym__space.heaps++;
}

static COLD void init(void) {
  LOCKED();
  if (another_did(pym__space.magic == SPACE_MAGIC)) return;
  if (pym__space.magic) pym__corrupt(CAUSE_ROOT, off(&pym__space), INTERNAL);
  __asm__ volatile("" ::"r"(&pym_root));  /* so that every program has it, and the custom section */
  RELEASE(pym__space.magic, SPACE_MAGIC); /* who sees it waits for the lock */
  pym__space.version = LAYOUT_VERSION;
  pym__space.soft = pym__space.hard = PYM_UNLIMITED;
  pym__heap_init(&pym__main);
  pym__space.first_heap = off(&pym__main);
  pym__memory_changed();
}

void pym__init(void) {
  if (UNLIKELY(ACQUIRE(pym__space.magic) != SPACE_MAGIC)) init();
}

static COLD void start(void) {
  addr from, to;
  LOCKED();
  if (another_did(pym__space.is_started && pym__space.magic == SPACE_MAGIC)) return;
  pym__init();
  if (!draw_keys()) return;
  RELEASE(pym__space.is_started, 1);
  pym__watchers_changed();
  pym__linmem_start(&from, &to);
  pym__memory_changed();
  from = (from + 15) & ~(addr)15;
  if (to >= from && to - from >= START_LEAST) heap_add_memory(from, to);
}

void pym__start(void) {
  if (UNLIKELY(!ACQUIRE(pym__space.is_started)) ||
      UNLIKELY(ACQUIRE(pym__space.magic) != SPACE_MAGIC))
    start();
}
