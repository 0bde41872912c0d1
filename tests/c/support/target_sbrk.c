/* Strangers where memory is taken by sbrk.  They leave the break at a multiple of 8 and no more. */
#define _DEFAULT_SOURCE
#include <stddef.h>
#include <unistd.h>

#include "target.h"

void *target_foreign(uint32_t pages) {
  void *p = sbrk((intptr_t)(pages * WASM_PAGE + 8));
  return p == (void *)-1 ? NULL : p;
}
