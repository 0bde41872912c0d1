/* All 4 GiB: the pool table has leaves up to its end, addresses pass 2 GiB, sizes reach the
 * maximum. Only the ends of large blocks are touched. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define LARGE ((size_t)64 << 20)
#define LARGE_MAX 64u
#define SMALL_EACH 300u

static unsigned char *large[LARGE_MAX];
static void *small[LARGE_MAX][SMALL_EACH];
static void *last[4000]; /* what is left at the end, to the last page */
static unsigned lasts;

static void fill_ends(unsigned char *p, size_t n, uint64_t seed) {
  fill(p, 64, seed);
  fill(p + n - 64, 64, seed + 1);
}

static int ends_hold(const unsigned char *p, size_t n, uint64_t seed) {
  return holds(p, 64, seed) && holds(p + n - 64, 64, seed + 1);
}

/* Large blocks until there is no memory, small ones between them; returns how many. */
static unsigned take_everything(void) {
  unsigned count = 0;
  for (; count < LARGE_MAX; count++) {
    large[count] = pym_raw_malloc(LARGE);
    if (!large[count]) break;
    fill_ends(large[count], LARGE, count);
    for (unsigned i = 0; i < SMALL_EACH; i++) {
      small[count][i] = pym_obj_malloc(512);
      if (small[count][i]) fill(small[count][i], 512, i);
    }
  }
  for (lasts = 0; lasts < COUNT(last); lasts++) {
    last[lasts] = pym_raw_malloc(60000);
    if (!last[lasts]) break;
    fill_ends(last[lasts], 60000, lasts);
  }
  return count;
}

static void check_everything(unsigned count) {
  for (unsigned k = 0; k < count; k++) {
    check_context("large block", k);
    CHECK(ends_hold(large[k], LARGE, k) && pym_owns(large[k]) && pym_owns(large[k] + LARGE - 1));
    CHECK(pym_usable_size(large[k]) >= LARGE);
    for (unsigned i = 0; i < SMALL_EACH; i++)
      CHECK(!small[k][i] || (holds(small[k][i], 512, i) && pym_usable_size(small[k][i]) == 512));
  }
  check_context("", 0);
  for (unsigned i = 0; i < lasts; i++) CHECK(ends_hold(last[i], 60000, i));
  check_sound(pym_heap_default());
}

static void give_everything_back(unsigned count) {
  for (unsigned k = 0; k < count; k++) {
    for (unsigned i = 0; i < SMALL_EACH; i++) pym_obj_free(small[k][i]);
    pym_raw_free(large[k]);
  }
  while (lasts) pym_raw_free(last[--lasts]);
  check_sound(pym_heap_default());
}

static unsigned leaves_with_pools(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < LEAVES; i++) n += view_space()->leaves[i] != 0;
  return n;
}

static void all_of_linear_memory_can_be_used(void) {
  const int fresh = target_reset(TARGET_INITIAL, 65536);
  unsigned count = take_everything();
  CHECK(count >= 58);
  uint64_t highest = 0;
  for (unsigned k = 0; k < count; k++)
    if (target_offset(large[k]) > highest) highest = target_offset(large[k]);
  CHECK(highest >= (uint64_t)3 << 30);
  CHECK(target_pages() >= 65535);
  CHECK(leaves_with_pools() >= (fresh ? count : 2)); /* pools lie between them */
  check_everything(count);
  give_everything_back(count);
  uint64_t growths = target_growths();
  unsigned again = take_everything();
  CHECK(again + 1 >= count);
  CHECK(target_growths() - growths < 40); /* refused ones at the end */
  check_everything(again);
  give_everything_back(again);
}

static void the_largest_size_is_served(void) {
  target_reset(TARGET_INITIAL, 65536);
  for (size_t back = 0; back < 40; back += 13) {
    check_context("below the maximum", back);
    unsigned char *p = pym_obj_malloc(PYM_SIZE_MAX - back);
    if (!CHECK(p != NULL)) return;
    CHECK(pym_usable_size(p) >= PYM_SIZE_MAX - back);
    fill_ends(p, PYM_SIZE_MAX - back, back);
    CHECK(pym_raw_malloc(PYM_SIZE_MAX) == NULL); /* not twice, beside the rest */
    CHECK(ends_hold(p, PYM_SIZE_MAX - back, back));
    p = pym_obj_realloc(p, 100);
    CHECK(p != NULL && holds(p, 64, back));
    pym_obj_free(p);
    check_sound(pym_heap_default());
  }
}

/* The end of 4 GiB is no 32-bit offset, so the last page stays unused, also when it comes alone. */
static void the_last_page_of_all_is_no_memory(void) {
  target_reset(TARGET_INITIAL, 65536);
  pym_raw_free(pym_raw_malloc(100));
  uint32_t left = 65535 - target_pages();
  pym_page_stats s;
  pym_page_stats_get(&s);
  if (target_pages() > 65535 || s.free > COUNT(last) || (left && !target_foreign(left))) return;
  unsigned count = 0;
  while (count < COUNT(last) && (last[count] = pym_raw_malloc(60000)) != NULL) count++;
  CHECK(target_pages() >= 65535 && count < COUNT(last));
  for (unsigned i = 0; i < count; i++) CHECK(target_offset(last[i]) < 65535ull << 16);
  check_sound(pym_heap_default());
  while (count) pym_raw_free(last[--count]);
  check_sound(pym_heap_default());
  void *p = pym_raw_malloc(60000);
  CHECK(p != NULL);
  pym_raw_free(p);
}

CHECK_CASES(TEST(the_largest_size_is_served), TEST(all_of_linear_memory_can_be_used),
            TEST(the_last_page_of_all_is_no_memory));
