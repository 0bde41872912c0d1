/* Heaps other than the default one: their segments are raw blocks of it, and go back to it. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

static void *many[5000];

/* Entries of the pool table that are pools. */
static unsigned pools_in_table(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < LEAVES; i++) {
    const struct pym__pool *pools = at(view_space()->leaves[i]);
    for (unsigned k = 0; view_space()->leaves[i] && k < LEAF_POOLS; k++) n += pools[k].size != 0;
  }
  return n;
}

static pym_size bytes_in_use(void) {
  pym_heap_trim(pym_heap_default());
  const struct heap_view *v = view_heap(pym_heap_default());
  return v->raw_bytes - v->raw_free;
}

/* Blocks outside of pools, the library's own in. */
static uint64_t raw_blocks(pym_heap *h) {
  uint64_t blocks = 0;
  for (unsigned domain = 0; domain <= PYM_DOMAINS; domain++)
    blocks += view_heap(h)->domains[domain].raw_mallocs - view_heap(h)->domains[domain].raw_frees;
  return blocks;
}

static void a_destroyed_heap_leaves_nothing(void) {
  pym_size used = 0;
  uint64_t chunks = 0;
  unsigned pools = pools_in_table();
  for (unsigned round = 0; round < 8; round++) { /* the first one may bring leaves */
    pym_heap *h = pym_heap_new();
    for (unsigned i = 0; i < 3000; i++) {
      size_t n = i % 100 ? 1 + i % 700 : 30000;
      if (!CHECK(pym_heap_malloc(h, (enum pym_domain)(i % 3), n) != NULL)) return;
    }
    CHECK(pools_in_table() > pools + 20);
    CHECK(view_heap(h)->raw_segments > 3);
    check_sound(pym_heap_default());
    pym_heap_destroy(h);
    CHECK_EQ(pools_in_table(), pools);
    if (round == 0) used = bytes_in_use(), chunks = raw_blocks(pym_heap_default());
    CHECK_EQ(bytes_in_use(), used);
    CHECK_EQ(raw_blocks(pym_heap_default()), chunks);
    check_sound(pym_heap_default());
  }
  uint64_t growths = target_growths();
  void *p = pym_raw_malloc(500000); /* they had more */
  CHECK(p != NULL);
  CHECK_EQ(target_growths(), growths);
  pym_raw_free(p);
}

/* Its segments may lie where the pool table has no leaf: nothing is written there. */
static void a_heap_without_pools_is_destroyed_without_a_leaf(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  pym_heap *h = pym_heap_new(), *other = pym_heap_new();
  unsigned char *p = NULL;
  if (!CHECK(h != NULL && other != NULL)) return;
  void *kept = pym_heap_malloc(other, PYM_OBJ, 40);
  const uint64_t before = *(volatile const uint64_t *)at(0); /* where a leaf at 0 would begin */
  for (unsigned i = 0; i < 40 && (!p || view_space()->leaves[off(p) >> 22]); i++)
    p = pym_heap_malloc(h, PYM_RAW, 60 * WASM_PAGE);
  if (!CHECK(p && !view_space()->leaves[off(p) >> 22])) return;
  pym_heap_destroy(h);
  CHECK(!view_space()->leaves[off(p) >> 22] && *(volatile const uint64_t *)at(0) == before);
  CHECK_EQ(view_class(kept), 5);
  check_sound(pym_heap_default());
  pym_heap_destroy(other);
}

/* Segments of a heap that hold nothing are the default heap's again, at once for large blocks. */
static void empty_segments_go_back_to_the_default_heap(void) {
  pym_heap *h = pym_heap_new();
  static void *p[30];
  pym_size used = bytes_in_use();
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_heap_malloc(h, (enum pym_domain)(i % 3), 100000 + i * 1000);
    if (!CHECK(p[i] != NULL)) return;
    fill(p[i], 100000, i);
  }
  CHECK(view_heap(h)->raw_segments == COUNT(p) && bytes_in_use() > used + COUNT(p) * 100000);
  for (unsigned i = 0; i < COUNT(p); i++) {
    unsigned k = i * 11 % COUNT(p);
    CHECK(holds(p[k], 100000, k));
    pym_heap_free(h, (enum pym_domain)(k % 3), p[k]);
    CHECK_EQ(view_heap(h)->raw_segments, COUNT(p) - 1 - i);
    check_sound(h);
  }
  CHECK_EQ(view_heap(h)->raw_bytes, 0);
  CHECK_EQ(bytes_in_use(), used);
  /* pools: at the free that emptied the segment; the last one holds the current pool until a trim
   */
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < COUNT(many); i++) many[i] = pym_heap_malloc(h, PYM_OBJ, 200);
    CHECK(view_heap(h)->raw_segments > 10);
    for (unsigned i = 0; i < COUNT(many); i++) pym_heap_free(h, PYM_OBJ, many[i]);
    CHECK_EQ(view_heap(h)->raw_segments, 1);
    pym_heap_trim(h);
    CHECK_EQ(view_heap(h)->raw_segments, 0);
    if (round == 0) used = bytes_in_use(); /* with the leaves that came */
    CHECK_EQ(bytes_in_use(), used);
  }
  void *again = pym_heap_malloc(h, PYM_OBJ, 200);
  CHECK(again != NULL);
  check_sound(h);
  pym_heap_destroy(h);
  check_sound(pym_heap_default());
}

/* A refusal in the middle of what a heap needs leaves nothing half done. */
static void a_heap_that_gets_no_segment_is_sound(void) {
  static void *rest[4000];
  unsigned rests = 0;
  target_reset(TARGET_INITIAL, TARGET_MAX);
  pym_heap *h = pym_heap_new();
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n > 16; n -= (n + 3) / 4)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  CHECK(pym_heap_new() == NULL);
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    CHECK(pym_heap_malloc(h, (enum pym_domain)d, 64) == NULL);
    CHECK(pym_heap_malloc(h, (enum pym_domain)d, 64000) == NULL);
    CHECK_EQ(stats_of(h, (enum pym_domain)d).failures, 2);
  }
  CHECK_EQ(view_heap(h)->raw_segments, 0);
  CHECK(pym_heap_aligned_alloc(h, 65536, 100) == NULL);
  check_sound(h);
  target_fail_after(-1, 0);
  CHECK(pym_heap_malloc(h, PYM_OBJ, 64) != NULL);
  check_sound(h);
  pym_heap_destroy(h);
  while (rests) pym_raw_free(rest[--rests]);
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(a_destroyed_heap_leaves_nothing),
            TEST(a_heap_without_pools_is_destroyed_without_a_leaf),
            TEST(empty_segments_go_back_to_the_default_heap),
            TEST(a_heap_that_gets_no_segment_is_sound));
