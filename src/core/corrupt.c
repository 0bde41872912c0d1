#include "core/corrupt.h"

#include "core/state.h"
#include "ports/host.h"

COLD void pym__corrupt(enum cause cause, addr offset, unsigned domain) {
  pym__space.fault = cause;
  pym__space.fault_at = offset;
  pym__host_tell(cause, offset, domain);
  pym__host_trap();
}
