/* The end of a thread that the host makes: it calls pym_thread_end. */
#include "core/state.h"

void pym__thread_end_notice(void) {}
