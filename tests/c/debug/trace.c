/* Memory of others, under CPython's names and ours. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "pymalloc_python.h"
#include "target.h"

static pym_trace_stats traced(unsigned domain) {
  pym_trace_stats s;
  CHECK_EQ(pym_trace_stats_get(domain, &s), 0);
  return s;
}

static void nothing_is_traced_before_it_is_started(void) {
  pym_trace_stats s = {1, 1, 1};
  CHECK_EQ(PyTraceMalloc_Track(7, 100, 1), -2);
  CHECK_EQ(PyTraceMalloc_Untrack(7, 100), -2);
  CHECK_EQ(pym_trace_stats_get(PYM_TRACE_ALL, &s), -2);
  CHECK(!s.blocks && !s.bytes && !s.peak_bytes);
  pym_trace_stop();
}

static void a_block_is_counted_in_its_domain_until_it_goes(void) {
  CHECK_EQ(pym_trace_start(), 0);
  CHECK_EQ(PyTraceMalloc_Track(7, 100, 1000), 0);
  CHECK_EQ(PyTraceMalloc_Track(8, 100, 20), 0);
  CHECK_EQ(pym_trace_start(), 0); /* again: nothing is forgotten */
  CHECK_EQ(traced(7).bytes, 1000);
  CHECK_EQ(traced(8).bytes, 20);
  CHECK_EQ(PyTraceMalloc_Track(7, 100, 300), 0); /* known: its size is new */
  CHECK(traced(7).blocks == 1 && traced(7).bytes == 300);
  CHECK(traced(PYM_TRACE_ALL).blocks == 2 && traced(PYM_TRACE_ALL).bytes == 320);
  CHECK_EQ(traced(PYM_TRACE_ALL).peak_bytes, 1020);
  CHECK_EQ(PyTraceMalloc_Untrack(7, 100), 0);
  CHECK_EQ(PyTraceMalloc_Untrack(7, 100), 0); /* not there: nothing */
  CHECK(traced(7).blocks == 0 && traced(8).blocks == 1);
  CHECK_EQ(PyTraceMalloc_Track(0, 0, SIZE_MAX), 0); /* any number is an address, and a size */
  CHECK_EQ(traced(0).bytes, SIZE_MAX);
  pym_trace_stop();
  CHECK_EQ(PyTraceMalloc_Track(7, 100, 1), -2);
}

/* Against a count of our own: 40 addresses in each of 50 domains, the table growing meanwhile. */
static void random_traces_are_what_was_noted(void) {
  static size_t size[50][40];
  uint64_t seed = check_seed(), bytes = 0, blocks = 0, peak = 0;
  CHECK_EQ(pym_trace_start(), 0);
  for (unsigned i = 0; i < 40000; i++) {
    const uint64_t r = check_mix(seed, i);
    const unsigned d = (unsigned)(r % 50), a = (unsigned)((r >> 8) % 40), gone = (r >> 20) % 3 == 0;
    const size_t n = gone ? 0 : 1 + (r >> 32) % 5000;
    if (gone) CHECK_EQ(pym_untrace(d, a * 8), 0);
    else CHECK_EQ(pym_trace(d, a * 8, n), 0);
    blocks += (uint64_t)(n != 0) - (size[d][a] != 0);
    bytes += n - (uint64_t)size[d][a];
    size[d][a] = n;
    if (bytes > peak) peak = bytes;
    if (i % 4000) continue;
    const pym_trace_stats all = traced(PYM_TRACE_ALL);
    CHECK(all.blocks == blocks && all.bytes == bytes && all.peak_bytes == peak);
  }
  for (unsigned d = 0; d < 50; d++) {
    uint64_t sum = 0;
    for (unsigned a = 0; a < 40; a++) sum += size[d][a];
    CHECK_EQ(traced(d).bytes, sum);
  }
  check_sound(pym_heap_default());
  pym_trace_stop();
  check_sound(pym_heap_default());
}

static void without_memory_a_new_block_is_refused_and_the_others_stay(void) {
  void *list = NULL;
  CHECK_EQ(pym_trace_start(), 0);
  for (unsigned i = 0; i < 384; i++) CHECK_EQ(pym_trace(1, i, 1), 0); /* three quarters of 512 */
  target_fail_after(0, 1);
  for (void **p; (p = pym_raw_malloc(4000)) != NULL; list = p) *p = list;
  CHECK_EQ(pym_trace(1, 1000, 1), -1);
  CHECK_EQ(pym_trace(1, 5, 2), 0); /* it is there */
  CHECK(traced(1).blocks == 384 && traced(1).bytes == 385);
  target_fail_after(-1, 0);
  for (void *next; list; list = next) {
    next = *(void **)list;
    pym_raw_free(list);
  }
  CHECK_EQ(pym_trace(1, 1000, 1), 0);
  CHECK_EQ(traced(1).blocks, 385);
  pym_trace_stop();
}

/* Does a dump have the line "# bytes in them  = .. 4,711"? */
static void look(void *ctx, const char *text, size_t n) {
  *(int *)ctx += n == 58 && text[2] == 'b' && text[14] == 'm' && text[52] == '4' &&
                 text[53] == ',' && text[56] == '1';
}

static void a_dump_tells_of_them(void) {
  int before = 0, told = 0;
  pym_dump(pym_heap_default(), look, &before);
  pym_trace_start();
  pym_trace(3, 40, 4711);
  pym_dump(pym_heap_default(), look, &told);
  pym_trace_stop();
  CHECK(before == 0 && told == 1);
}

CHECK_CASES(TEST(nothing_is_traced_before_it_is_started),
            TEST(a_block_is_counted_in_its_domain_until_it_goes),
            TEST(random_traces_are_what_was_noted),
            TEST(without_memory_a_new_block_is_refused_and_the_others_stay),
            TEST(a_dump_tells_of_them));
