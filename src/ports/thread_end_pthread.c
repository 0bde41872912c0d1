/* The end of a thread with pthreads: a key's destructor, which runs while thread-local variables
 * are still valid.  Destructors that run later may allocate: then the thread gets a heap, and a
 * destructor, again. */
#include <pthread.h>

#include "core/state.h"

static pthread_key_t key;
static int is_made;

static void ended(void *unused) {
  (void)unused;
  pym_thread_end();
}

void pym__thread_end_notice(void) {
  if (!is_made) is_made = pthread_key_create(&key, ended) == 0;
  if (is_made) pthread_setspecific(key, &key);
}
