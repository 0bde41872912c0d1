/* The first malloc of a program, where memory is taken by sbrk: if it fails nothing was taken. */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "target.h"

static void *(*volatile do_malloc)(size_t) = malloc; /* no compiler leaves it out */

static void a_first_malloc_that_fails_takes_nothing(void) {
  char *before = sbrk(0);
  CHECK(do_malloc(SIZE_MAX) == NULL);
  CHECK(sbrk(0) == before);
  target_fail_after(0, 1);
  CHECK(do_malloc((size_t)0xfffd0000) == NULL);
  CHECK(sbrk(0) == before);
  CHECK(do_malloc(900u << 20) == NULL);
  CHECK(sbrk(0) == before);
  target_fail_after(-1, 0);
}

/* What is left of the page that the break is in serves first, without a growth. */
static void the_first_block_follows_the_program_s_data(void) {
  char *before = sbrk(0), *p = do_malloc(100);
  CHECK(p > before && p < before + 65536);
  CHECK_EQ((uintptr_t)sbrk(0) % 65536, 0);
  free(p);
}

CHECK_CASES(TEST(a_first_malloc_that_fails_takes_nothing),
            TEST(the_first_block_follows_the_program_s_data));
