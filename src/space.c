/* More linear memory for the default heap, the map of pools, events, the start of it all. */
#include "internal.h"

/* [from, to) is the default heap's now.  A page that the piece before ended in was counted. */
static COLD void own(u32 from, u32 to) {
  u32 first = from >> 16, counted = (pym__main.top_end + PAGE_BYTES - 1) >> 16;
  pym__space.pages_owned += ((to + PAGE_BYTES - 1) >> 16) - (first > counted ? first : counted);
  pym__raw_add(&pym__main, from, to);
}

/* One growth by n pages, into the default heap.  Returns 0 if refused. */
static COLD int grow_once(struct pym_heap *h, unsigned d, u32 n, u32 bytes) {
  u32 before = pym__linmem_pages(), from = pym__linmem_grow(n), to = from + (n << 16);
  pym__space.pages_memory = pym__linmem_pages();
  if (!from) {
    pym__space.grow_failures++;
    return 0;
  }
  if (pym__space.pages_memory > before) { /* or there was room behind Emscripten's break */
    pym__space.grows++;
    pym__event(h, EVENT_GROW, d, bytes, before);
  }
  if (!to) to -= PAGE_BYTES; /* the end of 4 GiB is no 32-bit offset */
  if (to > from) own(from, to);
  return 1;
}

COLD int pym__more(struct pym_heap *h, unsigned d, u32 bytes) {
  if (pym__raw_flush(h) || pym__sweep(bytes)) return 1;
  if (h->more) return h->more(h, bytes) || pym__flush_all();
  u32 tail = pym__main.top_end == pym__linmem_end() ? pym__raw_tail(&pym__main) : 0;
  u32 n = tail < bytes ? (bytes - tail + (PAGE_BYTES - 1)) >> 16 : 1;
  u32 extra = pym__linmem_margin(pym__space.pages_owned);
  if (extra && grow_once(h, d, n + extra, bytes)) return 1;
  return grow_once(h, d, n, bytes) || pym__flush_all();
}

/* Where the fast path of free is open, it reaches as far as the map does. */
static COLD void move_gates(void) {
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next)
    for (unsigned d = 0; d <= INTERNAL; d++)
      if (((struct pym_heap *)at(o))->domains[d].gate)
        ((struct pym_heap *)at(o))->domains[d].gate = pym__space.pool_map_len;
}

/* The first map serves 4 MiB, the next 64 MiB, then each four times as much; all but the first are
 * raw blocks of the default heap. */
COLD int pym__cover(u32 unit) {
  u32 old = pym__space.pool_map, old_len = pym__space.pool_map_len, len = old_len;
  while (len <= unit) len *= len == FIRST_UNITS ? 16 : 4;
  if (len == old_len) return 1;
  u8 *map = pym__raw_new(&pym__main, INTERNAL, len, 16);
  if (!map) return 0;
  __builtin_memcpy(map, at(old), old_len);
  __builtin_memset(map + old_len, 0, len - old_len);
  pym__space.pool_map = off(map);
  pym__space.pool_map_len = len;
  move_gates();
  if (old_len > FIRST_UNITS) pym__raw_free(&pym__main, INTERNAL, at(old));
  return 1;
}

COLD void pym__event(struct pym_heap *h, enum event_kind kind, unsigned d, u32 bytes, u32 before) {
  struct event *e = &pym__space.events[pym__space.event_seq % EVENTS];
  e->seq = ++pym__space.event_seq;
  e->kind = (u16)kind;
  e->domain = (u16)d;
  e->heap = h->id;
  e->bytes = bytes;
  e->pages_before = before;
  e->pages_after = pym__linmem_pages();
}

COLD void *pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind) {
  pym__event(h, kind, d, bytes, pym__linmem_pages());
  return NULL;
}

COLD void pym__corrupt(enum cause cause, u32 o, unsigned d) {
  pym__space.fault = cause;
  pym__space.fault_at = o;
  pym__host_tell(cause, o, d);
  pym__host_trap();
}

static COLD void start(void) {
  if (pym__space.magic) pym__corrupt(CAUSE_ROOT, off(&pym__space), INTERNAL);
  __asm__ volatile("" ::"r"(&pym_root)); /* so that every program has it, and the custom section */
  pym__space.magic = SPACE_MAGIC;
  pym__space.version = LAYOUT_VERSION;
  pym__space.pool_map = off(pym__space.first_map);
  pym__space.pool_map_len = FIRST_UNITS;
  pym__heap_init(&pym__main);
  pym__space.first_heap = off(&pym__main);
  u32 from, to;
  pym__linmem_start(&from, &to);
  pym__space.pages_memory = pym__linmem_pages();
  from = (from + 15) & ~15u;
  if (to >= from && to - from >= START_LEAST) own(from, to);
}

void pym__start(void) {
  if (UNLIKELY(pym__space.magic != SPACE_MAGIC)) start();
}
