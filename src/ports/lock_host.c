/* The lock of a freestanding module, whose host makes the threads and says which of them may wait:
 * a worker may, the main thread of a browser may not. */
#include "ports/lock_wasm.h"

static _Thread_local int host_lets_wait;

static int may_wait(void) { return host_lets_wait; }

void pym_thread_may_wait(int may) { host_lets_wait = may; }
