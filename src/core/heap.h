/* Heaps made at run time. */
#ifndef PYM_CORE_HEAP_H
#define PYM_CORE_HEAP_H

#include "core/state.h"

/* Into the list of heaps, behind the default one. */
HOT void heap_link(struct pym_heap *heap) {
  heap->prev = off(&pym__main);
  heap->next = pym__main.next;
  if (heap->next) ((struct pym_heap *)at(heap->next))->prev = off(heap);
  pym__main.next = off(heap);
}
struct pym_heap *pym__heap_alloc(void); /* a heap with nothing in it; or NULL */

#endif
