/* wasi-libc's own malloc beside the library: neither overwrites the other, whoever comes first.
 * Some of its versions take all memory that there is at their first call.
 *
 * Before main, wasi-libc calls malloc for the arguments: here libc comes first.  The program that
 * is linked with ours_first.c calls the library before that. */
#include <stdlib.h>

#include "check.h"
#include "domains.h"
#include "foreign_libc.h"
#include "pymalloc.h"

#define SLOTS 2000u
#define FIRST 64u

static struct {
  void *p;
  size_t n;
} slots[SLOTS]; /* even ones are libc's */
static void *first[FIRST];
static unsigned firsts;

void take_first_blocks(void) {
  for (; firsts < FIRST; firsts++) {
    first[firsts] = pym_obj_malloc(firsts % 2 ? 5000 : 100);
    fill(first[firsts], firsts % 2 ? 5000 : 100, firsts);
  }
}

static void check_first_blocks(void) {
  for (unsigned i = 0; i < firsts; i++) CHECK(holds(first[i], i % 2 ? 5000 : 100, i));
}

static void operate(uint64_t r) {
  unsigned i = (unsigned)(r % SLOTS);
  size_t n = r >> 56 ? (r >> 20) % 900 : (r >> 20) % 100000;
  if (slots[i].p) {
    CHECK(holds(slots[i].p, slots[i].n, i));
    if (i % 2) pym_mem_free(slots[i].p);
    else free(slots[i].p);
    slots[i].p = NULL;
    return;
  }
  slots[i].p = i % 2 ? pym_mem_malloc(n) : malloc(n + 1);
  slots[i].n = n;
  if (!CHECK(slots[i].p != NULL)) return;
  CHECK_EQ(pym_owns(slots[i].p), i % 2);
  fill(slots[i].p, n, i);
}

static void libc_and_the_library_stay_apart(void) {
  take_first_blocks();
  for (unsigned step = 0; step < 60000; step++) {
    operate(check_mix(5, step));
    if (step % 10000 == 0) CHECK(pym_check(pym_heap_default()) == 0);
  }
  check_first_blocks();
  for (unsigned i = 0; i < SLOTS; i++) CHECK(!slots[i].p || holds(slots[i].p, slots[i].n, i));
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(libc_and_the_library_stay_apart));
