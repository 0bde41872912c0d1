/* Several heaps; limits exact to the byte; counters. */
#include "check.h"
#include "pymalloc.h"
#include "target.h"

static const size_t sizes[] = {1, 8, 24, 100, 504, 512, 513, 600, 1000, 5000, 70000, 300000};

static pym_domain_stats stats_of(const pym_heap *h, enum pym_domain d) {
  pym_domain_stats s;
  pym_domain_stats_get(h, d, &s);
  return s;
}

static uint32_t live_in(const pym_heap *h, unsigned which) {
  uint64_t sum = 0;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    if (which == d || which == PYM_WHOLE_HEAP) sum += stats_of(h, (enum pym_domain)d).live_bytes;
  }
  return (uint32_t)sum;
}

static pym_page_stats pages_now(void) {
  pym_page_stats s;
  pym_page_stats_get(&s);
  return s;
}

static void check_sound(pym_heap *h) {
  if (!CHECK(pym_check(h) == 0)) check_print(pym_check_message());
}

/* The domain to allocate from when the limit under test is `which`. */
static enum pym_domain domain_for(unsigned which, unsigned turn) {
  return (enum pym_domain)(which == PYM_WHOLE_HEAP ? turn % PYM_DOMAINS : which);
}

/* Run body for the limits of each domain and of the whole, on the default heap and another. */
static void each_limit(void (*body)(pym_heap *h, unsigned which)) {
  pym_heap *second = pym_heap_new();
  if (!CHECK(second != NULL)) return;
  for (unsigned which = 0; which <= PYM_WHOLE_HEAP; which++) {
    check_context("default heap, limit", which);
    body(pym_heap_default(), which);
    pym_limit_set(pym_heap_default(), which, PYM_UNLIMITED, PYM_UNLIMITED);
    check_sound(pym_heap_default());
    check_context("second heap, limit", which);
    body(second, which);
    pym_limit_set(second, which, PYM_UNLIMITED, PYM_UNLIMITED);
    check_sound(second);
  }
  pym_heap_destroy(second);
}

/* ---- Heaps ---- */

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
  uint32_t other = live_in(pym_heap_default(), PYM_WHOLE_HEAP);
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

static void destroy_gives_every_page_back(void) {
  pym_page_stats before = pages_now();
  uint32_t live = live_in(pym_heap_default(), PYM_WHOLE_HEAP);
  pym_heap *h = pym_heap_new();
  if (!CHECK(h != NULL)) return;
  populate(h, MANY);
  CHECK(pages_now().pool > before.pool && pages_now().raw > before.raw);
  pym_heap_destroy(h);
  pym_page_stats after = pages_now();
  CHECK_EQ(live_in(pym_heap_default(), PYM_WHOLE_HEAP), live);
  CHECK_EQ(after.pool, before.pool);
  CHECK(after.raw <= before.raw + 1); /* the heap's own record may have opened a segment */
  CHECK_EQ(after.owned, after.free + after.pool + after.raw + after.table);
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

/* ---- Limits ---- */

static void limits_read_back_body(pym_heap *h, unsigned which) {
  uint32_t soft = 0, hard = 0;
  CHECK(pym_limit_get(h, which, &soft, &hard) == 0);
  CHECK_EQ(soft, PYM_UNLIMITED);
  CHECK_EQ(hard, PYM_UNLIMITED);
  CHECK(pym_limit_set(h, which, 123456, 7890123) == 0);
  CHECK(pym_limit_get(h, which, &soft, NULL) == 0);
  CHECK(pym_limit_get(h, which, NULL, &hard) == 0);
  CHECK_EQ(soft, 123456);
  CHECK_EQ(hard, 7890123);
  for (unsigned other = 0; other <= PYM_WHOLE_HEAP; other++) {
    if (other == which) continue;
    pym_limit_get(h, other, &soft, &hard);
    CHECK(soft == PYM_UNLIMITED && hard == PYM_UNLIMITED);
  }
}
static void limits_read_back(void) {
  each_limit(limits_read_back_body);
  uint32_t soft, hard;
  CHECK(pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP + 1, 1, 2) == -1);
  CHECK(pym_limit_get(pym_heap_default(), PYM_WHOLE_HEAP + 1, &soft, &hard) == -1);
  CHECK(pym_limit_set(pym_heap_default(), UINT32_MAX, 1, 2) == -1);
}

static void hard_exact_body(pym_heap *h, unsigned which) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    enum pym_domain d = domain_for(which, i);
    void *p = pym_heap_malloc(h, d, sizes[i]);
    if (!CHECK(p != NULL)) return;
    uint32_t usable = (uint32_t)pym_usable_size(p);
    pym_heap_free(h, d, p);
    uint32_t live = live_in(h, which);
    uint64_t failures = stats_of(h, d).failures;
    pym_limit_set(h, which, PYM_UNLIMITED, live + usable - 1);
    CHECK(pym_heap_malloc(h, d, usable) == NULL);
    CHECK(pym_heap_calloc(h, d, 1, usable) == NULL);
    CHECK(pym_heap_realloc(h, d, NULL, usable) == NULL);
    CHECK_EQ(live_in(h, which), live);
    CHECK_EQ(stats_of(h, d).failures, failures + 3);
    pym_limit_set(h, which, PYM_UNLIMITED, live + usable);
    p = pym_heap_malloc(h, d, usable);
    CHECK(p != NULL);
    CHECK_EQ(live_in(h, which), live + usable);
    CHECK(pym_heap_malloc(h, d, 1) == NULL);
    pym_heap_free(h, d, p);
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
  }
}
static void a_hard_limit_is_exact_to_the_byte(void) { each_limit(hard_exact_body); }

static void one_domain_body(pym_heap *h, unsigned which) {
  pym_limit_set(h, which, PYM_UNLIMITED, 0);
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    void *p = pym_heap_malloc(h, (enum pym_domain)d, 16), *q;
    q = pym_heap_malloc(h, (enum pym_domain)d, 2000);
    if (which == d || which == PYM_WHOLE_HEAP) {
      CHECK(p == NULL && q == NULL);
    } else {
      CHECK(p != NULL && q != NULL);
    }
    pym_heap_free(h, (enum pym_domain)d, p);
    pym_heap_free(h, (enum pym_domain)d, q);
  }
}
static void a_limit_binds_its_own_domain_only(void) { each_limit(one_domain_body); }

/* The default heap's plain functions take their own path. */
static void plain_functions_obey_limits(void) {
  for (unsigned which = 0; which <= PYM_WHOLE_HEAP; which++) {
    void *kept = pym_obj_malloc(40);
    check_context("limit", which);
    pym_limit_set(pym_heap_default(), which, PYM_UNLIMITED, live_in(pym_heap_default(), which));
    void *raw = pym_raw_malloc(40), *mem = pym_mem_malloc(40), *obj = pym_obj_malloc(40);
    void *aligned = pym_raw_aligned_alloc(64, 40), *zeroed = pym_obj_calloc(5, 8);
    CHECK((raw == NULL) == (which == PYM_RAW || which == PYM_WHOLE_HEAP));
    CHECK((aligned == NULL) == (raw == NULL));
    CHECK((mem == NULL) == (which == PYM_MEM || which == PYM_WHOLE_HEAP));
    CHECK((obj == NULL) == (which == PYM_OBJ || which == PYM_WHOLE_HEAP));
    CHECK((zeroed == NULL) == (obj == NULL));
    pym_raw_free(raw);
    pym_raw_free(aligned);
    pym_mem_free(mem);
    pym_obj_free(obj);
    pym_obj_free(zeroed);
    pym_limit_set(pym_heap_default(), which, PYM_UNLIMITED, PYM_UNLIMITED);
    pym_obj_free(kept);
  }
}

static void below_live_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *p[20];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_heap_malloc(h, d, 64);
  uint32_t live = live_in(h, which);
  uint32_t hard = live - 10 * 64;
  pym_limit_set(h, which, PYM_UNLIMITED, hard);
  for (unsigned i = 0; i < COUNT(p); i++) {
    void *q = pym_heap_malloc(h, d, 1);
    CHECK((q != NULL) == (live_in(h, which) <= hard && q != NULL));
    if (live > hard) CHECK(q == NULL);
    if (live + 64 <= hard) CHECK(q != NULL);
    pym_heap_free(h, d, q);
    pym_heap_free(h, d, p[i]);
    live = live_in(h, which);
  }
}
static void a_hard_limit_below_live_grants_nothing_until_enough_was_freed(void) {
  each_limit(below_live_body);
}

static void hard_realloc_body(pym_heap *h, unsigned which) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    enum pym_domain d = domain_for(which, i);
    void *p = pym_heap_malloc(h, d, sizes[i]);
    if (!CHECK(p != NULL)) return;
    fill(p, sizes[i], i);
    uint32_t usable = (uint32_t)pym_usable_size(p), live = live_in(h, which);
    pym_limit_set(h, which, PYM_UNLIMITED, live);
    CHECK(pym_heap_realloc(h, d, p, usable + 1) == NULL);
    CHECK(pym_heap_realloc(h, d, p, usable + 5000) == NULL);
    CHECK(holds(p, sizes[i], i));
    CHECK_EQ(pym_usable_size(p), usable);
    CHECK_EQ(live_in(h, which), live);
    void *q = pym_heap_realloc(h, d, p, usable);
    CHECK(q != NULL);
    pym_limit_set(h, which, PYM_UNLIMITED, live + 6000);
    q = pym_heap_realloc(h, d, q, usable + 5000); /* only the difference is asked for */
    if (!CHECK(q != NULL && holds(q, sizes[i], i))) return;
    CHECK_EQ(live_in(h, which), live - usable + pym_usable_size(q));
    pym_limit_set(h, which, PYM_UNLIMITED, 0);
    q = pym_heap_realloc(h, d, q, sizes[i]); /* smaller never fails, whatever the limit */
    CHECK(q != NULL && holds(q, sizes[i], i));
    pym_heap_free(h, d, q);
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
  }
}
static void a_realloc_is_charged_the_difference(void) { each_limit(hard_realloc_body); }

/* What the callback saw. */
static struct {
  unsigned calls, which;
  uint32_t live;
  pym_heap *heap;
  void *ctx;
} soft_seen;

static void note_soft(void *ctx, pym_heap *h, unsigned which, uint32_t live) {
  soft_seen.calls++;
  soft_seen.which = which;
  soft_seen.live = live;
  soft_seen.heap = h;
  soft_seen.ctx = ctx;
}

static void soft_body(pym_heap *h, unsigned which) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    enum pym_domain d = domain_for(which, i);
    void *p = pym_heap_malloc(h, d, sizes[i]);
    uint32_t usable = (uint32_t)pym_usable_size(p), live = live_in(h, which);
    pym_heap_free(h, d, p);
    soft_seen.calls = 0;
    pym_limit_callback(h, note_soft, &soft_seen);
    pym_limit_set(h, which, live, PYM_UNLIMITED);
    p = pym_heap_malloc(h, d, usable); /* reaches it exactly: not above */
    CHECK_EQ(soft_seen.calls, 0);
    void *q = pym_heap_malloc(h, d, usable);
    CHECK(p != NULL && q != NULL);
    CHECK_EQ(soft_seen.calls, 1);
    CHECK_EQ(soft_seen.which, which);
    CHECK_EQ(soft_seen.live, live_in(h, which));
    CHECK(soft_seen.heap == h && soft_seen.ctx == &soft_seen);
    void *r = pym_heap_malloc(h, d, usable); /* above already */
    CHECK_EQ(soft_seen.calls, 1);
    pym_heap_free(h, d, r);
    pym_heap_free(h, d, q); /* back to the limit */
    q = pym_heap_calloc(h, d, 1, usable);
    CHECK_EQ(soft_seen.calls, 2);
    pym_heap_free(h, d, q);
    q = pym_heap_realloc(h, d, p, usable + 1); /* a growth crosses it too */
    CHECK(q != NULL);
    CHECK_EQ(soft_seen.calls, 3);
    CHECK_EQ(soft_seen.live, live_in(h, which));
    pym_heap_free(h, d, q);
    pym_limit_callback(h, NULL, NULL);
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
  }
}
static void a_soft_limit_calls_on_each_crossing_from_below(void) { each_limit(soft_body); }

/* A callback that frees what it was given and allocates on its own. */
static void free_some(void *ctx, pym_heap *h, unsigned which, uint32_t live) {
  void **held = ctx;
  note_soft(ctx, h, which, live);
  enum pym_domain d = domain_for(which, 2);
  pym_heap_free(h, d, *held);
  *held = pym_heap_malloc(h, d, 24);
  CHECK(*held != NULL);
}

static void callback_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *held = pym_heap_malloc(h, d, 5000);
  uint32_t live = live_in(h, which);
  soft_seen.calls = 0;
  pym_limit_callback(h, free_some, &held);
  pym_limit_set(h, which, live, PYM_UNLIMITED);
  void *p = pym_heap_malloc(h, d, 100);
  CHECK(p != NULL);
  CHECK_EQ(soft_seen.calls, 1);
  CHECK(live_in(h, which) < live);
  fill(p, 100, 1);
  fill(held, 24, 2);
  CHECK(holds(p, 100, 1));
  pym_heap_free(h, d, held);
  held = NULL;
  void *q = pym_heap_malloc(h, d, 6000);
  CHECK(q != NULL);
  CHECK_EQ(soft_seen.calls, 2);
  pym_limit_callback(h, NULL, NULL);
  pym_heap_free(h, d, q);
  pym_heap_free(h, d, p);
  pym_heap_free(h, d, held);
}
static void a_soft_limit_callback_may_free_and_allocate(void) { each_limit(callback_body); }

/* The soft limit's callback comes before the hard limit is looked at. */
static void soft_and_hard_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *held = pym_heap_malloc(h, d, 5000);
  uint32_t live = live_in(h, which);
  soft_seen.calls = 0;
  pym_limit_callback(h, free_some, &held);
  pym_limit_set(h, which, live, live);
  void *p = pym_heap_malloc(h, d, 3000);
  CHECK(p != NULL);
  CHECK_EQ(soft_seen.calls, 1);
  CHECK(live_in(h, which) < live);
  CHECK(pym_heap_malloc(h, d, 4000) == NULL); /* nothing left that the callback could free */
  CHECK_EQ(soft_seen.calls, 2);
  pym_limit_callback(h, NULL, NULL);
  pym_heap_free(h, d, p);
  pym_heap_free(h, d, held);
}
static void what_a_callback_frees_counts_for_the_hard_limit(void) {
  each_limit(soft_and_hard_body);
}

/* ---- Counters ---- */

static void counters_body(pym_heap *h, unsigned which) {
  if (which == PYM_WHOLE_HEAP) return;
  enum pym_domain d = (enum pym_domain)which;
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
  p = pym_heap_malloc(h, d, (size_t)(now.peak_bytes - now.live_bytes) + 50000); /* a new peak */
  CHECK(p != NULL);
  uint64_t peak = stats_of(h, d).live_bytes;
  CHECK_EQ(stats_of(h, d).peak_bytes, peak);
  pym_heap_free(h, d, p);
  CHECK_EQ(stats_of(h, d).peak_bytes, peak);
}
static void domain_counters_are_exact(void) { each_limit(counters_body); }

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
    CHECK(s.live_blocks + s.free_blocks <= s.pools * (4096u / s.block_size));
  }
  pym_heap_destroy(h);
}

static void page_counters_add_up(void) {
  void *p = pym_raw_malloc(5 * WASM_PAGE), *q = pym_obj_malloc(100);
  pym_page_stats s = pages_now();
  CHECK_EQ(s.owned, s.free + s.pool + s.raw + s.table);
  CHECK(s.peak_owned >= s.owned);
  CHECK(s.memory >= s.owned && s.memory <= target_pages());
  CHECK(s.raw >= 5 && s.pool >= 1 && s.arenas >= 1);
  CHECK(s.grows + s.grow_failures == target_growths());
  target_fail_after(0, 1);
  CHECK(pym_raw_malloc(900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(pages_now().grow_failures > s.grow_failures);
  pym_raw_free(p);
  pym_obj_free(q);
}

CHECK_CASES(TEST(a_new_heap_is_empty_and_apart), TEST(destroy_gives_every_page_back),
            TEST(pages_of_a_destroyed_heap_serve_others), TEST(heaps_come_and_go_without_growth),
            TEST(emptied_pages_are_reused_by_anything),
            TEST(free_raw_memory_gives_its_pages), TEST(limits_read_back),
            TEST(a_hard_limit_is_exact_to_the_byte), TEST(a_limit_binds_its_own_domain_only),
            TEST(plain_functions_obey_limits),
            TEST(a_hard_limit_below_live_grants_nothing_until_enough_was_freed),
            TEST(a_realloc_is_charged_the_difference),
            TEST(a_soft_limit_calls_on_each_crossing_from_below),
            TEST(a_soft_limit_callback_may_free_and_allocate),
            TEST(what_a_callback_frees_counts_for_the_hard_limit), TEST(domain_counters_are_exact),
            TEST(class_counters_are_exact), TEST(page_counters_add_up));
