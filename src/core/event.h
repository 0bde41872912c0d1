/* The newest events, for readers outside: growths, limits, failures. */
#ifndef PYM_CORE_EVENT_H
#define PYM_CORE_EVENT_H

#include "core/state.h"

void pym__event(struct pym_heap *heap, enum event_kind kind, unsigned domain, usize bytes,
                u32 before);
void *pym__fail(struct pym_heap *heap, unsigned domain, usize bytes,
                enum event_kind kind); /* event; NULL */

#endif
