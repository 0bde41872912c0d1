/* The lock of shared wasm memory.
 *
 *   0 free    1 held    2 held, and others may wait
 *
 * After a wait it is taken by an exchange for 2: whoever took it as 1 then would let the others
 * sleep.  Where a thread may not wait, as the main thread of a browser, it spins: no section of the
 * library is long. */
#ifndef PYM_LOCK_WASM_H
#define PYM_LOCK_WASM_H

#include "core/state.h"

#define SPINS 100u

static int may_wait(void); /* the port's */

static int taken_at_once(void) {
  int expected = 0;
  return __atomic_compare_exchange_n(&pym__the_lock.word, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED);
}

/* In V8 of Node.js 20 code of the first tier (Liftoff) loses local variables that are in use across
 * this instruction.  So it has a function of its own, without any, and is called through a pointer:
 * an optimizer cannot put it into one that has some. */
static void wait_once(void) { __builtin_wasm_memory_atomic_wait32(&pym__the_lock.word, 2, -1); }
static void (*volatile wait_for_notify)(void) = wait_once;

static COLD void lock_contended(void) {
  for (u32 i = 0; i < SPINS; i++)
    if (!__atomic_load_n(&pym__the_lock.word, __ATOMIC_RELAXED) && taken_at_once()) return;
  const int can_wait = may_wait();
  while (__atomic_exchange_n(&pym__the_lock.word, 2, __ATOMIC_ACQUIRE)) {
    if (can_wait) wait_for_notify();
    else
      while (__atomic_load_n(&pym__the_lock.word, __ATOMIC_RELAXED)) continue;
  }
}

void pym__port_lock(void) {
  if (UNLIKELY(!taken_at_once())) lock_contended();
}

void pym__port_unlock(void) {
  if (UNLIKELY(__atomic_exchange_n(&pym__the_lock.word, 0, __ATOMIC_RELEASE) == 2))
    __builtin_wasm_memory_atomic_notify(&pym__the_lock.word, 1);
}

#endif
