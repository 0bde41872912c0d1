/* The lock of a build for threads, and the first key of free blocks: what an archive for one thread
 * has in link_pymalloc_threads_instead.c. */
#include "core/state.h"

#if !PYM_THREADS
#error "for shared memory: compile with -pthread, or -matomics -mbulk-memory"
#endif

u64 pym__key = FIRST_KEY;

/* Its holder, told by the address of a thread-local variable, and how often it was taken. */
static const void *holder;
static u32 depth;
static _Thread_local char self;

struct guard pym__lock(void) {
  if (__atomic_load_n(&holder, __ATOMIC_RELAXED) != &self) {
    pym__port_lock();
    __atomic_store_n(&holder, &self, __ATOMIC_RELAXED);
  }
  depth++;
  return (struct guard){1};
}

struct guard pym__lock_for(const struct pym_heap *heap) {
  return is_thread_heap(heap) && LIKELY(!PYM__READ(pym__limits)) ? (struct guard){0} : pym__lock();
}

void pym__unlock(const struct guard *guard) {
  if (!guard->is_taken || --depth) return;
  __atomic_store_n(&holder, NULL, __ATOMIC_RELAXED);
  pym__port_unlock();
}
