/* The sampling profile: what it estimates, what it is told of, and that all else stays exact. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

#define LIVE_MAX 20000u

/* What the profile told so far. */
static struct {
  void *p[32768]; /* sampled blocks that live, by a hash of their address */
  double weight[32768];
  uint32_t live, allocs, frees, wrong, late;
  double bytes_ever, bytes_live, unseen;
  double ever[PYM_DOMAINS];
  uint32_t every;
} told;

/* Blocks that a case holds. */
static struct block {
  void *p;
  uint32_t size;
  enum pym_domain d;
} blocks[LIVE_MAX];

/* e^-x for 0 <= x, to 1e-9 */
static double exp_minus(double x) {
  unsigned halvings = 0;
  for (; x > 0.01; x /= 2) halvings++;
  double y = 1 - x + x * x / 2 - x * x * x / 6 + x * x * x * x / 24;
  while (halvings--) y *= y;
  return y;
}

static uint32_t place_of(const void *p) {
  return (uint32_t)(target_offset(p) >> 3) * 2654435761u >> 17;
}

static void **find(const void *p) {
  uint32_t i = place_of(p);
  for (uint32_t n = 0; n < COUNT(told.p); n++, i++)
    if (told.p[i % COUNT(told.p)] == p) return &told.p[i % COUNT(told.p)];
  return NULL;
}

static void listen(void *ctx, const pym_profile_event *e) {
  const double part = 1 - exp_minus((double)e->size / told.every);
  double weight = e->count * (double)e->size / part;
  told.wrong += ctx != &told;
  told.late += e->count != 1;
  if (e->what == PYM_PROFILE_UNSEEN) {
    told.wrong += e->p != NULL;
    told.bytes_ever += weight;
    told.unseen += weight;
    return;
  }
  if (e->what == PYM_PROFILE_ALLOC) {
    void **slot = &told.p[place_of(e->p) % COUNT(told.p)];
    while (*slot) slot = slot == &told.p[COUNT(told.p) - 1] ? told.p : slot + 1;
    told.wrong += find(e->p) != NULL || pym_usable_size(e->p) < e->size;
    *slot = e->p;
    told.weight[slot - told.p] = weight;
    told.allocs++;
    told.live++;
    told.bytes_ever += weight;
    told.ever[e->domain] += weight;
    told.bytes_live += weight;
  } else {
    void **slot = find(e->p);
    if (slot) weight = told.weight[slot - told.p];
    if (slot) *slot = NULL;
    told.wrong += slot == NULL;
    told.frees++;
    told.live--;
    told.bytes_live -= weight;
  }
}

static int begin(uint32_t every) {
  __builtin_memset(&told, 0, sizeof told);
  __builtin_memset(blocks, 0, sizeof blocks);
  told.every = every;
  return CHECK(pym_profile_start(every, check_seed() | 1, listen, &told) == 0);
}

static void end(void) {
  pym_profile_stop();
  CHECK_EQ(told.wrong, 0);
  check_sound(pym_heap_default());
}

static int is_near(double estimate, double truth, double relative) {
  const double error = estimate - truth;
  return (error < 0 ? -error : error) <= relative * truth;
}

/* ---- Every request is a sample ---- */

static void a_profile_of_every_byte_is_told_of_every_block(void) {
  static const size_t sizes[] = {0, 1, 8, 16, 24, 100, 512, 513, 5000, 100000};
  if (!begin(1)) return;
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    for (unsigned i = 0; i < COUNT(sizes); i++) {
      const uint32_t before = told.allocs;
      void *p = pym_heap_malloc(pym_heap_default(), (enum pym_domain)d, sizes[i]);
      CHECK_EQ(told.allocs, before + 1);
      CHECK(find(p) != NULL);
      CHECK_EQ((uintptr_t)p % 8, 0);
      CHECK(sizes[i] < 16 || (uintptr_t)p % 16 == 0 || sizes[i] % 16);
      const uint32_t frees = told.frees;
      pym_heap_free(pym_heap_default(), (enum pym_domain)d, p);
      CHECK_EQ(told.frees, frees + 1);
    }
  CHECK_EQ(told.live, 0);
  end();
}

static void the_plain_functions_and_calloc_are_sampled(void) {
  if (!begin(1)) return;
  unsigned char *p = pym_obj_calloc(10, 10);
  void *q = pym_mem_malloc(24), *r = pym_raw_malloc(24), *a = pym_raw_aligned_alloc(256, 30);
  for (unsigned i = 0; i < 100; i++) CHECK_EQ(p[i], 0);
  CHECK_EQ(told.allocs, 4);
  pym_obj_free(p);
  pym_mem_free(q);
  pym_raw_free(r);
  pym_raw_free(a);
  CHECK_EQ(told.frees, 4);
  end();
}

static void a_realloc_is_a_free_and_a_malloc(void) {
  if (!begin(1)) return;
  char *p = pym_obj_malloc(40);
  p[39] = 7;
  p = pym_obj_realloc(p, 2000); /* small to raw */
  CHECK_EQ(told.allocs, 2);
  CHECK_EQ(told.frees, 1);
  p = pym_obj_realloc(p, 4000); /* in place */
  CHECK_EQ(told.allocs, 3);
  CHECK_EQ(told.frees, 2);
  p = pym_obj_realloc(p, 40);
  CHECK_EQ(told.allocs, 4);
  CHECK_EQ(p[39], 7);
  pym_obj_free(p);
  CHECK_EQ(told.live, 0);
  end();
}

/* As without a profile: its room is that of its class. */
static void a_sampled_block_stays_where_its_class_serves_the_size(void) {
  if (!begin(1)) return;
  char *p = pym_obj_malloc(64);
  CHECK(pym_obj_realloc(p, 60) == p);
  CHECK(pym_obj_realloc(p, 64) == p);
  CHECK_EQ(told.allocs, 1);
  p = pym_obj_realloc(p, 65);
  CHECK_EQ(told.allocs, 2);
  p = pym_obj_realloc(p, 20);
  CHECK_EQ(told.allocs, 3);
  pym_obj_free(p);
  CHECK_EQ(told.live, 0);
  end();
}

static void blocks_of_a_heap_that_is_destroyed_are_freed(void) {
  if (!begin(1)) return;
  pym_heap *h = pym_heap_new();
  void *other = pym_obj_malloc(30);
  for (unsigned i = 0; i < 1000; i++) pym_heap_malloc(h, PYM_OBJ, 8 + i);
  check_sound(h);
  CHECK_EQ(told.live, 1001);
  pym_heap_destroy(h);
  CHECK_EQ(told.live, 1);
  pym_obj_free(other);
  end();
}

static void nothing_is_told_after_the_end(void) {
  if (!begin(1)) return;
  void *p = pym_obj_malloc(30), *q = pym_raw_malloc(3000);
  CHECK(pym_profile_start(1, 1, listen, &told) == -1);
  pym_profile_stop();
  pym_profile_stop();
  pym_obj_free(p);
  pym_raw_free(q);
  pym_obj_free(pym_obj_malloc(30));
  CHECK_EQ(told.frees, 0);
  CHECK_EQ(told.allocs, 2);
  check_sound(pym_heap_default());
}

static void blocks_from_before_are_never_told(void) {
  void *p[64];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(16 * i);
  if (!begin(1)) return;
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_free(p[i]);
  CHECK_EQ(told.frees, 0);
  end();
}

/* ---- Estimates ---- */

/* Sizes as programs have them: most small, some large. */
static uint32_t size_at(uint64_t r) {
  if (r % 100 < 90) return (uint32_t)(1 + (r >> 8) % 200);
  return (uint32_t)(1 + (r >> 8) % (r % 100 < 99 ? 3000u : 60000u));
}

static struct block new_block(uint64_t r) {
  struct block b = {NULL, size_at(r), (enum pym_domain)(r >> 40 & 1 ? PYM_OBJ : (r >> 41) % 3)};
  b.p = pym_heap_malloc(pym_heap_default(), b.d, b.size);
  return b;
}

/* Random churn; the sums of what the blocks have beside what the profile estimates.  A sampled
 * small block has a few bytes more, so what a block has is asked of the class. */
static pym_size usable(const struct block *b) {
  return b->d != PYM_RAW && b->size <= PYM_SMALL_MAX ? (b->size + 7) & ~7u
                                                     : ((b->size + 8 + 15) & ~15u) - 8;
}

static void estimates_are_within_their_error(void) {
  double ever = 0, live = 0, by_domain[PYM_DOMAINS] = {0};
  const uint64_t seed = check_seed();
  if (!begin(2000)) return;
  for (uint64_t i = 0; i < 400000; i++) {
    struct block *b = &blocks[check_mix(seed, 2 * i) % LIVE_MAX];
    if (b->p) {
      live -= (double)usable(b);
      pym_heap_free(pym_heap_default(), b->d, b->p);
    }
    *b = new_block(check_mix(seed, 2 * i + 1));
    if (!CHECK(b->p != NULL)) return;
    ever += (double)usable(b);
    live += (double)usable(b);
    by_domain[b->d] += (double)usable(b);
  }
  /* 170,000 samples: a standard error of 0.3 %; of what lives 9,000, of a domain 30,000. */
  CHECK(is_near(told.bytes_ever, ever, 0.015));
  CHECK(is_near(told.bytes_live, live, 0.05));
  for (unsigned d = 0; d < PYM_DOMAINS; d++) CHECK(is_near(told.ever[d], by_domain[d], 0.03));
  CHECK(told.live < told.allocs);
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < LIVE_MAX; i++) {
    if (blocks[i].p) pym_heap_free(pym_heap_default(), blocks[i].d, blocks[i].p);
    blocks[i].p = NULL;
  }
  CHECK_EQ(told.live, 0);
  end();
}

/* The list is empty at each malloc: what is freed is the next to go out. */
static void one_block_that_comes_and_goes_is_sampled_as_often(void) {
  if (!begin(4096)) return;
  void *full[200];
  for (unsigned i = 0; i < COUNT(full); i++) full[i] = pym_obj_malloc(64);
  told.bytes_ever = 0;
  for (unsigned i = 0; i < 1000000; i++) pym_obj_free(pym_obj_malloc(64));
  pym_profile_stop();
  CHECK(is_near(told.bytes_ever, 64e6, 0.05)); /* 15,600 samples: 0.8 % */
  for (unsigned i = 0; i < COUNT(full); i++) pym_obj_free(full[i]);
  end();
}

/* What is freed does not go out again by the fast path alone, so a sample is of the block that is
 * due, however long no other call takes the slow way. */
static void each_place_has_its_own_share_of_blocks_that_come_and_go(void) {
  double at_place[4] = {0};
  if (!begin(4096)) return;
  for (unsigned i = 0; i < 16 * COUNT(at_place); i++) {
    const double before = told.bytes_ever;
    for (unsigned n = 0; n < 30000; n++) pym_obj_free(pym_obj_malloc(64));
    at_place[i % COUNT(at_place)] += told.bytes_ever - before;
  }
  CHECK_EQ(told.late, 0);
  pym_profile_stop();
  /* 7,500 samples each: 1.2 % */
  for (unsigned i = 0; i < COUNT(at_place); i++) CHECK(is_near(at_place[i], 64 * 480000.0, 0.06));
  CHECK_EQ(told.unseen > 0, 0);
  end();
}

static void a_profile_that_ended_leaves_no_trace_in_the_lists(void) {
  if (!begin(4096)) return;
  void *before = pym_obj_malloc(64);
  pym_obj_free(before);
  CHECK(pym_obj_malloc(64) != before);
  pym_profile_stop();
  void *after = pym_obj_malloc(64);
  pym_obj_free(after);
  CHECK(pym_obj_malloc(64) == after);
  end();
}

static void far_apart_samples_are_not_missed(void) {
  double ever = 0;
  if (!begin(PYM_PROFILE_EVERY)) return;
  for (unsigned i = 0; i < 100000000; i++, ever += 8) pym_obj_free(pym_obj_malloc(8));
  pym_profile_stop();
  CHECK(is_near(told.bytes_ever, ever, 0.15)); /* 1,526 samples: 2.6 % */
  end();
}

/* ---- Everything else stays exact ---- */

static void limits_stay_exact(void) {
  static const uint32_t every[] = {1, 64, 1000, 100000};
  for (unsigned e = 0; e < COUNT(every); e++)
    for (unsigned which = 0; which <= PYM_WHOLE_HEAP; which++) {
      pym_heap *h = pym_heap_default();
      const enum pym_domain d = (enum pym_domain)(which == PYM_WHOLE_HEAP ? PYM_OBJ : which);
      unsigned n = 0;
      if (!begin(every[e])) return;
      check_context("one sample in", every[e]);
      const pym_size limit = live_in(h, which) + 20000;
      pym_limit_set(h, which, PYM_UNLIMITED, limit);
      while (n < LIVE_MAX && (blocks[n].p = pym_heap_malloc(h, d, 48)) != NULL) n++;
      CHECK(live_in(h, which) <= limit);
      CHECK(live_in(h, which) + (which == PYM_RAW ? 56u : 48u) > limit);
      while (n) pym_heap_free(h, d, blocks[--n].p);
      pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
      CHECK_EQ(told.live, 0);
      end();
    }
}

static int sum_up(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                  enum pym_domain d) {
  (void)p, (void)count, (void)d;
  if (what == PYM_WALK_BLOCK || what == PYM_WALK_CHUNK) *(size_t *)ctx += size;
  return 0;
}

static void a_walk_meets_sampled_blocks_with_their_size(void) {
  size_t sum = 0;
  pym_heap *h = pym_heap_default();
  if (!begin(200)) return;
  for (unsigned i = 0; i < 2000; i++) blocks[i].p = pym_obj_malloc(i % 300);
  pym_walk(h, sum_up, &sum);
  CHECK_EQ(sum, stats_of(h, PYM_RAW).live_bytes + stats_of(h, PYM_MEM).live_bytes +
                    stats_of(h, PYM_OBJ).live_bytes);
  CHECK(told.live > 100);
  check_sound(h);
  for (unsigned i = 0; i < 2000; i++) pym_obj_free(blocks[i].p);
  end();
}

static void debug_hooks_work_with_a_profile(void) {
  if (pym_debug_hooks() != 0) return;
  if (!begin(100)) return;
  for (unsigned i = 0; i < 2000; i++) blocks[i].p = pym_obj_malloc(i % 300);
  for (unsigned i = 0; i < 2000; i++) {
    blocks[i].p = pym_obj_realloc(blocks[i].p, (i + 150) % 600);
    CHECK_EQ(pym_usable_size(blocks[i].p), (i + 150) % 600);
  }
  for (unsigned i = 0; i < 2000; i++) pym_obj_free(blocks[i].p);
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(told.live, 0);
  end();
}

/* Other heaps, reallocs, small sampling intervals, everything at random. */
static void random_operations_keep_every_invariant(void) {
  const uint64_t seed = check_seed();
  pym_heap *heaps[2] = {pym_heap_default(), pym_heap_new()};
  if (!begin(300)) return;
  for (uint64_t i = 0; i < 60000; i++) {
    const uint64_t r = check_mix(seed ^ 77, 2 * i);
    const unsigned k = (unsigned)(r % 2000);
    struct block *b = &blocks[k];
    pym_heap *h = heaps[k & 1];
    if (!b->p) {
      *b = (struct block){NULL, size_at(r >> 11), (enum pym_domain)(k % 3)};
      b->p = pym_heap_malloc(h, b->d, b->size);
    } else if (r >> 60 & 1) {
      b->p = pym_heap_realloc(h, b->d, b->p, size_at(check_mix(seed, i)));
    } else {
      pym_heap_free(h, b->d, b->p);
      b->p = NULL;
    }
    if (i % 5000 == 0) {
      check_sound(heaps[0]);
      check_sound(heaps[1]);
      if (i % 10000 == 0) pym_heap_trim(heaps[0]);
    }
  }
  for (unsigned k = 0; k < 2000; k++) {
    if (blocks[k].p) pym_heap_free(heaps[k & 1], blocks[k].d, blocks[k].p);
    blocks[k].p = NULL;
  }
  CHECK_EQ(told.live, 0);
  pym_heap_destroy(heaps[1]);
  end();
}

static void a_request_is_served_when_memory_is_out(void) {
  unsigned n = 0;
  if (!begin(1)) return;
  target_fail_after(0, 1);
  for (size_t size = 1 << 20; size >= 8; size /= 2)
    while (n < LIVE_MAX && (blocks[n].p = pym_obj_malloc(size)) != NULL) n++;
  CHECK(n < LIVE_MAX);
  CHECK(told.allocs > 0);
  target_fail_after(-1, 0);
  while (n) pym_obj_free(blocks[--n].p);
  CHECK_EQ(told.live, 0);
  end();
}

CHECK_CASES(TEST(a_profile_of_every_byte_is_told_of_every_block),
            TEST(the_plain_functions_and_calloc_are_sampled),
            TEST(a_realloc_is_a_free_and_a_malloc),
            TEST(a_sampled_block_stays_where_its_class_serves_the_size),
            TEST(blocks_of_a_heap_that_is_destroyed_are_freed), TEST(nothing_is_told_after_the_end),
            TEST(blocks_from_before_are_never_told), TEST(estimates_are_within_their_error),
            TEST(one_block_that_comes_and_goes_is_sampled_as_often),
            TEST(each_place_has_its_own_share_of_blocks_that_come_and_go),
            TEST(a_profile_that_ended_leaves_no_trace_in_the_lists),
            TEST(far_apart_samples_are_not_missed), TEST(limits_stay_exact),
            TEST(a_walk_meets_sampled_blocks_with_their_size),
            TEST(random_operations_keep_every_invariant),
            TEST(a_request_is_served_when_memory_is_out), TEST(debug_hooks_work_with_a_profile));
