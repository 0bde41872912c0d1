/* Memory grows for what has no other place, and for no more than that: blocks at its end become
 * longer where they are; what others take between is left alone. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

/* The last block of memory becomes longer where it is, by new memory. */
static void a_large_block_at_the_end_grows_in_place(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_heap *h = pym_heap_default();
    check_context("domain", d);
    uint32_t pages = pages_now().free + 3;
    unsigned char *p = pym_heap_malloc(h, (enum pym_domain)d, pages * WASM_PAGE), *first = p;
    if (!CHECK(p != NULL)) return;
    fill(p, pages * WASM_PAGE, d);
    uint64_t total = stats_of(h, (enum pym_domain)d).total_blocks;
    for (unsigned i = 1; i < 100; i++) {
      p = pym_heap_realloc(h, (enum pym_domain)d, p, (pages + i) * WASM_PAGE + i * 16);
      if (!CHECK(p == first)) break;
    }
    CHECK(holds(p, pages * WASM_PAGE, d));
    CHECK_EQ(stats_of(h, (enum pym_domain)d).total_blocks, total);
    check_sound(h);
    pym_heap_free(h, (enum pym_domain)d, p);
    check_sound(h);
  }
}

/* Growth is for what has no other place, and for no more than that. */
static void growth_in_place_is_what_is_needed(void) {
  pym_heap *h = pym_heap_default();
  target_reset(TARGET_INITIAL, TARGET_MAX);
  uint32_t pages = pages_now().free + 20;
  void *p = pym_raw_malloc(pages * WASM_PAGE), *q = pym_raw_realloc(p, 10 * WASM_PAGE);
  uint64_t growths = target_growths();
  CHECK(q == p);
  p = pym_raw_realloc(q, 12 * WASM_PAGE); /* there is room behind it */
  CHECK(p == q);
  CHECK_EQ(target_growths(), growths);
  void *wall = pym_raw_malloc(100);
  if (target_reset(TARGET_INITIAL, TARGET_MAX)) {
    void *room = pym_raw_malloc(40 * WASM_PAGE), *last = pym_raw_malloc(20 * WASM_PAGE);
    pym_raw_free(room);
    growths = target_growths();
    q = pym_raw_realloc(last, 30 * WASM_PAGE); /* there is room elsewhere */
    CHECK(q == room);
    CHECK_EQ(target_growths(), growths);
    wall = pym_raw_malloc(64 * WASM_PAGE);
    growths = target_growths();
    uint32_t before = target_pages();
    p = pym_raw_realloc(q, 300 * WASM_PAGE); /* in the middle: a place at the end, at once */
    CHECK(p != q);
    CHECK_EQ(target_growths(), growths + 1);
    CHECK(target_pages() <= before + 301 + before / 32);
    pym_raw_free(p);
    pym_raw_free(wall);
  } else {
    pym_raw_free(wall);
    pym_raw_free(p);
  }
  check_sound(h);
}

static uint64_t slow_requests(pym_heap *h) {
  uint64_t n = 0;
  for (unsigned c = 1; c <= PYM_SMALL_MAX / 8; c++) n += view_heap(h)->sampled[c];
  return n;
}

/* A program that lives on few blocks of many sizes: each class keeps its pool, for some pages. */
static void pools_do_not_move_between_classes_for_ever(void) {
  pym_heap *h = pym_heap_default();
  if (!target_reset(TARGET_INITIAL, TARGET_MAX)) return;
  static void *held[64 * 8]; /* below 64 pools classes take blocks of each other */
  for (unsigned i = 0; i < COUNT(held); i++) held[i] = pym_obj_malloc(PYM_SMALL_MAX);
  void *full = pym_raw_malloc(pages_now().free * WASM_PAGE - WASM_PAGE / 2);
  const uint32_t pages = target_pages();
  for (unsigned round = 0; round < 100; round++) {
    const uint64_t before = slow_requests(h);
    for (uint32_t n = 8; n <= PYM_SMALL_MAX; n += 8) {
      pym_mem_free(pym_mem_malloc(n));
      pym_obj_free(pym_obj_malloc(n));
    }
    check_context("round", round);
    if (round >= 20 && !CHECK_EQ(slow_requests(h), before)) break;
  }
  CHECK(target_pages() <= pages + 10); /* 128 pools are 8 pages */
  pym_raw_free(full);
  for (unsigned i = 0; i < COUNT(held); i++) pym_obj_free(held[i]);
  check_sound(h);
}

/* A heap of its own cannot make its segments longer: it does not take one in vain. */
static void a_block_of_another_heap_moves_to_one_new_segment(void) {
  pym_heap *h = pym_heap_new();
  void *p = pym_heap_malloc(h, PYM_RAW, 100000);
  CHECK_EQ(view_heap(h)->raw_segments, 1);
  for (size_t n = 200000; n <= 1600000; n *= 2) {
    uint64_t events = view_space()->event_seq;
    p = pym_heap_realloc(h, PYM_RAW, p, n);
    CHECK(p != NULL);
    CHECK_EQ(view_heap(h)->raw_segments, 1);
    CHECK(view_heap(h)->raw_bytes < n + 100 && view_space()->event_seq <= events + 1);
  }
  pym_heap_destroy(h);
  check_sound(pym_heap_default());
}

/* A stranger's page behind it: it moves, once, and grows on from there. */
static void behind_a_stranger_it_moves_once(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  uint32_t pages = pages_now().free + 3;
  unsigned char *p = pym_raw_malloc(pages * WASM_PAGE), *first = p;
  unsigned char *strange = target_foreign(1);
  if (!CHECK(p != NULL && strange != NULL)) return;
  fill(strange, WASM_PAGE, 5);
  fill(p, pages * WASM_PAGE, 6);
  unsigned moves = 0;
  for (unsigned i = 1; i < 50; i++) {
    unsigned char *q = pym_raw_realloc(p, (pages + i) * WASM_PAGE);
    if (!CHECK(q != NULL)) return;
    moves += q != p;
    p = q;
  }
  CHECK(p != first && moves <= 2);
  CHECK(holds(p, pages * WASM_PAGE, 6) && holds(strange, WASM_PAGE, 5));
  pym_raw_free(p);
  check_sound(pym_heap_default());
}

/* Refused growth: the block stays, and may still move to where there is room. */
static void growth_in_place_refused_leaves_the_block(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  void *room = pym_raw_malloc(40 * WASM_PAGE);
  unsigned char *p = pym_raw_malloc(20 * WASM_PAGE);
  fill(p, 20 * WASM_PAGE, 8);
  target_fail_after(0, 1);
  uint64_t live = stats_of(pym_heap_default(), PYM_RAW).live_bytes;
  CHECK(pym_raw_realloc(p, 900u << 20) == NULL);
  CHECK(holds(p, 20 * WASM_PAGE, 8));
  CHECK_EQ(stats_of(pym_heap_default(), PYM_RAW).live_bytes, live);
  check_sound(pym_heap_default());
  pym_raw_free(room);
  unsigned char *q = pym_raw_realloc(p, 30 * WASM_PAGE);
  CHECK(q != NULL && holds(q, 20 * WASM_PAGE, 8));
  target_fail_after(-1, 0);
  pym_raw_free(q);
  check_sound(pym_heap_default());
}

/* A block grows into the free one behind it, whole or in part, and leaves what it need not have. */
static void a_block_grows_into_the_one_freed_behind_it(void) {
  for (size_t more = 16; more <= 2064; more += 16) {
    check_context("bytes more", more);
    unsigned char *p = pym_raw_malloc(1000), *behind = pym_raw_malloc(1000);
    unsigned char *after = pym_raw_malloc(1000);
    if (behind != p + 1008 || after != behind + 1008) { /* not neighbours this time */
      pym_raw_free(p), pym_raw_free(behind), pym_raw_free(after);
      continue;
    }
    fill(p, 1000, 1);
    fill(after, 1000, 3);
    pym_raw_free(behind);
    pym_heap_trim(pym_heap_default());
    unsigned char *q = pym_raw_realloc(p, 1000 + more);
    CHECK(q != NULL && (q == p) == (more <= 1008));
    CHECK(holds(q, 1000, 1) && holds(after, 1000, 3));
    CHECK_EQ(pym_usable_size(q), 1000 + more);
    check_sound(pym_heap_default());
    pym_raw_free(q);
    pym_raw_free(after);
    pym_heap_trim(pym_heap_default());
    check_sound(pym_heap_default());
  }
}

/* ---- Strangers ---- */

/* Between any two growths somebody else takes a page: nothing of theirs is touched, segments are as
 * many as growths that a stranger came before, and each is whole again at the end. */
static void segments_apart_stay_apart(void) {
  static unsigned char *strange[40];
  static void *p[40], *rest[1000];
  unsigned rests = 0;
  target_fail_after(0, 1); /* what is free already is out of the way */
  for (size_t n = 64 << 20; n >= WASM_PAGE; n /= 2)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  target_fail_after(-1, 0);
  uint32_t segments = view_heap(pym_heap_default())->raw_segments;
  uint64_t grows = pages_now().grows;
  for (unsigned i = 0; i < COUNT(p); i++) {
    strange[i] = target_foreign(1);
    if (!CHECK(strange[i] != NULL)) return;
    fill(strange[i], WASM_PAGE, i);
    p[i] = pym_raw_malloc((2 + i % 3) * WASM_PAGE);
    if (!CHECK(p[i] != NULL)) return;
    CHECK(!pym_owns(strange[i]));
  }
  uint32_t count = view_heap(pym_heap_default())->raw_segments;
  CHECK(count >= segments + 3 && count - segments <= pages_now().grows - grows);
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < COUNT(p); i++) {
    unsigned k = i * 7 % COUNT(p);
    pym_raw_free(p[k]);
    CHECK(pym_owns(p[k]) && holds(strange[k], WASM_PAGE, k));
  }
  CHECK_EQ(view_heap(pym_heap_default())->raw_segments, count);
  check_sound(pym_heap_default());
  uint64_t growths = target_growths();
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_raw_malloc(WASM_PAGE - 100);
    CHECK(p[i] != NULL && holds(strange[i], WASM_PAGE, i));
  }
  CHECK_EQ(target_growths(), growths);
  for (unsigned i = 0; i < COUNT(p); i++) pym_raw_free(p[i]);
  while (rests) pym_raw_free(rest[--rests]);
}

CHECK_CASES(TEST(a_large_block_at_the_end_grows_in_place), TEST(growth_in_place_is_what_is_needed),
            TEST(pools_do_not_move_between_classes_for_ever),
            TEST(a_block_of_another_heap_moves_to_one_new_segment),
            TEST(behind_a_stranger_it_moves_once), TEST(growth_in_place_refused_leaves_the_block),
            TEST(a_block_grows_into_the_one_freed_behind_it), TEST(segments_apart_stay_apart));
