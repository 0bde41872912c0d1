/* PYM_STATS=exit in the environment: the report on standard error when the program ends. */
#include <stdlib.h>
#include <string.h>

#include "pymalloc.h"

static void report(void) { pym_dump_stderr(pym_heap_default()); }

__attribute__((constructor)) static void at_start(void) {
  const char *when = getenv("PYM_STATS");
  if (when && strcmp(when, "exit") == 0) atexit(report);
}
