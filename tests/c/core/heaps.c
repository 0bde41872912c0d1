/* Several heaps: apart, destroyed whole, their pages used again; counters. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

static const size_t sizes[] = {1, 8, 24, 100, 504, 512, 513, 600, 1000, 5000, 70000, 300000};

#define MANY 600
static void *blocks[MANY];

/* Some of every kind; returns how many there are. */
static unsigned populate(pym_heap *h, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    size_t n = sizes[i % COUNT(sizes)] + i % 7;
    blocks[i] = pym_heap_malloc(h, (enum pym_domain)(i % PYM_DOMAINS), n);
    if (!CHECK(blocks[i] != NULL)) return i;
    fill(blocks[i], n, i);
  }
  return count;
}

static void depopulate(pym_heap *h, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    CHECK(holds(blocks[i], sizes[i % COUNT(sizes)] + i % 7, i));
    pym_heap_free(h, (enum pym_domain)(i % PYM_DOMAINS), blocks[i]);
  }
}

static void a_new_heap_is_empty_and_apart(void) {
  pym_heap *a = pym_heap_new(), *b = pym_heap_new();
  if (!CHECK(a && b && a != b && a != pym_heap_default())) return;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats s = stats_of(a, (enum pym_domain)d);
    CHECK_EQ(s.live_blocks + s.live_bytes + s.peak_bytes + s.total_blocks + s.total_bytes, 0);
  }
  pym_size other = live_in(pym_heap_default(), PYM_WHOLE_HEAP);
  unsigned count = populate(a, MANY);
  CHECK_EQ(live_in(b, PYM_WHOLE_HEAP), 0);
  CHECK_EQ(live_in(pym_heap_default(), PYM_WHOLE_HEAP), other);
  CHECK(live_in(a, PYM_WHOLE_HEAP) > 0);
  check_sound(a);
  check_sound(b);
  depopulate(a, count);
  CHECK_EQ(live_in(a, PYM_WHOLE_HEAP), 0);
  check_sound(a);
  pym_heap_destroy(a);
  pym_heap_destroy(b);
  pym_heap_destroy(NULL);
  check_sound(pym_heap_default());
}

static uint32_t leaves(void) {
  uint32_t n = 0;
  for (unsigned i = 0; i < LEAVES; i++) n += view_space()->leaves[i] != 0;
  return n;
}

static void destroy_gives_every_page_back(void) {
  const uint32_t leaves_before = leaves();
  pym_page_stats before = pages_now();
  pym_size live = live_in(pym_heap_default(), PYM_WHOLE_HEAP);
  pym_heap *h = pym_heap_new();
  if (!CHECK(h != NULL)) return;
  populate(h, MANY);
  CHECK(pages_now().pool > before.pool && pages_now().raw > before.raw);
  pym_heap_destroy(h);
  pym_page_stats after = pages_now();
  CHECK_EQ(live_in(pym_heap_default(), PYM_WHOLE_HEAP), live);
  CHECK_EQ(after.pool, before.pool);
  /* a leaf that stays may lie across two pages */
  CHECK(after.raw <= before.raw + 1 + 2 * (leaves() - leaves_before));
  CHECK_EQ(after.owned, after.free + after.pool + after.raw);
  check_sound(pym_heap_default());
}

/* The seams may cost a little: a free run in two parts holds fewer large blocks. */
static void check_reuse(uint32_t owned) { CHECK(pages_now().owned <= owned + owned / 16); }

static void pages_of_a_destroyed_heap_serve_others(void) {
  pym_heap *h = pym_heap_new();
  if (!CHECK(h != NULL)) return;
  populate(h, MANY);
  pym_heap_destroy(h);
  uint32_t owned = pages_now().owned;
  h = pym_heap_new();
  unsigned count = populate(h, MANY);
  check_reuse(owned);
  depopulate(h, count);
  pym_heap_destroy(h);
  count = populate(pym_heap_default(), MANY);
  check_reuse(owned);
  depopulate(pym_heap_default(), count);
  check_sound(pym_heap_default());
}

static void heaps_come_and_go_without_growth(void) {
  pym_heap *h[10] = {NULL};
  uint64_t growths = 0;
  for (unsigned round = 0; round < 200; round++) {
    unsigned i = round * 7 % COUNT(h);
    pym_heap_destroy(h[i]);
    h[i] = pym_heap_new();
    if (!CHECK(h[i] != NULL)) return;
    populate(h[i], 60);
    if (round == 40) growths = target_growths();
  }
  CHECK_EQ(target_growths(), growths);
  for (unsigned i = 0; i < COUNT(h); i++) {
    check_sound(h[i]);
    pym_heap_destroy(h[i]);
  }
  check_sound(pym_heap_default());
}

/* Emptied pools and segments of one heap go to another without a destroy. */
static void emptied_pages_are_reused_by_anything(void) {
  pym_heap *h = pym_heap_new();
  static void *small[40000];
  for (unsigned i = 0; i < COUNT(small); i++) {
    small[i] = pym_heap_malloc(h, PYM_OBJ, 48);
    if (!CHECK(small[i] != NULL)) return;
  }
  for (unsigned i = 0; i < COUNT(small); i++) pym_heap_free(h, PYM_OBJ, small[i]);
  uint64_t growths = target_growths();
  void *big = pym_raw_malloc(1200000); /* 48 * 40000 is 1.9 MB */
  CHECK(big != NULL);
  CHECK_EQ(target_growths(), growths);
  pym_raw_free(big);
  for (unsigned i = 0; i < COUNT(small) / 2; i++) {
    small[i] = pym_mem_malloc(56);
    CHECK(small[i] != NULL);
  }
  CHECK_EQ(target_growths(), growths);
  for (unsigned i = 0; i < COUNT(small) / 2; i++) pym_mem_free(small[i]);
  check_sound(h);
  pym_heap_destroy(h);
  check_sound(pym_heap_default());
}

/* Pages that are free at the end of memory count for a request that needs more. */
static void growth_is_what_the_free_end_lacks(void) {
  pym_heap *h = pym_heap_new();
  uint32_t pages = pages_now().memory - pages_now().owned + pages_now().free + 12;
  void *p = pym_heap_malloc(h, PYM_RAW, pages * WASM_PAGE);
  CHECK(p != NULL);
  pym_heap_destroy(h);
  uint32_t before = target_pages(), margin = pages_now().owned / 64;
  h = pym_heap_new();
  p = pym_heap_malloc(h, PYM_RAW, (pages + 4) * WASM_PAGE);
  CHECK(p != NULL);
  CHECK(target_pages() <= before + 6 + margin);
  pym_heap_destroy(h);
}

/* Freed small blocks hold no page when memory runs out. */
static void freed_small_blocks_serve_when_there_is_no_other(void) {
  static void *small[8 * 16 * 8];
  unsigned count = 0;
  target_reset(TARGET_INITIAL, 40);
  for (; count < COUNT(small); count++) {
    small[count] = pym_obj_malloc(512);
    if (!CHECK(small[count] != NULL)) return;
  }
  while (count) pym_obj_free(small[--count]);
  target_fail_after(0, 1);
  void *big = pym_raw_malloc(7 * WASM_PAGE);
  CHECK(big != NULL);
  pym_raw_free(big);
  target_fail_after(-1, 0);
  check_sound(pym_heap_default());
}

/* The same for one pool of them, which its class still allocates from. */
static void a_current_pool_serves_another_class_when_there_is_no_other(void) {
  static void *small[20], *rest[3000];
  unsigned rests = 0;
  target_reset(TARGET_INITIAL, TARGET_MAX);
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_obj_malloc(400);
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n > 600; n -= n / 4)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  while (pym_obj_malloc(512)) continue;
  for (unsigned i = 0; i < COUNT(small); i++) pym_obj_free(small[i]); /* a whole pool and more */
  void *p = pym_obj_malloc(512);
  CHECK(p != NULL);
  target_fail_after(-1, 0);
  while (rests) pym_raw_free(rest[--rests]);
  check_sound(pym_heap_default());
}

/* Two pages of pools, all of them of classes that nobody uses any more. */
static void pools_of_another_heap_serve_another_class(void) {
  void *small[32];
  target_reset(TARGET_INITIAL, TARGET_MAX);
  pym_heap_trim(pym_heap_default());
  void *big = pym_raw_malloc(100 * WASM_PAGE);
  pym_heap *h = pym_heap_new();
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_heap_malloc(h, PYM_OBJ, 8 * i + 100);
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n > 0; n /= 2) {
    while (pym_heap_malloc(h, PYM_RAW, n)) continue;
  }
  for (unsigned i = 0; i < COUNT(small); i++) pym_heap_free(h, PYM_OBJ, small[i]);
  void *other = pym_heap_malloc(h, PYM_OBJ, 450);
  CHECK(big != NULL && other != NULL);
  target_fail_after(-1, 0);
  check_sound(h);
  pym_raw_free(big);
  pym_heap_destroy(h);
}

/* Whole pages inside free raw memory serve pools, wherever its ends lie in their pages. */
static void free_raw_memory_gives_its_pages(void) {
  for (size_t over = 0; over <= 96; over += 16) {
    static void *small[16 * 512];
    unsigned count = 0;
    pym_heap *h = pym_heap_new();
    check_context("bytes over", over);
    void *a = pym_heap_malloc(h, PYM_RAW, 4 * WASM_PAGE - 8 + over - 48);
    void *b = pym_heap_malloc(h, PYM_RAW, 70000);
    if (!CHECK(a != NULL && b != NULL)) return;
    fill(b, 70000, over);
    pym_heap_free(h, PYM_RAW, a);
    target_fail_after(0, 1);
    while (count < COUNT(small) && (small[count] = pym_obj_malloc(512)) != NULL) count++;
    target_fail_after(-1, 0);
    CHECK(count >= 3 * 16 * 7); /* three pages of sixteen pools at least */
    check_sound(h);
    check_sound(pym_heap_default());
    CHECK(holds(b, 70000, over));
    while (count) pym_obj_free(small[--count]);
    pym_heap_free(h, PYM_RAW, b);
    check_sound(h);
    pym_heap_destroy(h);
  }
}

/* ---- Counters ---- */

static void counters_of(pym_heap *h, enum pym_domain d) {
  pym_domain_stats before = stats_of(h, d);
  void *p = pym_heap_malloc(h, d, 40), *q = pym_heap_malloc(h, d, 4000);
  uint64_t used = pym_usable_size(p) + pym_usable_size(q);
  pym_domain_stats now = stats_of(h, d);
  CHECK_EQ(now.live_blocks, before.live_blocks + 2);
  CHECK_EQ(now.live_bytes, before.live_bytes + used);
  CHECK_EQ(now.total_blocks, before.total_blocks + 2);
  CHECK_EQ(now.total_bytes, before.total_bytes + used);
  CHECK(now.peak_bytes >= now.live_bytes);
  pym_heap_free(h, d, p);
  pym_heap_free(h, d, q);
  now = stats_of(h, d);
  CHECK_EQ(now.live_blocks, before.live_blocks);
  CHECK_EQ(now.live_bytes, before.live_bytes);
  CHECK_EQ(now.total_blocks, before.total_blocks + 2);
  p = pym_heap_malloc(h, d, (size_t)(now.peak_bytes - now.live_bytes) + 500000); /* a new peak */
  CHECK(p != NULL);
  now = stats_of(h, d);
  CHECK_EQ(now.peak_bytes, now.live_bytes);
  CHECK(now.peak_bytes > before.peak_bytes);
  pym_heap_free(h, d, p);
  CHECK_EQ(stats_of(h, d).peak_bytes, now.peak_bytes);
}

static void domain_counters_are_exact(void) {
  pym_heap *h = pym_heap_new();
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    counters_of(pym_heap_default(), (enum pym_domain)d);
    counters_of(h, (enum pym_domain)d);
  }
  pym_heap_destroy(h);
}

static void class_counters_are_exact(void) {
  pym_heap *h = pym_heap_new();
  void *p[PYM_SMALL_MAX / 8][3];
  for (unsigned i = 0; i < PYM_SMALL_MAX / 8; i++) {
    for (unsigned j = 0; j < 3; j++)
      p[i][j] = pym_heap_malloc(h, j ? PYM_OBJ : PYM_MEM, i * 8 + 1 + j);
    pym_heap_free(h, PYM_MEM, p[i][0]);
  }
  for (unsigned i = 0; i < PYM_SMALL_MAX / 8; i++) {
    pym_class_stats s;
    pym_class_stats_get(h, i, &s);
    check_context("class", i);
    CHECK_EQ(s.block_size, (i + 1) * 8);
    CHECK_EQ(s.live_blocks, 2);
    CHECK_EQ(s.total_blocks, 3);
    CHECK(s.pools >= 1 && s.peak_pools >= s.pools);
    CHECK(s.live_blocks + s.free_blocks <= s.pools * view_capacity(s.block_size));
  }
  pym_heap_destroy(h);
}

static void page_counters_add_up(void) {
  void *p = pym_raw_malloc(5 * WASM_PAGE), *q = pym_obj_malloc(100);
  pym_page_stats s = pages_now();
  CHECK_EQ(s.owned, s.free + s.pool + s.raw);
  CHECK(s.memory >= s.owned && s.memory <= target_pages());
  CHECK(s.raw >= 5 && s.pool >= 1 && s.arenas >= 1);
  CHECK(s.grows + s.grow_failures == target_growths());
  target_fail_after(0, 1);
  CHECK(pym_raw_malloc(900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(pages_now().grow_failures > s.grow_failures);
  uint32_t owned = pages_now().owned;
  pym_raw_free(p);
  pym_obj_free(q);
  CHECK_EQ(pages_now().owned, owned);
  CHECK(pages_now().free >= 4);
}

CHECK_CASES(TEST(a_new_heap_is_empty_and_apart), TEST(destroy_gives_every_page_back),
            TEST(pages_of_a_destroyed_heap_serve_others), TEST(heaps_come_and_go_without_growth),
            TEST(emptied_pages_are_reused_by_anything), TEST(free_raw_memory_gives_its_pages),
            TEST(growth_is_what_the_free_end_lacks),
            TEST(freed_small_blocks_serve_when_there_is_no_other),
            TEST(a_current_pool_serves_another_class_when_there_is_no_other),
            TEST(pools_of_another_heap_serve_another_class), TEST(domain_counters_are_exact),
            TEST(class_counters_are_exact), TEST(page_counters_add_up));
