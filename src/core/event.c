#include "core/event.h"

COLD void pym__event(struct pym_heap *heap, enum event_kind kind, unsigned domain, usize bytes,
                     u32 before) {
  struct event *event = &pym__space.events[pym__space.event_seq % EVENTS];
  event->seq = ++pym__space.event_seq;
  event->kind = (u16)kind;
  event->domain = (u16)domain;
  event->heap = heap->id;
  event->bytes = bytes;
  event->pages_before = before;
  event->pages_after = pym__linmem_pages();
}

COLD void *pym__fail(struct pym_heap *heap, unsigned domain, usize bytes, enum event_kind kind) {
  pym__event(heap, kind, domain, bytes, pym__linmem_pages());
  return NULL;
}
