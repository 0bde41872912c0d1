/* The lock of a build for threads, and the first key of free blocks: what an archive for one thread
 * has in link_pymalloc_threads_instead.c. */
#include "core/state.h"

#if !PYM_THREADS
#error "for shared memory: compile with -pthread, or -matomics -mbulk-memory"
#endif

u64 pym__key = FIRST_KEY;

struct lock pym__the_lock;
static _Thread_local char self;

/* Who reads another's address as the holder, or none, is not the holder: that needs no order. */
void pym__lock(void) {
  if (PYM__READ(pym__the_lock.holder) != &self) {
    pym__port_lock();
    PYM__WRITE(pym__the_lock.holder, &self);
  }
  pym__the_lock.depth++;
}

void pym__unlock(void) {
  if (--pym__the_lock.depth) return;
  PYM__WRITE(pym__the_lock.holder, NULL);
  pym__port_unlock();
}
