/* Standard error and abort of a C library: Emscripten, and the machine that runs the tests.
 * Emscripten's abort tells Module.onAbort, and the module is not entered again. */
#define _DEFAULT_SOURCE /* getentropy */
#include <stdlib.h>
#include <unistd.h>

#include "inspect/report.h"
#include "ports/host.h"

void pym__host_write(const char *text, size_t bytes) {
  while (bytes) {
    ssize_t written = write(STDERR_FILENO, text, bytes);
    if (written <= 0) return;
    text += written;
    bytes -= (size_t)written;
  }
}

void pym__host_tell(enum cause cause, addr offset, unsigned domain) {
  pym__say_fault(cause, offset, domain);
}

int pym__host_random(u64 out[2]) { return getentropy(out, 2 * sizeof *out) == 0; }

void pym__host_trap(void) { abort(); }
