/* Standard error and abort of a C library: Emscripten, and the machine that runs the tests.
 * Emscripten's abort tells Module.onAbort, and the module is not entered again. */
#define _DEFAULT_SOURCE /* getentropy */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

void pym__host_write(const char *text, size_t n) {
  while (n) {
    ssize_t written = write(STDERR_FILENO, text, n);
    if (written <= 0) return;
    text += written;
    n -= (size_t)written;
  }
}

void pym__host_tell(enum cause cause, u32 o, unsigned d) { pym__say_fault(cause, o, d); }

int pym__host_random(u64 out[2]) { return getentropy(out, 2 * sizeof *out) == 0; }

void pym__host_trap(void) { abort(); }
