/* Every row of the contract in pymalloc.h, in each domain, on a second heap and under a hook. */
#include "check.h"
#include "domains.h"
#include "target.h"

/* Both sides of each boundary: classes, pools, pages. */
static const size_t sizes[] = {1,    7,    8,    9,    16,   17,    24,    63,    64,    65,  128,
                               255,  256,  504,  505,  511,  512,   513,   520,   528,   600, 1000,
                               1024, 2048, 4000, 4096, 5000, 65000, 65536, 70000, 300000};

/* ---- Zero ---- */

static void zero_bytes_body(const struct domain_api *api) {
  void *p[5] = {api->malloc(0), api->malloc(0), api->calloc(0, 8), api->calloc(8, 0),
                api->realloc(NULL, 0)};
  for (unsigned i = 0; i < COUNT(p); i++) {
    if (!CHECK(p[i] != NULL)) return;
    CHECK(pym_usable_size(p[i]) >= 1);
    fill(p[i], 1, i);
    for (unsigned j = 0; j < i; j++) CHECK(p[i] != p[j]);
  }
  for (unsigned i = 0; i < COUNT(p); i++) {
    CHECK(holds(p[i], 1, i));
    api->free(p[i]);
  }
}
static void zero_bytes_are_a_distinct_block(void) { each_domain(zero_bytes_body); }

static void realloc_to_zero_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = api->malloc(sizes[i]);
    void *q = api->realloc(p, 0);
    if (!CHECK(q != NULL)) return;
    CHECK(pym_usable_size(q) >= 1);
    api->free(q);
  }
}
static void realloc_to_zero_does_not_free(void) { each_domain(realloc_to_zero_body); }

static void free_null_body(const struct domain_api *api) {
  api->free(NULL);
  pym_heap_free(heap_of(api), api->domain, NULL);
  pym_heap_free_sized(heap_of(api), api->domain, NULL, 8);
  pym_obj_free_sized(NULL, 8);
}
static void free_of_null_is_nothing(void) { each_domain(free_null_body); }

/* Before anything else has called the library. */
static void free_of_null_may_be_the_first_call(void) {
  static void (*const frees[])(void *) = {pym_raw_free, pym_mem_free, pym_obj_free};
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    target_reset(TARGET_INITIAL, TARGET_MAX);
    frees[d](NULL);
    check_sound(pym_heap_default());
  }
  target_reset(TARGET_INITIAL, TARGET_MAX);
  pym_obj_free_sized(NULL, 24);
  check_sound(pym_heap_default());
}

static void realloc_null_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = api->realloc(NULL, sizes[i]);
    if (!CHECK(p != NULL)) return;
    CHECK(pym_usable_size(p) >= sizes[i]);
    fill(p, sizes[i], i);
    CHECK(holds(p, sizes[i], i));
    api->free(p);
  }
}
static void realloc_of_null_is_malloc(void) { each_domain(realloc_null_body); }

/* ---- Too much ---- */

static const size_t excessive[] = {
    SIZE_MAX,         SIZE_MAX - 1,          SIZE_MAX - 7,
    SIZE_MAX - 8,     SIZE_MAX - 15,         SIZE_MAX - 16,
    SIZE_MAX - 31,    SIZE_MAX - 63,         SIZE_MAX - 4095,
    SIZE_MAX - 65535, SIZE_MAX / 2 + 1,      PYM_SIZE_MAX + 1,
    PYM_SIZE_MAX + 9, PYM_SIZE_MAX + 512,
#if SIZE_MAX > 0xffffffffu && !PYM__MEMORY64
    (size_t)1 << 32,  ((size_t)1 << 32) + 8, ((size_t)1 << 32) + 4096,
#endif
};

static void excessive_body(const struct domain_api *api) {
  pym_heap *h = heap_of(api);
  void *p = api->malloc(100);
  fill(p, 100, 7);
  uint64_t growths = target_growths();
  pym_domain_stats before, after;
  pym_domain_stats_get(h, api->domain, &before);
  for (unsigned i = 0; i < COUNT(excessive); i++) {
    check_context(api->name, i);
    CHECK(api->malloc(excessive[i]) == NULL);
    CHECK(api->calloc(1, excessive[i]) == NULL);
    CHECK(api->calloc(excessive[i], 1) == NULL);
    CHECK(api->realloc(NULL, excessive[i]) == NULL);
    CHECK(api->realloc(p, excessive[i]) == NULL);
    CHECK(holds(p, 100, 7));
  }
  CHECK_EQ(target_growths(), growths);
  pym_domain_stats_get(h, api->domain, &after);
  CHECK_EQ(after.live_bytes, before.live_bytes);
  CHECK_EQ(after.total_blocks, before.total_blocks);
  CHECK_EQ(after.failures, before.failures + 5 * COUNT(excessive));
  api->free(p);
}
static void a_size_above_the_maximum_is_refused_before_rounding(void) {
  each_domain(excessive_body);
}

/* The largest requests that the contract admits round up to 2 GiB (half of the addresses): served
 * or refused, never wrapped.  Memory is capped, so here they are refused. */
static void largest_body(const struct domain_api *api) {
  for (size_t back = 0; back < 80; back++) {
    CHECK(api->malloc(PYM_SIZE_MAX - back) == NULL);
    CHECK(api->calloc(1, PYM_SIZE_MAX - back) == NULL);
  }
}
static void the_largest_sizes_do_not_wrap(void) {
  target_reset(TARGET_INITIAL, 256);
  target_fail_after(0, 1);
  each_domain(largest_body);
  target_fail_after(-1, 0);
}

static void product_body(const struct domain_api *api) {
  static const size_t half = (size_t)1 << (sizeof(size_t) * 4); /* half * half is 0 */
  const size_t pairs[][2] = {
      {SIZE_MAX, 2},     {2, SIZE_MAX},     {SIZE_MAX / 2 + 1, 2}, {2, SIZE_MAX / 2 + 1},
      {half, half},      {half + 1, half},  {half + 1, half + 1},  {SIZE_MAX, SIZE_MAX},
      {PYM_SIZE_MAX, 2}, {2, PYM_SIZE_MAX}, {SIZE_MAX / 8 + 2, 8}, {PYM_SIZE_MAX / 4 + 1, 4},
      {half, half / 2}};
  uint64_t growths = target_growths();
  for (unsigned i = 0; i < COUNT(pairs); i++) {
    check_context(api->name, i);
    CHECK(api->calloc(pairs[i][0], pairs[i][1]) == NULL);
  }
  CHECK_EQ(target_growths(), growths);
  void *p = api->calloc(0, SIZE_MAX), *q = api->calloc(SIZE_MAX, 0);
  CHECK(p != NULL && q != NULL && p != q);
  api->free(p);
  api->free(q);
}
static void calloc_refuses_an_overflowing_product(void) { each_domain(product_body); }

/* ---- Contents ---- */

static void calloc_body(const struct domain_api *api) {
  void *p[COUNT(sizes)];
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    p[i] = api->malloc(sizes[i]);
    if (!CHECK(p[i] != NULL)) return;
    fill(p[i], pym_usable_size(p[i]), i);
  }
  for (unsigned i = 0; i < COUNT(sizes); i++) api->free(p[i]);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    check_context(api->name, sizes[i]);
    p[i] = api->calloc(sizes[i], 1);
    CHECK(p[i] != NULL && all_zero(p[i], sizes[i]));
  }
  for (unsigned i = 0; i < COUNT(sizes); i++) api->free(p[i]);
}
static void calloc_zeroes_recycled_blocks(void) { each_domain(calloc_body); }

/* Dirty pages of a large block become pools: blocks carved for the first time are dirty too. */
static void dirty_pages_body(const struct domain_api *api) {
  static void *p[2048];
  void *big = api->malloc(1 << 20);
  if (!CHECK(big != NULL)) return;
  fill(big, 1 << 20, 3);
  api->free(big);
  for (unsigned i = 0; i < COUNT(p); i++) {
    size_t n = 1 + i % 640;
    check_context(api->name, n);
    p[i] = i % 2 ? api->calloc(n, 1) : api->calloc(1, n);
    if (!CHECK(p[i] != NULL && all_zero(p[i], n))) break;
    fill(p[i], n, i);
  }
  for (unsigned i = 0; i < COUNT(p); i++) {
    CHECK(holds(p[i], 1 + i % 640, i));
    api->free(p[i]);
  }
}
static void calloc_zeroes_fresh_blocks_of_dirty_pages(void) { each_domain(dirty_pages_body); }

static void realloc_pair(const struct domain_api *api, size_t from, size_t to) {
  size_t kept = from < to ? from : to;
  void *p = api->malloc(from), *neighbour = api->malloc(from);
  if (!CHECK(p != NULL && neighbour != NULL)) return;
  fill(p, from, from);
  fill(neighbour, from, 99);
  void *q = api->realloc(p, to);
  if (!CHECK(q != NULL)) return;
  CHECK(holds(q, kept, from));
  CHECK(pym_usable_size(q) >= to);
  fill(q, to, 5);
  CHECK(holds(neighbour, from, 99));
  api->free(neighbour);
  api->free(q);
}
static void realloc_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      check_context(api->name, sizes[i] * 1000000 + sizes[j]);
      realloc_pair(api, sizes[i], sizes[j]);
    }
  }
}
static void realloc_keeps_the_contents(void) { each_domain(realloc_body); }

/* A block that grows step by step beside others that do too. */
static void growing_body(const struct domain_api *api) {
  unsigned char *p[3] = {NULL, NULL, NULL};
  for (size_t n = 1; n < 6000; n += 1 + n / 7) {
    for (unsigned i = 0; i < COUNT(p); i++) {
      p[i] = api->realloc(p[i], n + i);
      if (!CHECK(p[i] != NULL)) return;
      fill(p[i], n + i, i);
    }
    for (unsigned i = 0; i < COUNT(p); i++) CHECK(holds(p[i], n + i, i));
  }
  for (unsigned i = 0; i < COUNT(p); i++) api->free(p[i]);
}
static void growing_buffers_stay_apart(void) { each_domain(growing_body); }

/* No copy where the block serves as it is. */
static void staying_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = api->malloc(sizes[i]);
    size_t usable = pym_usable_size(p);
    check_context(api->name, sizes[i]);
    CHECK(api->realloc(p, usable) == p);
    CHECK(api->realloc(p, sizes[i]) == p);
    size_t less = usable - usable / 8;
    if (from_pool(api, sizes[i]) == from_pool(api, less)) CHECK(api->realloc(p, less) == p);
    api->free(p);
  }
}
static void a_realloc_that_fits_stays(void) { each_domain(staying_body); }

/* ---- Failure ---- */

static void failed_realloc_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    check_context(api->name, sizes[i]);
    unsigned char *p = api->malloc(sizes[i]);
    if (!CHECK(p != NULL)) return;
    size_t usable = pym_usable_size(p);
    fill(p, sizes[i], i);
    target_fail_after(0, 1);
    CHECK(api->realloc(p, 900u << 20) == NULL);
    target_fail_after(-1, 0);
    CHECK(holds(p, sizes[i], i));
    CHECK_EQ(pym_usable_size(p), usable);
    p = api->realloc(p, sizes[i] + 1);
    CHECK(p != NULL && holds(p, sizes[i], i));
    api->free(p);
  }
}
static void a_failed_realloc_leaves_the_block(void) { each_domain(failed_realloc_body); }

/* Take all memory, then make every block smaller: no step of it may need memory. */
#define SHRUNK 400
static void shrink_all(const struct domain_api *api, void **p, const size_t *n, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    for (size_t to = n[i] - n[i] / 5 - 1; to > 0; to = to / 2) {
      check_context(api->name, n[i] * 1000000 + to);
      p[i] = api->realloc(p[i], to);
      if (!CHECK(p[i] != NULL)) return;
      CHECK(holds(p[i], to, i));
    }
  }
}
static void shrink_body(const struct domain_api *api) {
  static void *p[SHRUNK];
  static size_t n[SHRUNK];
  unsigned count = 0;
  for (; count < SHRUNK; count++) {
    n[count] = sizes[1 + count % (COUNT(sizes) - 1)];
    if (count == SHRUNK / 2) target_fail_after(0, 1);
    p[count] = api->malloc(n[count]);
    if (!p[count]) break;
    fill(p[count], n[count], count);
  }
  /* What is free still goes too, from the largest to the smallest. */
  static void *rest[65536];
  unsigned rests = 0;
  for (size_t size = 1 << 20; size > 0; size = size * 7 / 8) {
    while (rests < COUNT(rest) && (rest[rests] = api->malloc(size)) != NULL) rests++;
  }
  shrink_all(api, p, n, count);
  target_fail_after(-1, 0);
  while (rests) api->free(rest[--rests]);
  /* What could not move while memory was short is a block like any other. */
  for (unsigned i = 0; i < count; i++) {
    size_t to = 1 + i % 500;
    p[i] = api->realloc(p[i], to);
    if (!CHECK(p[i] != NULL && pym_usable_size(p[i]) >= to)) return;
  }
  while (count) api->free(p[--count]);
}
static void shrinking_never_fails(void) { each_domain(shrink_body); }

/* A segment whose free end is the smallest chunk that there is. */
static void the_smallest_free_end_is_no_obstacle(void) {
  for (size_t left = 0; left <= 64; left += 8) {
    pym_heap *h = pym_heap_new();
    check_context("left at the end", left);
    void *p = pym_heap_malloc(h, PYM_RAW, 65480 - left), *q = pym_heap_malloc(h, PYM_RAW, 8);
    void *r = pym_heap_malloc(h, PYM_RAW, 8);
    CHECK(p != NULL && q != NULL && r != NULL);
    check_sound(h);
    pym_heap_destroy(h);
  }
}

CHECK_CASES(TEST(free_of_null_may_be_the_first_call), TEST(zero_bytes_are_a_distinct_block),
            TEST(realloc_to_zero_does_not_free), TEST(free_of_null_is_nothing),
            TEST(realloc_of_null_is_malloc),
            TEST(a_size_above_the_maximum_is_refused_before_rounding),
            TEST(the_largest_sizes_do_not_wrap), TEST(calloc_refuses_an_overflowing_product),
            TEST(calloc_zeroes_recycled_blocks), TEST(calloc_zeroes_fresh_blocks_of_dirty_pages),
            TEST(realloc_keeps_the_contents), TEST(growing_buffers_stay_apart),
            TEST(a_realloc_that_fits_stays), TEST(a_failed_realloc_leaves_the_block),
            TEST(shrinking_never_fails), TEST(the_smallest_free_end_is_no_obstacle));
