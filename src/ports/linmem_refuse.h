/* Test control of the wasm ports: a growth that is refused.  Nothing in a library that is shipped.
 */
#ifndef PYM_PORTS_LINMEM_REFUSE_H
#define PYM_PORTS_LINMEM_REFUSE_H

#include "ports/linmem.h"

#ifdef PYM_TESTS
static int64_t fail_in = -1;
static int fail_forever;
static uint64_t growths;

void pym__linmem_fail_after(int64_t k, int forever) {
  fail_in = k;
  fail_forever = forever;
}

uint64_t pym__linmem_growths(void) { return growths; }

static int refused(void) {
  growths++;
  if (fail_in < 0) return 0;
  if (fail_in > 0) return fail_in--, 0;
  if (!fail_forever) fail_in = -1;
  return 1;
}
#else
static inline int refused(void) { return 0; }
#endif

#endif
