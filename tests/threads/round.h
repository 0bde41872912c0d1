/* What holds for one round of the model. */
#ifndef ROUND_H
#define ROUND_H

#include "ports/linmem.h"
#include "pymalloc.h"

enum kind {
  ROUND_PLAIN,
  ROUND_LIMIT,       /* hard limit on the sum of all domains */
  ROUND_REFUSED,     /* each growth is refused */
  ROUND_INTERPRETER, /* mem and object domain under a lock, raw domain without */
  ROUND_KINDS
};

static inline void round_begin(enum kind kind, uint32_t limit) {
  if (kind == ROUND_LIMIT) pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, limit);
  if (kind == ROUND_REFUSED) pym__linmem_fail_after(0, 1);
}

static inline void round_end(void) {
  pym__linmem_fail_after(-1, 0);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
}

#endif
