/* Of the free chunks the smallest that fits serves a request of 1 KiB or more, whatever is free: in
 * lists of one size, in search trees, and at the border between them. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

enum { HOLES = 1200, STEP = 16, LEAST = 1032, WALL = 600 }; /* holes of 1,032 to 20,216 bytes */
static void *hole[HOLES], *wall[HOLES + 1];
static uint32_t order[HOLES];

static uint32_t bytes_of(uint32_t i) { return LEAST + STEP * i; }

/* The numbers of all holes in random order. */
static void shuffle(uint64_t seed) {
  for (uint32_t i = 0; i < HOLES; i++) order[i] = i;
  for (uint32_t i = HOLES - 1; i > 0; i--) {
    const uint32_t k = (uint32_t)(check_mix(seed, i) % (i + 1)), other = order[k];
    order[k] = order[i];
    order[i] = other;
  }
}

/* Blocks of every size, each between two that stay. */
static int make_holes(void) {
  wall[HOLES] = pym_raw_malloc(WALL);
  for (uint32_t i = 0; i < HOLES; i++) {
    hole[i] = pym_raw_malloc(bytes_of(i));
    wall[i] = pym_raw_malloc(WALL);
    if (!CHECK(hole[i] && wall[i])) return 0;
  }
  return 1;
}

/* Those with these numbers are free memory, and none of it is cached or in no bin. */
static void free_holes(uint32_t first, uint32_t step) {
  for (uint32_t i = 0; i < HOLES; i++)
    if (order[i] % step == first) pym_raw_free(hole[order[i]]);
  pym_heap_trim(pym_heap_default());
  check_sound(pym_heap_default());
}

static void clear_walls(void) {
  for (uint32_t i = 0; i <= HOLES; i++) pym_raw_free(wall[i]);
}

static void a_hole_of_just_the_size_is_found(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  if (!make_holes()) return;
  shuffle(1);
  free_holes(0, 1);
  shuffle(2);
  for (uint32_t i = 0; i < HOLES; i++) {
    check_context("bytes", bytes_of(order[i]));
    if (!CHECK(pym_raw_malloc(bytes_of(order[i])) == hole[order[i]])) return;
  }
  check_sound(pym_heap_default());
  for (uint32_t i = 0; i < HOLES; i++) pym_raw_free(hole[i]);
  clear_walls();
}

/* Every fourth hole is free: the next larger one serves, though the three below it are not there.
 */
static void else_the_next_larger_one(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  if (!make_holes()) return;
  shuffle(3);
  free_holes(3, 4);
  for (uint32_t i = 0; i < HOLES; i++) {
    if (order[i] % 4 != 3) continue;
    const uint32_t less = STEP * (1 + order[i] % 3);
    check_context("bytes", bytes_of(order[i]) - less);
    if (!CHECK(pym_raw_malloc(bytes_of(order[i]) - less) == hole[order[i]])) return;
  }
  check_sound(pym_heap_default());
  for (uint32_t i = 0; i < HOLES; i++) pym_raw_free(hole[i]);
  clear_walls();
}

/* The chunk of a pool that is gone has a list of its own: it is longer than the hole. */
static void a_chunk_for_a_pool_is_no_better_fit(void) {
  void *small[4 * 7]; /* four pools, of which the last three lie one behind the other */
  target_reset(TARGET_INITIAL, TARGET_MAX);
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_obj_malloc(PYM_SMALL_MAX);
  void *block = pym_raw_malloc(3000), *behind = pym_raw_malloc(WALL);
  pym_raw_free(block);
  for (unsigned i = 14; i < 21; i++) pym_obj_free(small[i]);
  pym_heap_trim(pym_heap_default());
  CHECK(pym_raw_malloc(3000) == block);
  pym_raw_free(block);
  pym_raw_free(behind);
  for (unsigned i = 0; i < COUNT(small); i++)
    if (i / 7 != 2) pym_obj_free(small[i]);
}

CHECK_CASES(TEST(a_chunk_for_a_pool_is_no_better_fit), TEST(a_hole_of_just_the_size_is_found),
            TEST(else_the_next_larger_one));
