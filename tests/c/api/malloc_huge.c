/* One block above 2 GiB.  The domains' limit is PY_SSIZE_T_MAX; malloc's is memory. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

#define GIB ((size_t)1 << 30)

static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;

static void fill_ends(unsigned char *p, size_t n) {
  fill(p, 64, 1);
  fill(p + n - 64, 64, 2);
}
static int ends_hold(const unsigned char *p, size_t n) {
  return holds(p, 64, 1) && holds(p + n - 64, 64, 2);
}

static void a_block_above_two_gib_is_served_and_counted(void) {
  const size_t n = 5 * (GIB / 2);
  const uint64_t before = stats_of(pym_heap_default(), PYM_OBJ).live_bytes; /* libc's */
  unsigned char *p = do_malloc(n);
  if (!CHECK(p != NULL)) return;
  fill_ends(p, n);
  CHECK(malloc_usable_size(p) >= n && malloc_usable_size(p) < n + 32);
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_bytes, before + malloc_usable_size(p));
  CHECK(pym_owns(p) && pym_owns(p + n - 1));
  check_sound(pym_heap_default());
  CHECK(ends_hold(p, n));
  free(p);
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_bytes, before);
}

static void a_block_grows_beyond_two_gib_and_shrinks_again(void) {
  unsigned char *p = do_malloc(100);
  if (!CHECK(p != NULL)) return;
  fill(p, 100, 7);
  p = do_realloc(p, 9 * (GIB / 4));
  if (!CHECK(p != NULL && holds(p, 100, 7))) return;
  fill_ends(p, 9 * (GIB / 4));
  p = do_realloc(p, 11 * (GIB / 4)); /* in place: two of them do not fit */
  if (!CHECK(p != NULL && ends_hold(p, 9 * (GIB / 4)))) return;
  errno = 0;
  CHECK(do_realloc(p, SIZE_MAX - 100) == NULL && errno == ENOMEM);
  CHECK(ends_hold(p, 9 * (GIB / 4)));
  p = do_realloc(p, 1000);
  CHECK(p != NULL && holds(p, 64, 1));
  free(p);
  check_sound(pym_heap_default());
}

static void calloc_and_aligned_blocks_too(void) {
  unsigned char *p = do_calloc(17, GIB / 8);
  CHECK(p != NULL && all_zero(p, 4096) && all_zero(p + 17 * (GIB / 8) - 4096, 4096));
  free(p);
  p = aligned_alloc(4096, 9 * (GIB / 4));
  CHECK(p != NULL && (uintptr_t)p % 4096 == 0);
  free(p);
}

static void the_domains_keep_their_limit(void) {
  CHECK(pym_obj_malloc(PYM_SIZE_MAX + 1) == NULL);
  CHECK(pym_mem_malloc(PYM_SIZE_MAX + 1) == NULL);
  CHECK(pym_raw_malloc(PYM_SIZE_MAX + 1) == NULL);
  CHECK(pym_raw_aligned_alloc(64, PYM_SIZE_MAX + 1) == NULL);
  CHECK(pym_obj_calloc(17, GIB / 8) == NULL);
}

static void a_limit_holds_for_it(void) {
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, 5u << 29);
  errno = 0;
  CHECK(do_malloc(5 * (GIB / 2) + 1) == NULL && errno == ENOMEM);
  void *p = do_malloc(9 * (GIB / 4));
  CHECK(p != NULL);
  free(p);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
}

/* Hooks were promised sizes of PYM_SIZE_MAX at most, the debug hooks among them. */
static void under_a_hook_there_is_none(void) {
  CHECK_EQ(pym_debug_hooks(), 0);
  errno = 0;
  CHECK(do_malloc(9 * (GIB / 4)) == NULL && errno == ENOMEM);
  void *p = do_malloc(100);
  CHECK(do_realloc(p, 9 * (GIB / 4)) == NULL);
  free(p);
  CHECK_EQ(pym_allocators_use("default"), 0);
}

CHECK_CASES(TEST(a_block_above_two_gib_is_served_and_counted),
            TEST(a_block_grows_beyond_two_gib_and_shrinks_again),
            TEST(calloc_and_aligned_blocks_too), TEST(the_domains_keep_their_limit),
            TEST(a_limit_holds_for_it), TEST(under_a_hook_there_is_none));
