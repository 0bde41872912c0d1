/* PYTHONMALLOC in the environment, as CPython reads it: before anything else of the program. */
#include <stdlib.h>
#include <string.h>

#include "ports/host.h"

/* Before other constructors: they may allocate. */
__attribute__((constructor(102))) static void at_start(void) {
  static const char error[] =
      "PYTHONMALLOC: unknown allocator; it is one of default, malloc, pymalloc, debug, "
      "malloc_debug, pymalloc_debug\n";
  const char *name = getenv("PYTHONMALLOC");
  if (!name || !*name || pym_allocators_use(name) == 0) return;
  pym__host_write(error, strlen(error));
  _Exit(1);
}
