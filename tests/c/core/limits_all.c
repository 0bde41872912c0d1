/* The limit of all heaps together: what one heap holds, another cannot have. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"

#define HEAPS 4u
static pym_heap *heaps[HEAPS];
static struct {
  pym_heap *h;
  unsigned calls, which;
  pym_size live;
  void *kept; /* what the callback frees, of `owner` */
  pym_heap *owner;
} seen;

static void open_heaps(void) {
  __builtin_memset(&seen, 0, sizeof seen);
  heaps[0] = pym_heap_default();
  for (unsigned i = 1; i < HEAPS; i++) heaps[i] = pym_heap_new();
}

static void close_heaps(void) {
  CHECK(pym_limit_set(heaps[0], PYM_ALL_HEAPS, PYM_UNLIMITED, PYM_UNLIMITED) == 0);
  pym_limit_callback(heaps[0], NULL, NULL);
  for (unsigned i = 0; i < HEAPS; i++) check_sound(heaps[i]);
  for (unsigned i = 1; i < HEAPS; i++) pym_heap_destroy(heaps[i]);
}

static pym_size all_live(void) { return live_in(NULL, PYM_ALL_HEAPS); }

static void limit_all(pym_size soft, pym_size hard) {
  CHECK(pym_limit_set(heaps[1], PYM_ALL_HEAPS, soft, hard) == 0);
}

static void note(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  (void)ctx;
  seen.h = h;
  seen.calls++;
  seen.which = which;
  seen.live = live;
  pym_heap_free(seen.owner, PYM_OBJ, seen.kept);
  seen.kept = NULL;
}

static void heaps_share_one_limit_to_the_byte(void) {
  static const uint32_t sizes[] = {8, 64, 512, 1000, 50000};
  open_heaps();
  for (unsigned i = 0; i < COUNT(sizes); i++)
    for (unsigned d = 0; d < PYM_DOMAINS; d++) {
      void *p[HEAPS];
      pym_heap *last = heaps[HEAPS - 1];
      const enum pym_domain domain = (enum pym_domain)d;
      check_context("bytes", sizes[i]);
      p[0] = pym_heap_malloc(heaps[0], domain, sizes[i]);
      const pym_size usable = (pym_size)pym_usable_size(p[0]);
      limit_all(PYM_UNLIMITED, all_live() + (HEAPS - 1) * usable - 1);
      for (unsigned h = 1; h < HEAPS; h++) p[h] = pym_heap_malloc(heaps[h], domain, usable);
      CHECK(p[HEAPS - 2] != NULL && p[HEAPS - 1] == NULL);
      pym_heap_free(heaps[0], domain, p[0]); /* another heap's */
      p[HEAPS - 1] = pym_heap_malloc(last, domain, usable);
      CHECK(p[HEAPS - 1] != NULL);
      CHECK(pym_heap_malloc(heaps[0], domain, usable) == NULL);
      limit_all(PYM_UNLIMITED, PYM_UNLIMITED);
      for (unsigned h = 1; h < HEAPS; h++) pym_heap_free(heaps[h], domain, p[h]);
    }
  close_heaps();
}

static void a_heap_that_is_destroyed_gives_its_room_back(void) {
  open_heaps();
  limit_all(PYM_UNLIMITED, all_live() + 1000000);
  unsigned n = 0;
  while (pym_heap_malloc(heaps[1], PYM_OBJ, 100)) n++;
  CHECK(n > 9000);
  CHECK(pym_heap_malloc(heaps[2], PYM_OBJ, 100) == NULL);
  pym_heap_destroy(heaps[1]);
  heaps[1] = pym_heap_new();
  for (unsigned i = 0; i < n; i++)
    if (!CHECK(pym_heap_malloc(heaps[2], PYM_OBJ, 100) != NULL)) break;
  CHECK(pym_heap_malloc(heaps[2], PYM_OBJ, 100) == NULL);
  close_heaps();
}

static void below_what_lives_every_heap_waits(void) {
  void *p[HEAPS];
  open_heaps();
  for (unsigned h = 0; h < HEAPS; h++) p[h] = pym_heap_malloc(heaps[h], PYM_OBJ, 64);
  limit_all(PYM_UNLIMITED, all_live() - 2 * 64);
  for (unsigned h = 0; h < 3; h++) {
    CHECK(pym_heap_malloc(heaps[3], PYM_OBJ, 64) == NULL);
    pym_heap_free(heaps[h], PYM_OBJ, p[h]);
  }
  void *q = pym_heap_malloc(heaps[0], PYM_OBJ, 64);
  CHECK(q != NULL);
  CHECK(pym_heap_malloc(heaps[3], PYM_OBJ, 64) == NULL);
  pym_heap_free(heaps[0], PYM_OBJ, q);
  pym_heap_free(heaps[3], PYM_OBJ, p[3]);
  close_heaps();
}

static void a_soft_limit_calls_the_heap_that_asks_at_each_crossing(void) {
  open_heaps();
  limit_all(all_live() + 100, PYM_UNLIMITED);
  for (unsigned h = 0; h < HEAPS; h++) pym_limit_callback(heaps[h], note, NULL);
  for (unsigned h = 0; h < HEAPS; h++) {
    void *first = pym_heap_malloc(heaps[(h + 1) % HEAPS], PYM_OBJ, 64);
    CHECK_EQ(seen.calls, h);
    const pym_size live = all_live();
    void *second = pym_heap_malloc(heaps[h], PYM_OBJ, 64);
    void *third = pym_heap_malloc(heaps[h], PYM_OBJ, 64);
    CHECK(seen.h == heaps[h]);
    CHECK_EQ(seen.calls, h + 1);
    CHECK_EQ(seen.which, PYM_ALL_HEAPS);
    CHECK_EQ(seen.live, live + 64);
    pym_heap_free(heaps[(h + 1) % HEAPS], PYM_OBJ, first);
    pym_heap_free(heaps[h], PYM_OBJ, second);
    pym_heap_free(heaps[h], PYM_OBJ, third);
  }
  close_heaps();
}

static void what_a_callback_frees_in_another_heap_serves_the_request(void) {
  open_heaps();
  seen.owner = heaps[2];
  seen.kept = pym_heap_malloc(heaps[2], PYM_OBJ, 5000);
  pym_limit_callback(heaps[1], note, NULL);
  limit_all(PYM_UNLIMITED, all_live());
  void *p = pym_heap_malloc(heaps[1], PYM_OBJ, 5000);
  CHECK(p != NULL);
  CHECK_EQ(seen.calls, 1);
  CHECK(pym_heap_malloc(heaps[1], PYM_OBJ, 5000) == NULL);
  pym_heap_free(heaps[1], PYM_OBJ, p);
  close_heaps();
}

CHECK_CASES(TEST(heaps_share_one_limit_to_the_byte),
            TEST(a_heap_that_is_destroyed_gives_its_room_back),
            TEST(below_what_lives_every_heap_waits),
            TEST(a_soft_limit_calls_the_heap_that_asks_at_each_crossing),
            TEST(what_a_callback_frees_in_another_heap_serves_the_request));
