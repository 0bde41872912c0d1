/* The host's standard error under WASI. */
#include <wasi/api.h>

#include "inspect/report.h"
#include "ports/host.h"

void pym__host_write(const char *text, size_t bytes) {
  while (bytes) {
    __wasi_ciovec_t piece = {(const uint8_t *)text, bytes};
    size_t written = 0;
    if (__wasi_fd_write(2, &piece, 1, &written) != 0 || written == 0) return;
    text += written;
    bytes -= written;
  }
}

void pym__host_tell(enum cause cause, addr offset, unsigned domain) {
  pym__say_fault(cause, offset, domain);
}

int pym__host_random(u64 out[2]) { return __wasi_random_get((uint8_t *)out, 2 * sizeof *out) == 0; }

void pym__host_trap(void) { __builtin_trap(); }
