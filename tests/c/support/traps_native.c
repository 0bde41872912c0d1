/* Run the attacks of a program: each must come back by a trap, with the right report. */
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include "ports/host.h"
#include "ports/linmem.h"
#include "traps.h"

#define PRINTED_MAX 10

static jmp_buf out;

void pym__host_trap(void) { longjmp(out, 1); }

static int is_noticed(unsigned i) {
  said_n = 0;
  said[0] = 0;
  if (setjmp(out) == 0) {
    attack(i);
    return 0;
  }
  return attack_noticed(i);
}

int main(void) {
  const clock_t start = clock();
  unsigned failed = 0;
  pym__linmem_reset(2, 16384);
  for (unsigned i = 0; i < attacks; i++) {
    if (is_noticed(i)) continue;
    if (++failed <= PRINTED_MAX) printf("attack %u, %s: %s\n", i, attack_name(i), said);
  }
  printf("%u attacks, %u not noticed as they should, %.2f s\n", attacks, failed,
         (double)(clock() - start) / CLOCKS_PER_SEC);
  return failed != 0;
}
