/* Memories above 4 GiB: blocks of every kind beyond it, its boundaries, and the end at 16 GiB. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#if PYM__MEMORY64

#define GIB ((size_t)1 << 30)
#define MOST_PAGES 262144u

static int all_memory(void) { return target_reset(TARGET_INITIAL, MOST_PAGES); }

/* The first and the last words of a block: memory is touched sparsely. */
static void mark_ends(void *p, size_t n, uint64_t seed) {
  fill(p, 64, seed);
  fill((char *)p + n - 64, 64, seed + 1);
}
static int ends_are_marked(void *p, size_t n, uint64_t seed) {
  return holds(p, 64, seed) && holds((char *)p + n - 64, 64, seed + 1);
}

/* Linear memory is at least so large from now on, by raw blocks that are freed again. */
static void *large[24];
static unsigned larges;
static void take_large(size_t n, uint64_t above) {
  while (larges < COUNT(large)) {
    void *p = pym_raw_malloc(n);
    if (!CHECK(p != NULL)) return;
    mark_ends(p, n, larges);
    large[larges++] = p;
    if (target_offset(p) + n > above) return;
  }
}
static void free_large(size_t n) {
  while (larges) {
    CHECK(ends_are_marked(large[larges - 1], n, larges - 1));
    pym_raw_free(large[--larges]);
  }
}

static void *many[20000];

static void small_blocks_on_heap(pym_heap *h, unsigned round) {
  for (unsigned i = 0; i < COUNT(many); i++) {
    const size_t n = 1 + check_mix(round, i) % 900;
    many[i] = pym_heap_malloc(h, (enum pym_domain)(i % PYM_DOMAINS), n);
    if (!CHECK(many[i] != NULL)) return;
    fill(many[i], n, i);
  }
  unsigned beyond = 0;
  for (unsigned i = 0; i < COUNT(many); i++) {
    const size_t n = 1 + check_mix(round, i) % 900;
    beyond += target_offset(many[i]) >> 32 != 0;
    CHECK(holds(many[i], n, i));
  }
  CHECK(beyond > COUNT(many) / 2);
  check_sound(h);
  for (unsigned i = 0; i < COUNT(many); i++) {
    const unsigned k = (unsigned)(i * 7919ull % COUNT(many));
    CHECK(pym_owns(many[k]));
    pym_heap_free(h, (enum pym_domain)(k % PYM_DOMAINS), many[k]);
  }
  check_sound(h);
}

/* Nothing below 4 GiB is free while they are had. */
static void small_blocks_lie_beyond_4_gib(void) {
  all_memory();
  take_large(GIB, 5 * (uint64_t)GIB);
  pym_heap *h = pym_heap_new();
  for (unsigned round = 0; round < 3; round++) {
    small_blocks_on_heap(pym_heap_default(), round);
    small_blocks_on_heap(h, round);
  }
  pym_heap_destroy(h);
  free_large(GIB);
  check_sound(pym_heap_default());
}

/* Blocks at each side of the boundaries, taken by heads of different sizes. */
static void blocks_lie_across_4_and_8_gib(void) {
  all_memory();
  const uint64_t boundaries[] = {4 * (uint64_t)GIB, 8 * (uint64_t)GIB};
  for (unsigned i = 0; i < COUNT(boundaries); i++) {
    check_context("boundary", i);
    take_large(GIB - 64, boundaries[i] - GIB);
    unsigned across = 0;
    static void *p[80];
    unsigned n = 0;
    for (; n < COUNT(p); n++) {
      p[n] = pym_raw_malloc(40u << 20);
      if (!CHECK(p[n] != NULL)) return;
      mark_ends(p[n], 40u << 20, n);
      const uint64_t from = target_offset(p[n]);
      across += from < boundaries[i] && from + (40u << 20) > boundaries[i];
      if (from > boundaries[i]) break;
    }
    CHECK_EQ(across, 1);
    check_sound(pym_heap_default());
    for (unsigned k = 0; k <= n; k++) CHECK(ends_are_marked(p[k], 40u << 20, k));
    for (unsigned k = 0; k <= n; k++) pym_raw_free(p[k * 3 % (n + 1)]), p[k * 3 % (n + 1)] = NULL;
    for (unsigned k = 0; k <= n; k++) pym_raw_free(p[k]);
  }
  free_large(GIB - 64);
  check_sound(pym_heap_default());
}

/* One block above 4 GiB: its size is above 32 bits, live, free, and split. */
static void a_block_of_more_than_4_gib(void) {
  all_memory();
  const size_t n = 5 * GIB + 4096;
  const pym_size before = live_in(pym_heap_default(), PYM_RAW);
  char *p = pym_raw_malloc(n);
  if (!CHECK(p != NULL)) return;
  CHECK(pym_usable_size(p) >= n && pym_usable_size(p) < n + 32);
  mark_ends(p, n, 1);
  CHECK_EQ(live_in(pym_heap_default(), PYM_RAW), before + pym_usable_size(p));
  check_sound(pym_heap_default());
  char *q = pym_raw_realloc(p, 4 * GIB + 512);
  CHECK(q == p && pym_usable_size(q) >= 4 * GIB + 512);
  check_sound(pym_heap_default());
  char *behind = pym_raw_malloc(GIB - 100000); /* in what was left of it */
  CHECK(target_offset(behind) > target_offset(q) && target_offset(behind) < target_offset(q) + n);
  pym_raw_free(behind);
  q = pym_raw_realloc(q, n); /* it grows back in place */
  CHECK(q == p && ends_are_marked(q, 64 + 64, 1) == ends_are_marked(q, 64 + 64, 1));
  CHECK(holds(q, 64, 1));
  pym_raw_free(q);
  check_sound(pym_heap_default());
  CHECK_EQ(live_in(pym_heap_default(), PYM_RAW), before);
  p = pym_raw_malloc(3 * GIB);
  q = pym_raw_malloc(GIB + GIB / 2);
  CHECK(p && q && target_offset(q) >> 30 < 6);
  pym_raw_free(p);
  pym_raw_free(q);
  check_sound(pym_heap_default());
}

/* Limits and sums are 64 bits. */
static void limits_are_above_4_gib(void) {
  all_memory();
  pym_heap *h = pym_heap_default();
  pym_size soft, hard;
  pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, live_in(h, PYM_RAW) + 5 * GIB);
  pym_limit_get(h, PYM_RAW, &soft, &hard);
  CHECK(soft == PYM_UNLIMITED && hard == live_in(h, PYM_RAW) + 5 * GIB);
  void *p = pym_raw_malloc(4 * GIB + GIB / 2);
  CHECK(p != NULL);
  CHECK(pym_raw_malloc(GIB / 2) == NULL);
  void *q = pym_raw_malloc(GIB / 2 - 4096);
  CHECK(q != NULL);
  CHECK(pym_raw_malloc(8192) == NULL);
  pym_raw_free(p);
  pym_raw_free(q);
  pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, PYM_UNLIMITED);
  CHECK(stats_of(h, PYM_RAW).peak_bytes >= 5 * GIB - 4096);
  check_sound(h);
}

/* Sizes up to PTRDIFF_MAX may be asked for; no memory has them. */
static void what_no_memory_has_is_refused(void) {
  all_memory();
  static const size_t sizes[] = {
      16 * GIB,         16 * GIB + 1,    17 * GIB,          (size_t)1 << 35,  (size_t)1 << 40,
      (size_t)1 << 48,  (size_t)1 << 62, PYM_SIZE_MAX - 15, PYM_SIZE_MAX - 1, PYM_SIZE_MAX,
      PYM_SIZE_MAX + 1, SIZE_MAX - 7,    SIZE_MAX};
  char *p = pym_obj_malloc(100), *large_block = pym_raw_malloc(10000);
  fill(p, 100, 1);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    check_context("size", i);
    CHECK(pym_raw_malloc(sizes[i]) == NULL);
    CHECK(pym_obj_calloc(1, sizes[i]) == NULL);
    CHECK(pym_mem_calloc(sizes[i], 1) == NULL);
    CHECK(pym_obj_realloc(p, sizes[i]) == NULL);
    CHECK(pym_raw_realloc(large_block, sizes[i]) == NULL);
    CHECK(pym_raw_aligned_alloc(4096, sizes[i]) == NULL);
  }
  CHECK(pym_obj_calloc((size_t)1 << 32, (size_t)1 << 32) == NULL);
  CHECK(pym_obj_calloc(((size_t)1 << 32) + 1, (size_t)1 << 32) == NULL);
  CHECK(holds(p, 100, 1));
  pym_obj_free(p);
  pym_raw_free(large_block);
  check_sound(pym_heap_default());
}

/* Until 16 GIB are used up; what is freed serves again. */
static void all_of_16_gib_can_be_used(void) {
  if (!all_memory()) return; /* a wasm engine has pages for real: the others are enough there */
  void *p[40];
  unsigned n = 0;
  while (n < COUNT(p) && (p[n] = pym_raw_malloc(GIB / 2)) != NULL) mark_ends(p[n], GIB / 2, n), n++;
  CHECK(n == 31);
  unsigned small = 0;
  void *last = NULL;
  for (void *q; (q = pym_raw_malloc(60000)) != NULL; small++) *(void **)q = last, last = q;
  CHECK(small > 8000 && target_pages() == MOST_PAGES);
  CHECK(target_offset(last) >> 29 == 31);
  check_sound(pym_heap_default());
  while (last) {
    void *next = *(void **)last;
    pym_raw_free(last);
    last = next;
  }
  for (unsigned i = 0; i < n; i++) CHECK(ends_are_marked(p[i], GIB / 2, i));
  while (n) pym_raw_free(p[--n]);
  check_sound(pym_heap_default());
  char *whole = pym_raw_malloc(15 * GIB);
  CHECK(whole != NULL);
  pym_raw_free(whole);
  check_sound(pym_heap_default());
}

/* Addresses that no memory has are reported as such, or told apart. */
static void wild_addresses_are_not_ours(void) {
  all_memory();
  pym_raw_free(pym_raw_malloc(1000));
  CHECK(!pym_owns((void *)(uintptr_t)0xfffffffffffffff0u));
  CHECK(!pym_owns((char *)at(0) + 20 * GIB));
  CHECK(!pym_owns((char *)at(0) + ((uint64_t)1 << 48)));
}

CHECK_CASES(TEST(small_blocks_lie_beyond_4_gib), TEST(blocks_lie_across_4_and_8_gib),
            TEST(a_block_of_more_than_4_gib), TEST(limits_are_above_4_gib),
            TEST(what_no_memory_has_is_refused), TEST(all_of_16_gib_can_be_used),
            TEST(wild_addresses_are_not_ours));
#endif
