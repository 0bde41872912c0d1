/* Limits, exact to the byte of usable size, of each domain, of a whole heap and of all heaps. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

static const size_t sizes[] = {1, 8, 24, 100, 504, 512, 513, 600, 1000, 5000, 70000, 300000};

/* The domain to allocate from when the limit under test is `which`. */
static enum pym_domain domain_for(unsigned which, unsigned turn) {
  return (enum pym_domain)(which >= PYM_WHOLE_HEAP ? turn % PYM_DOMAINS : which);
}

/* Run body for the limits of each domain, of the whole and of all heaps, on the default heap and
 * another. */
static void each_limit(void (*body)(pym_heap *h, unsigned which)) {
  pym_heap *second = pym_heap_new();
  if (!CHECK(second != NULL)) return;
  for (unsigned i = 0; i < COUNT(every_limit); i++) {
    const unsigned which = every_limit[i];
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

static void limits_read_back_body(pym_heap *h, unsigned which) {
  pym_size soft = 0, hard = 0;
  CHECK(pym_limit_get(h, which, &soft, &hard) == 0);
  CHECK_EQ(soft, PYM_UNLIMITED);
  CHECK_EQ(hard, PYM_UNLIMITED);
  CHECK(pym_limit_set(h, which, 123456, 7890123) == 0);
  CHECK(pym_limit_get(h, which, &soft, NULL) == 0);
  CHECK(pym_limit_get(h, which, NULL, &hard) == 0);
  CHECK_EQ(soft, 123456);
  CHECK_EQ(hard, 7890123);
  for (unsigned i = 0; i < COUNT(every_limit); i++) {
    const unsigned other = every_limit[i];
    if (other == which) continue;
    pym_limit_get(h, other, &soft, &hard);
    CHECK(soft == PYM_UNLIMITED && hard == PYM_UNLIMITED);
  }
}
static void limits_read_back(void) {
  each_limit(limits_read_back_body);
  pym_size soft, hard;
  CHECK(pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP + 1, 1, 2) == -1);
  CHECK(pym_limit_get(pym_heap_default(), PYM_WHOLE_HEAP + 1, &soft, &hard) == -1);
  CHECK(pym_limit_set(pym_heap_default(), UINT32_MAX, 1, 2) == -1);
}

static void hard_exact_body(pym_heap *h, unsigned which) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    enum pym_domain d = domain_for(which, i);
    void *p = pym_heap_malloc(h, d, sizes[i]);
    if (!CHECK(p != NULL)) return;
    pym_size usable = (pym_size)pym_usable_size(p);
    pym_heap_free(h, d, p);
    pym_size live = live_in(h, which);
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
    if (which == d || which >= PYM_WHOLE_HEAP) {
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
  for (unsigned i = 0; i < COUNT(every_limit); i++) {
    const unsigned which = every_limit[i];
    void *kept = pym_obj_malloc(40);
    check_context("limit", which);
    pym_limit_set(pym_heap_default(), which, PYM_UNLIMITED, live_in(pym_heap_default(), which));
    void *raw = pym_raw_malloc(40), *mem = pym_mem_malloc(40), *obj = pym_obj_malloc(40);
    void *aligned = pym_raw_aligned_alloc(64, 40), *zeroed = pym_obj_calloc(5, 8);
    CHECK((raw == NULL) == (which == PYM_RAW || which >= PYM_WHOLE_HEAP));
    CHECK((aligned == NULL) == (raw == NULL));
    CHECK((mem == NULL) == (which == PYM_MEM || which >= PYM_WHOLE_HEAP));
    CHECK((obj == NULL) == (which == PYM_OBJ || which >= PYM_WHOLE_HEAP));
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
  pym_size live = live_in(h, which);
  pym_size hard = live - 10 * 64;
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
    pym_size usable = (pym_size)pym_usable_size(p), live = live_in(h, which);
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

/* However a block got where it is: what lives stays below the limit. */
static void moved_body(pym_heap *h, unsigned which) {
  static void *got[400];
  for (uint32_t more = 150; more < 9000; more += 50) {
    enum pym_domain d = domain_for(which, more);
    unsigned count = 0;
    void *p = pym_heap_malloc(h, d, 100);
    pym_size hard = live_in(h, which) + more;
    pym_limit_set(h, which, PYM_UNLIMITED, hard);
    p = pym_heap_realloc(h, d, p, 200);
    CHECK(p != NULL);
    while (count < COUNT(got) && (got[count] = pym_heap_malloc(h, d, 100)) != NULL) count++;
    CHECK(live_in(h, which) <= hard && live_in(h, which) + 112 > hard);
    while (count) pym_heap_free(h, d, got[--count]);
    pym_heap_free(h, d, p);
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
  }
}
static void a_moved_block_is_no_way_past_the_limit(void) { each_limit(moved_body); }

/* What the callback saw. */
static struct {
  unsigned calls, which;
  pym_size live;
  pym_heap *heap;
  void *ctx;
} soft_seen;

static void note_soft(void *ctx, pym_heap *h, unsigned which, pym_size live) {
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
    pym_size usable = (pym_size)pym_usable_size(p), live = live_in(h, which);
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
    pym_heap_free(h, d, q);
    q = pym_heap_malloc(h, d, usable); /* and again, from the limit itself */
    CHECK_EQ(soft_seen.calls, 2);
    soft_seen.calls = 1;
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
static void free_some(void *ctx, pym_heap *h, unsigned which, pym_size live) {
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
  pym_size live = live_in(h, which);
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

/* A callback that only takes: what it takes crosses the limit too, unseen. */
static void take_some(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  void **held = ctx;
  note_soft(ctx, h, which, live);
  if (soft_seen.calls < 5) *held = pym_heap_malloc(h, domain_for(which, 2), 300);
}

static void taking_callback_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *held = NULL;
  soft_seen.calls = 0;
  pym_limit_callback(h, take_some, &held);
  pym_limit_set(h, which, live_in(h, which) + 50, PYM_UNLIMITED);
  void *p = pym_heap_malloc(h, d, 100);
  CHECK(p != NULL && held != NULL && p != held);
  CHECK_EQ(soft_seen.calls, 1);
  pym_limit_callback(h, NULL, NULL);
  pym_heap_free(h, d, p);
  pym_heap_free(h, d, held);
}
/* What a callback takes is a call of its own: what the outer one will give back is not its. */
static void *taken_inside;
static void take_much(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  note_soft(ctx, h, which, live);
  taken_inside = pym_heap_malloc(h, domain_for(which, 2), 640);
}
static void callback_in_realloc_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *p = pym_heap_malloc(h, d, 400);
  pym_size live = live_in(h, which);
  soft_seen.calls = 0;
  pym_limit_callback(h, take_much, NULL);
  pym_limit_set(h, which, live, live + 600);
  p = pym_heap_realloc(h, d, p, 900);
  CHECK(p != NULL && taken_inside == NULL);
  CHECK_EQ(soft_seen.calls, 1);
  CHECK(live_in(h, which) <= live + 600);
  pym_limit_callback(h, NULL, NULL);
  pym_heap_free(h, d, p);
}
static void a_callback_within_a_realloc_is_a_call_of_its_own(void) {
  each_limit(callback_in_realloc_body);
}
static void a_callback_is_not_called_from_itself(void) { each_limit(taking_callback_body); }

/* The soft limit's callback comes before the hard limit is looked at. */
static void soft_and_hard_body(pym_heap *h, unsigned which) {
  enum pym_domain d = domain_for(which, 2);
  void *held = pym_heap_malloc(h, d, 5000);
  pym_size live = live_in(h, which);
  soft_seen.calls = 0;
  pym_limit_callback(h, free_some, &held);
  pym_limit_set(h, which, live, live);
  void *p = pym_heap_malloc(h, d, 3000);
  CHECK(p != NULL);
  CHECK_EQ(soft_seen.calls, 1);
  CHECK(live_in(h, which) < live);
  CHECK(pym_heap_malloc(h, d, 4000) == NULL); /* nothing left that the callback could free */
  CHECK_EQ(soft_seen.calls, 3); /* at the soft limit, and before the hard one refuses */
  pym_limit_callback(h, NULL, NULL);
  pym_heap_free(h, d, p);
  pym_heap_free(h, d, held);
}
static void what_a_callback_frees_counts_for_the_hard_limit(void) {
  each_limit(soft_and_hard_body);
}

/* A freed block that is a little longer than what is asked for is not given near a limit. */
static void a_longer_block_at_hand_is_no_way_past_the_limit(void) {
  for (uint32_t n = 600; n < 8000; n += 200) {
    for (unsigned i = 0; i < COUNT(every_limit); i++) {
      const unsigned which = every_limit[i];
      pym_heap *h = pym_heap_new();
      enum pym_domain d = domain_for(which, 2);
      pym_size hard = live_in(h, which) + 2 * n + 46; /* each may be rounded up by 23 */
      check_context("bytes", n);
      pym_limit_set(h, which, PYM_UNLIMITED, hard);
      pym_heap_free(h, d, pym_heap_malloc(h, d, n + 80));
      void *p = pym_heap_malloc(h, d, n), *q = pym_heap_malloc(h, d, n);
      CHECK(p != NULL && q != NULL);
      CHECK(live_in(h, which) <= hard);
      pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
      pym_heap_destroy(h);
    }
  }
}

/* Heaps and what else is not a block of a caller. */
static void what_the_library_keeps_for_itself_has_no_limit(void) {
  pym_heap *h = pym_heap_default();
  soft_seen.calls = 0;
  pym_limit_callback(h, note_soft, &soft_seen);
  pym_size live = live_in(h, PYM_WHOLE_HEAP);
  pym_limit_set(h, PYM_WHOLE_HEAP, live, live);
  pym_heap *other = pym_heap_new();
  if (!CHECK(other != NULL)) return;
  void *p = pym_heap_malloc(other, PYM_OBJ, 100), *q = pym_heap_malloc(other, PYM_RAW, 100000);
  CHECK(p != NULL && q != NULL);
  CHECK_EQ(soft_seen.calls, 0);
  CHECK(pym_heap_malloc(h, PYM_RAW, 1) == NULL);
  CHECK_EQ(soft_seen.calls, 2); /* at either limit */
  pym_limit_callback(h, NULL, NULL);
  pym_heap_destroy(other);
  CHECK_EQ(live_in(h, PYM_WHOLE_HEAP), live);
  pym_limit_set(h, PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
  check_sound(h);
}

/* One call, one event, whichever class its block comes from; one more before it is refused. */
static void a_soft_limit_calls_once_for_one_call(void) {
  for (unsigned hard = 0; hard < 2; hard++) {
    for (uint32_t room = 0; room < 200; room += 8) {
      pym_heap *h = pym_heap_new();
      check_context("room", room);
      void *larger[2] = {pym_heap_malloc(h, PYM_OBJ, 112), pym_heap_malloc(h, PYM_OBJ, 120)};
      pym_size live = live_in(h, PYM_OBJ);
      soft_seen.calls = 0;
      pym_limit_callback(h, note_soft, &soft_seen);
      pym_limit_set(h, PYM_OBJ, live + 50, hard ? live + room : PYM_UNLIMITED);
      void *p = pym_heap_malloc(h, PYM_OBJ, 100);
      CHECK_EQ(soft_seen.calls, hard && room < 104 ? 2 : 1);
      if (hard) CHECK_EQ(p != NULL, room >= 104);
      CHECK(larger[0] && larger[1]);
      pym_heap_destroy(h);
    }
  }
}

CHECK_CASES(TEST(limits_read_back), TEST(a_hard_limit_is_exact_to_the_byte),
            TEST(a_limit_binds_its_own_domain_only), TEST(plain_functions_obey_limits),
            TEST(a_hard_limit_below_live_grants_nothing_until_enough_was_freed),
            TEST(a_realloc_is_charged_the_difference), TEST(a_moved_block_is_no_way_past_the_limit),
            TEST(a_soft_limit_calls_on_each_crossing_from_below),
            TEST(a_soft_limit_callback_may_free_and_allocate),
            TEST(a_callback_is_not_called_from_itself),
            TEST(a_callback_within_a_realloc_is_a_call_of_its_own),
            TEST(what_a_callback_frees_counts_for_the_hard_limit),
            TEST(a_longer_block_at_hand_is_no_way_past_the_limit),
            TEST(what_the_library_keeps_for_itself_has_no_limit),
            TEST(a_soft_limit_calls_once_for_one_call));
