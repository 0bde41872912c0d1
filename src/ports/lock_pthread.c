/* The lock natively: a mutex of the C library, which ThreadSanitizer knows. */
#include <pthread.h>

#include "core/state.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void pym__port_lock(void) { pthread_mutex_lock(&mutex); }
void pym__port_unlock(void) { pthread_mutex_unlock(&mutex); }
