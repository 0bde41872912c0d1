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
#if SIZE_MAX > 0xffffffffu
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

/* The largest requests that the contract admits round up to 2 GiB: served or refused, never
 * wrapped.  Memory is capped, so here they are refused. */
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
      {65536, 32768}};
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

/* ---- Addresses ---- */

static void alignment_body(const struct domain_api *api) {
  static void *p[1200];
  for (unsigned n = 1; n < COUNT(p); n++) {
    p[n] = api->malloc(n);
    check_context(api->name, n);
    uintptr_t mask = from_pool(api, n) && (n + 7) / 8 % 2 ? 7 : 15;
    CHECK(p[n] != NULL && ((uintptr_t)p[n] & mask) == 0);
  }
  for (unsigned n = 1; n < COUNT(p); n++) api->free(p[n]);
}
static void blocks_are_aligned(void) { each_domain(alignment_body); }

static void usable_body(const struct domain_api *api) {
  static void *p[1200];
  for (unsigned n = 1; n < COUNT(p); n++) {
    p[n] = api->malloc(n);
    if (!CHECK(p[n] != NULL)) return;
    size_t usable = pym_usable_size(p[n]);
    check_context(api->name, n);
    if (from_pool(api, n)) CHECK_EQ(usable, (n + 7) / 8 * 8);
    CHECK(usable >= n && usable < n + n / 2 + 64); /* a freed block that is a little longer */
    fill(p[n], usable, n);
  }
  for (unsigned n = 1; n < COUNT(p); n++) {
    CHECK(holds(p[n], pym_usable_size(p[n]), n));
    api->free(p[n]);
  }
}
static void usable_bytes_belong_to_the_block(void) {
  each_domain(usable_body);
  CHECK_EQ(pym_usable_size(NULL), 0);
}

static void *plain_aligned(const struct domain_api *api, size_t align, size_t n) {
  return api->hooked || heap_of(api) == pym_heap_default()
             ? pym_raw_aligned_alloc(align, n)
             : pym_heap_aligned_alloc(heap_of(api), align, n);
}
static void aligned_body(const struct domain_api *api) {
  static const size_t lengths[] = {0, 1, 16, 100, 511, 4096, 70000};
  static void *p[17][COUNT(lengths)];
  if (api->domain != PYM_RAW) return;
  for (unsigned shift = 0; shift <= 16; shift++) {
    for (unsigned i = 0; i < COUNT(lengths); i++) {
      check_context(api->name, shift);
      void *q = p[shift][i] = plain_aligned(api, (size_t)1 << shift, lengths[i]);
      if (!CHECK(q != NULL && ((uintptr_t)q & (((uintptr_t)1 << shift) - 1)) == 0)) return;
      CHECK(((uintptr_t)q & 15) == 0);
      CHECK(pym_usable_size(q) >= lengths[i] && pym_usable_size(q) > 0);
      fill(q, lengths[i], shift);
    }
  }
  check_sound(heap_of(api));
  for (unsigned shift = 0; shift <= 16; shift++) {
    for (unsigned i = 0; i < COUNT(lengths); i++) {
      CHECK(holds(p[shift][i], lengths[i], shift));
      void *q = i % 2 ? p[shift][i] : api->realloc(p[shift][i], lengths[i] + 300);
      CHECK(q != NULL && holds(q, lengths[i], shift));
      api->free(q);
    }
  }
}
static void aligned_blocks_are_aligned(void) { each_domain(aligned_body); }

static void bad_alignment_body(const struct domain_api *api) {
  static const size_t bad[] = {0,     3,     6,      12,           24,       100,
                               65535, 65537, 131072, SIZE_MAX / 2, SIZE_MAX, SIZE_MAX / 2 + 1};
  for (unsigned i = 0; i < COUNT(bad); i++) {
    check_context(api->name, i);
    CHECK(plain_aligned(api, bad[i], 64) == NULL);
  }
  for (unsigned i = 0; i < COUNT(excessive); i++) {
    check_context(api->name, i);
    CHECK(plain_aligned(api, 16, excessive[i]) == NULL);
    CHECK(plain_aligned(api, 65536, excessive[i]) == NULL);
  }
  target_fail_after(0, 1);
  for (size_t back = 0; back < 70000; back += 999)
    CHECK(plain_aligned(api, 65536, PYM_SIZE_MAX - back) == NULL);
  target_fail_after(-1, 0);
}
static void bad_alignments_are_refused(void) { each_domain(bad_alignment_body); }

static void owns_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    unsigned char *p = api->malloc(sizes[i]);
    if (!CHECK(p != NULL)) return;
    CHECK(pym_owns(p));
    CHECK(pym_owns(p + sizes[i] - 1));
    api->free(p);
  }
}
static void owned_and_foreign_memory_are_told_apart(void) {
  static int data;
  int stack = 0;
  each_domain(owns_body);
  CHECK(!pym_owns(NULL));
  CHECK(!pym_owns(&data));
  CHECK(!pym_owns(pym_heap_default()));
  if (sizeof(void *) > 4) { /* the same offset in another 4 GiB */
    void *p = pym_obj_malloc(100);
    CHECK(pym_owns(p) && !pym_owns((void *)(uintptr_t)((uint64_t)(uintptr_t)p ^ 1ull << 32)));
    pym_obj_free(p);
  }
  CHECK(!pym_owns(&stack));
  CHECK(!pym_owns((void *)UINTPTR_MAX));
  CHECK(!pym_owns((void *)(UINTPTR_MAX / 2)));
  CHECK(!pym_owns((void *)(uintptr_t)owned_and_foreign_memory_are_told_apart));
  unsigned char *strange = target_foreign(1);
  if (!CHECK(strange != NULL)) return;
  CHECK(!pym_owns(strange) && !pym_owns(strange + WASM_PAGE - 1));
  pym_raw_free(pym_raw_malloc(3 * WASM_PAGE)); /* makes the library look at memory again */
  CHECK(!pym_owns(strange) && !pym_owns(strange + WASM_PAGE - 1));
}

/* Blocks up to the end of linear memory, whose last 8 bytes end its segment.  Sizes of which a
 * whole number fills a pool, and two that are no pool's. */
static void the_last_bytes_of_memory_are_a_block_like_any(void) {
  static const size_t lengths[] = {8, 1000, 40000};
  static void *p[40000];
  for (unsigned k = 0; k < COUNT(lengths); k++) {
    size_t n = lengths[k], last = 0;
    unsigned count = 0, at_end = 0;
    check_context("block size", n);
    while (count < COUNT(p) && !at_end) {
      p[count] = pym_obj_malloc(n);
      if (!CHECK(p[count] != NULL)) return;
      last = pym_usable_size(p[count]);
      if (n > PYM_SMALL_MAX) { /* as long as it can be */
        target_fail_after(0, 1);
        for (void *q; last < 200000 && (q = pym_obj_realloc(p[count], last + 16)) != NULL;)
          last = pym_usable_size(p[count] = q);
        target_fail_after(-1, 0);
      }
      at_end = target_offset(p[count++]) + last + 8 == target_pages() * WASM_PAGE;
    }
    CHECK(at_end);
    fill(p[count - 1], last, n);
    CHECK(holds(p[count - 1], last, n) && pym_owns((char *)p[count - 1] + last - 1));
    check_sound(pym_heap_default());
    pym_obj_free(p[count - 1]);
    check_sound(pym_heap_default());
    for (unsigned i = 0; i + 1 < count; i++) pym_obj_free(p[i]);
    check_sound(pym_heap_default());
  }
}

static void sized_free_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    pym_heap *h = heap_of(api);
    void *p = pym_heap_malloc(h, api->domain, sizes[i]);
    if (!CHECK(p != NULL)) return;
    pym_heap_free_sized(h, api->domain, p, sizes[i]);
    p = pym_heap_malloc(h, api->domain, sizes[i]);
    p = pym_heap_realloc(h, api->domain, p, sizes[i] / 2 + 1);
    pym_heap_free_sized(h, api->domain, p, sizes[i] / 2 + 1);
  }
}
static void sized_free_takes_the_size_last_asked_for(void) {
  each_domain(sized_free_body);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    pym_obj_free_sized(pym_obj_malloc(sizes[i]), sizes[i]);
    pym_obj_free_sized(pym_obj_calloc(sizes[i], 1), sizes[i]);
  }
  check_sound(pym_heap_default());
}

/* On wasm memory is as the cases before left it: the first two want it new. */
/* A block of a size that is a multiple of 16 may come from a larger class in a small heap. */
static void a_borrowed_block_is_aligned_as_its_own_class_would_be(void) {
  for (size_t n = 16; n <= PYM_SMALL_MAX; n += 16)
    for (size_t other = n + 8; other <= n + 40 && other <= PYM_SMALL_MAX; other += 8) {
      target_reset(TARGET_INITIAL, TARGET_MAX);
      void *lender = pym_obj_malloc(other), *p = pym_obj_malloc(n);
      check_context("other", other);
      CHECK(((uintptr_t)p & 15) == 0);
      pym_obj_free(p);
      pym_obj_free(lender);
    }
}

CHECK_CASES(TEST(a_borrowed_block_is_aligned_as_its_own_class_would_be),
            TEST(free_of_null_may_be_the_first_call),
            TEST(the_last_bytes_of_memory_are_a_block_like_any),
            TEST(zero_bytes_are_a_distinct_block), TEST(realloc_to_zero_does_not_free),
            TEST(free_of_null_is_nothing), TEST(realloc_of_null_is_malloc),
            TEST(a_size_above_the_maximum_is_refused_before_rounding),
            TEST(the_largest_sizes_do_not_wrap), TEST(calloc_refuses_an_overflowing_product),
            TEST(calloc_zeroes_recycled_blocks), TEST(calloc_zeroes_fresh_blocks_of_dirty_pages),
            TEST(realloc_keeps_the_contents), TEST(growing_buffers_stay_apart),
            TEST(a_realloc_that_fits_stays), TEST(a_failed_realloc_leaves_the_block),
            TEST(shrinking_never_fails), TEST(the_smallest_free_end_is_no_obstacle),
            TEST(blocks_are_aligned), TEST(usable_bytes_belong_to_the_block),
            TEST(aligned_blocks_are_aligned), TEST(bad_alignments_are_refused),
            TEST(owned_and_foreign_memory_are_told_apart),
            TEST(sized_free_takes_the_size_last_asked_for));
