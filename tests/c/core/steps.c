/* No call takes longer because there is more of something: heaps, segments, pools, free chunks.
 * Native release build: the time of the same calls in a small and in a large memory. */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

/* Nanoseconds of the fastest of a few runs of body(arg), each of which undoes itself. */
static uint64_t time_of(void (*body)(void *arg), void *arg) {
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < 9; i++) {
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    body(arg);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    const uint64_t ns =
        (uint64_t)((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
    if (ns < least) least = ns;
  }
  return least;
}
/* A walk over thousands would take hundreds of times as long; colder caches take a few times. */
#define TIMES 12

#define CALLS 50u
static void *p[20000];

static void a_segment_comes_and_goes(void *h) {
  for (unsigned i = 0; i < CALLS; i++)
    pym_heap_free(h, PYM_RAW, pym_heap_malloc(h, PYM_RAW, 70000));
}
static void a_free_in_a_heap_of_many_segments_is_quick(void) {
  target_reset(TARGET_INITIAL, 65536);
  pym_heap *few = pym_heap_new(), *many = pym_heap_new();
  if (!CHECK(few && many)) return;
  for (unsigned i = 0; i < 12000; i++) {
    p[i] = pym_heap_malloc(many, PYM_RAW, 66000);
    if (!CHECK(p[i] != NULL)) return;
  }
  CHECK(view_heap(many)->raw_segments >= 12000);
  const uint64_t small = time_of(a_segment_comes_and_goes, few);
  const uint64_t large = time_of(a_segment_comes_and_goes, many);
  check_context("ns with few", small);
  CHECK(large <= TIMES * small || !CHECK_EQ(large, small));
  for (unsigned i = 0; i < 12000; i++) pym_heap_free(many, PYM_RAW, p[i * 7 % 12000]);
  pym_heap_destroy(few);
  pym_heap_destroy(many);
}

static void a_heap_comes_and_goes(void *unused) {
  (void)unused;
  for (unsigned i = 0; i < CALLS; i++) {
    pym_heap *h = pym_heap_new();
    pym_heap_free(h, PYM_OBJ, pym_heap_malloc(h, PYM_OBJ, 40));
    pym_heap_destroy(h);
  }
}
static void a_heap_among_many_is_quick(void) {
  target_reset(TARGET_INITIAL, 65536);
  const uint64_t small = time_of(a_heap_comes_and_goes, NULL);
  for (unsigned i = 0; i < 4000; i++) {
    p[i] = pym_heap_new();
    if (!CHECK(p[i] && pym_heap_malloc(p[i], PYM_OBJ, 40))) return;
  }
  const uint64_t large = time_of(a_heap_comes_and_goes, NULL);
  check_context("ns with few", small);
  CHECK(large <= TIMES * small || !CHECK_EQ(large, small));
  for (unsigned i = 0; i < 4000; i++) pym_heap_destroy(p[i]);
}

/* The first request that pools cannot serve, after very many small blocks came back in an order of
 * chance. */
static void one_large_request(void *n) { pym_raw_free(pym_raw_malloc(*(size_t *)n)); }
static void many_freed_blocks_do_not_delay_a_large_request(void) {
  static void *blocks[1u << 20];
  for (unsigned round = 0; round < 2; round++) {
    const unsigned count = round ? COUNT(blocks) : COUNT(blocks) >> 7;
    static uint64_t took[2];
    target_reset(TARGET_INITIAL, 65536);
    for (unsigned i = 0; i < count; i++) blocks[i] = pym_obj_malloc(16);
    for (unsigned i = 0; i < count; i++) pym_obj_free(blocks[(i * 7919ull + 1) % count]);
    size_t n = 900000;
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    one_large_request(&n);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    took[round] = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
    check_context("ns for few", took[0]);
    CHECK(round == 0 || took[1] <= 500000 + TIMES * took[0] || !CHECK_EQ(took[1], took[0]));
  }
}

/* A memory at its maximum refuses as quickly when it is large. */
static void a_refused_request(void *unused) {
  (void)unused;
  for (unsigned i = 0; i < CALLS; i++) CHECK(pym_raw_malloc(900u << 20) == NULL);
}
static void a_refusal_in_a_large_memory_is_quick(void) {
  uint64_t took[2];
  for (unsigned round = 0; round < 2; round++) {
    target_reset(TARGET_INITIAL, round ? 8192 : 64);
    unsigned n = 0;
    while (n < COUNT(p) && (p[n] = pym_raw_malloc(round ? 30000 : 3000)) != NULL) n++;
    for (unsigned i = 0; i < n; i += 2) pym_raw_free(p[i]);
    pym_heap_trim(pym_heap_default());
    took[round] = time_of(a_refused_request, NULL);
  }
  check_context("ns in a small one", took[0]);
  CHECK(took[1] <= TIMES * took[0] || !CHECK_EQ(took[1], took[0]));
}

CHECK_CASES(TEST(a_free_in_a_heap_of_many_segments_is_quick), TEST(a_heap_among_many_is_quick),
            TEST(many_freed_blocks_do_not_delay_a_large_request),
            TEST(a_refusal_in_a_large_memory_is_quick));
