/* Takes 200 MiB from a heap of its own, or what it gets, and prints the KiB: for `run --limit`. */
#include <stdio.h>

#include "pymalloc.h"

int main(void) {
  pym_heap *heap = pym_heap_new();
  unsigned kib = 0;
  while (kib < 200 << 10 && pym_heap_malloc(heap, PYM_OBJ, 1024)) kib++;
  printf("%u\n", kib);
  return 0;
}
