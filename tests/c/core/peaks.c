/* Peaks against the true ones, kept here: never above, exact in the raw domain, and no more than
 * 4 KiB of what left the pools below in the others. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define SLOTS 400u
static struct {
  void *p;
  pym_size usable;
} slots[SLOTS];
static uint64_t live, peak;

static void now_live(int64_t by) {
  live += (uint64_t)by;
  if (live > peak) peak = live;
}

static void check_peak(pym_heap *h, enum pym_domain d) {
  pym_domain_stats s = stats_of(h, d);
  CHECK_EQ(s.live_bytes, live);
  CHECK(s.peak_bytes <= peak && s.peak_bytes >= live);
  if (d == PYM_RAW) CHECK_EQ(s.peak_bytes, peak);
}

/* One call: at an empty place malloc, else realloc or free. */
static void step(pym_heap *h, enum pym_domain d, uint64_t r, uint32_t most) {
  unsigned i = (unsigned)(r % SLOTS);
  uint32_t n = (uint32_t)(r >> 20) % most;
  if (!slots[i].p) {
    slots[i].p = pym_heap_malloc(h, d, n);
  } else if (r >> 60 & 1) {
    slots[i].p = pym_heap_realloc(h, d, slots[i].p, n);
  } else {
    pym_heap_free(h, d, slots[i].p);
    now_live(-(int64_t)slots[i].usable);
    slots[i].p = NULL;
    slots[i].usable = 0;
    return;
  }
  if (!CHECK(slots[i].p != NULL)) return;
  pym_size usable = (pym_size)pym_usable_size(slots[i].p);
  now_live((int64_t)usable - (int64_t)slots[i].usable);
  slots[i].usable = usable;
}

/* Looked at after each `every`-th call only: looking is what makes a peak exact. */
static void peaks_of(pym_heap *h, enum pym_domain d, uint32_t most, unsigned every) {
  pym_domain_stats s = stats_of(h, d);
  live = s.live_bytes;
  peak = s.peak_bytes;
  for (unsigned k = 0; k < 20000; k++) {
    step(h, d, check_mix(every * 1000 + most, k), most);
    if (k % every == every - 1) check_peak(h, d);
  }
  for (unsigned i = 0; i < SLOTS; i++) {
    if (slots[i].p) pym_heap_free(h, d, slots[i].p);
    now_live(-(int64_t)slots[i].usable);
    slots[i].p = NULL;
    slots[i].usable = 0;
  }
  check_peak(h, d);
}

static void each_kind(void (*body)(pym_heap *h, enum pym_domain d, uint32_t most)) {
  static const uint32_t most[] = {300, 2000, 30000, 200000};
  for (unsigned i = 0; i < COUNT(most); i++) {
    for (unsigned d = 0; d < PYM_DOMAINS; d++) {
      target_reset(TARGET_INITIAL, TARGET_MAX);
      pym_heap *h = pym_heap_new();
      check_context("domain, by sizes", i * 10 + d);
      body(h, (enum pym_domain)d, most[i]);
      body(pym_heap_default(), (enum pym_domain)d, most[i]);
      pym_heap_destroy(h);
    }
  }
}

static void rare_looks_body(pym_heap *h, enum pym_domain d, uint32_t most) {
  peaks_of(h, d, most, 997);
}
static void peaks_hold_when_seldom_looked_at(void) { each_kind(rare_looks_body); }

static void often_body(pym_heap *h, enum pym_domain d, uint32_t most) { peaks_of(h, d, most, 3); }
static void peaks_hold_when_often_looked_at(void) { each_kind(often_body); }

/* A limit near what lives makes every step of the way exact; peaks too. */
static void limited_body(pym_heap *h, enum pym_domain d, uint32_t most) {
  pym_limit_set(h, d, PYM_UNLIMITED, live_in(h, d) + SLOTS * most);
  pym_limit_set(h, PYM_WHOLE_HEAP, live_in(h, PYM_WHOLE_HEAP) + SLOTS * most / 4, PYM_UNLIMITED);
  peaks_of(h, d, most, 97);
  pym_limit_set(h, d, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_limit_set(h, PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
}
static void peaks_hold_near_limits(void) { each_kind(limited_body); }

/* A block that moves is not there twice. */
static void a_move_is_no_peak(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_heap *h = pym_heap_new();
    check_context("domain", d);
    void *p = pym_heap_malloc(h, (enum pym_domain)d, 50000);
    void *wall = pym_heap_malloc(h, (enum pym_domain)d, 10000);
    uint64_t before = live_in(h, d);
    size_t was = pym_usable_size(p);
    void *q = pym_heap_realloc(h, (enum pym_domain)d, p, 60000);
    CHECK(q != p);
    CHECK_EQ(stats_of(h, (enum pym_domain)d).peak_bytes, before - was + pym_usable_size(q));
    /* and the next higher point is seen, though more was charged for a moment */
    void *r = pym_heap_malloc(h, (enum pym_domain)d, 20000);
    uint64_t top = live_in(h, d);
    pym_heap_free(h, (enum pym_domain)d, r);
    pym_heap_free(h, (enum pym_domain)d, wall);
    CHECK_EQ(stats_of(h, (enum pym_domain)d).peak_bytes, top);
    pym_heap_destroy(h);
  }
}

/* The same without a look between, which would set things right. */
static void a_peak_soon_after_a_move_is_seen(void) {
  for (uint32_t more = 100; more < 60000; more += 700) {
    pym_heap *h = pym_heap_new();
    check_context("bytes", more);
    void *p = pym_heap_malloc(h, PYM_RAW, 50000), *wall = pym_heap_malloc(h, PYM_RAW, 100);
    uint32_t top = 0;
    p = pym_heap_realloc(h, PYM_RAW, p, 60000);
    void *q = pym_heap_malloc(h, PYM_RAW, more);
    top = (uint32_t)(pym_usable_size(p) + pym_usable_size(wall) + pym_usable_size(q));
    pym_heap_free(h, PYM_RAW, q);
    pym_heap_free(h, PYM_RAW, p);
    CHECK_EQ(stats_of(h, PYM_RAW).peak_bytes, top);
    pym_heap_destroy(h);
  }
}

/* ---- The peak of a whole heap ---- */

/* What lived at the peak, by class and domain and in the raw allocator, adds up to it. */
static void check_kept(pym_heap *h) {
  const struct heap_view *heap = view_heap(h);
  uint64_t sum = 0;
  for (unsigned d = 0; d < 2; d++)
    for (uint32_t class = 1; class < CLASS_SLOTS; class ++)
      sum += 8 * class * heap->at_peak[d][class];
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    CHECK((heap->domains[d].raw_at_peak == 0) == (heap->domains[d].raw_bytes_at_peak == 0));
    sum += heap->domains[d].raw_bytes_at_peak;
  }
  CHECK_EQ(sum, heap->peak);
}

/* Blocks of all domains come and go, one domain more than the others at a time. */
static void peak_of_all(pym_heap *h, uint32_t most, int exact) {
  static uint8_t domains[SLOTS];
  const struct heap_view *heap = view_heap(h);
  live = live_in(h, PYM_WHOLE_HEAP);
  peak = heap->peak > live ? heap->peak : live;
  const uint64_t before = peak;
  for (unsigned k = 0; k < 60000; k++) {
    const uint64_t r = check_mix(most + check_seed(), k);
    const unsigned i = (unsigned)(r % SLOTS), favourite = k / 10000 % PYM_DOMAINS;
    if (!slots[i].p) domains[i] = (uint8_t)(r >> 50 & 3 ? favourite : (r >> 52) % PYM_DOMAINS);
    if (!slots[i].p && r >> 53 & 1 && k / 3000 % 3 == 2) continue; /* what lives falls */
    step(h, (enum pym_domain)domains[i], r, most);
    CHECK(heap->peak <= peak);
    if (exact && k) CHECK_EQ(heap->peak, peak);
  }
  CHECK(exact ? heap->peak == peak : heap->peak_most >= peak || peak == before);
  check_kept(h);
  for (unsigned i = 0; i < SLOTS; i++) {
    if (slots[i].p) pym_heap_free(h, (enum pym_domain)domains[i], slots[i].p);
    slots[i].p = NULL;
    slots[i].usable = 0;
  }
  check_sound(h);
}

static void each_size(int exact) {
  static const uint32_t most[] = {100, 300, 2000, 30000};
  for (unsigned i = 0; i < COUNT(most); i++) {
    pym_heap *h = pym_heap_new();
    check_context("bytes", most[i]);
    if (exact) pym_limit_set(h, PYM_ALL_HEAPS, 0, PYM_UNLIMITED);
    peak_of_all(h, most[i], exact);
    pym_limit_set(h, PYM_ALL_HEAPS, PYM_UNLIMITED, PYM_UNLIMITED);
    pym_heap_destroy(h);
  }
}
static void the_peak_of_a_heap_is_between_what_was_seen_and_the_most_it_can_be(void) {
  each_size(0);
}
static void the_peak_of_a_heap_is_exact_where_every_call_is_counted(void) { each_size(1); }

static void the_most_that_a_peak_can_be_is_near(void) {
  pym_heap *h = pym_heap_new();
  const struct heap_view *heap = view_heap(h);
  for (unsigned i = 0; i < 100000; i++) pym_heap_malloc(h, PYM_OBJ, 48);
  const uint64_t truth = 4800000, step = truth / 64 + 4096;
  CHECK(heap->peak <= truth && heap->peak + step >= truth);
  CHECK(heap->peak_most >= truth && heap->peak_most <= truth + step);
  pym_heap_destroy(h);
}

CHECK_CASES(TEST(the_peak_of_a_heap_is_between_what_was_seen_and_the_most_it_can_be),
            TEST(the_peak_of_a_heap_is_exact_where_every_call_is_counted),
            TEST(the_most_that_a_peak_can_be_is_near), TEST(a_move_is_no_peak),
            TEST(a_peak_soon_after_a_move_is_seen), TEST(peaks_hold_when_seldom_looked_at),
            TEST(peaks_hold_when_often_looked_at), TEST(peaks_hold_near_limits));
