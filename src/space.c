/* More linear memory for the default heap, events, the start of it all. */
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

static COLD int grow(struct pym_heap *h, unsigned d, u32 bytes) {
  u32 tail = pym__main.top_end == pym__linmem_end() ? pym__raw_tail(&pym__main) : 0;
  u32 n = tail < bytes ? (bytes - tail + (PAGE_BYTES - 1)) >> 16 : 1;
  u32 extra = pym__linmem_margin(pym__space.pages_owned);
  return (extra && grow_once(h, d, n + extra, bytes)) || grow_once(h, d, n, bytes);
}

COLD int pym__more(struct pym_heap *h, unsigned d, u32 bytes) {
  if (pym__reclaim(h)) return 1;
  if (h->get_segment ? h->get_segment(h, bytes) : grow(h, d, bytes)) return 1;
  return pym__reclaim_others();
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

/* The keys of free blocks and of chunk headers.  A link key has a high half that no word of the
 * allocator's own has (links of pools are below 2^20), so what is no link never decodes to one. */
u64 pym__key = 0x9e3779b97f4a7c15u;

static COLD void draw_keys(void) {
  u64 random[2];
  if (!pym__host_random(random)) random[0] = pym__key, random[1] = 0x5a17c0deu;
  pym__key = random[0] | (u64)1 << 63;
  pym__space.link_key = pym__key;
  pym__space.raw_key = (u32)random[1];
}

static COLD void init(void) {
  if (pym__space.magic) pym__corrupt(CAUSE_ROOT, off(&pym__space), INTERNAL);
  __asm__ volatile("" ::"r"(&pym_root)); /* so that every program has it, and the custom section */
  pym__space.magic = SPACE_MAGIC;
  pym__space.version = LAYOUT_VERSION;
  pym__heap_init(&pym__main);
  pym__space.first_heap = off(&pym__main);
  pym__space.pages_memory = pym__linmem_pages();
}

void pym__init(void) {
  if (UNLIKELY(pym__space.magic != SPACE_MAGIC)) init();
}

static COLD void start(void) {
  u32 from, to;
  pym__init();
  draw_keys();
  pym__space.is_started = 1;
  pym__linmem_start(&from, &to);
  pym__space.pages_memory = pym__linmem_pages();
  from = (from + 15) & ~15u;
  if (to >= from && to - from >= START_LEAST) own(from, to);
}

void pym__start(void) {
  if (UNLIKELY(!pym__space.is_started) || UNLIKELY(pym__space.magic != SPACE_MAGIC)) start();
}
