/* One memory for everything: what pools and large blocks give back serves whoever asks, and of free
 * memory the piece that fits best. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define MANY 30000u
static unsigned char *many[MANY];

static unsigned take_many(unsigned count, enum pym_domain d, size_t n) {
  for (unsigned i = 0; i < count; i++) {
    many[i] = pym_heap_malloc(pym_heap_default(), d, n);
    if (!CHECK(many[i] != NULL)) return i;
    fill(many[i], n, i);
  }
  return count;
}

static void free_many(unsigned from, unsigned count, enum pym_domain d, size_t n) {
  for (unsigned i = from; i < count; i++) {
    CHECK(holds(many[i], n, i));
    pym_heap_free(pym_heap_default(), d, many[i]);
  }
}

/* ---- Pools are raw memory ---- */

/* No byte of memory lost on the way: the block is as large as the pools together.  The class's
 * current pool stays, whole, for its next request. */
static void pools_that_were_emptied_are_one_raw_block_at_once(void) {
  static const size_t lengths[] = {8, 24, 104, 264, 512};
  const struct heap_view *heap = view_heap(pym_heap_default());
  for (unsigned k = 0; k < COUNT(lengths); k++) {
    size_t n = lengths[k];
    check_context("block size", n);
    pym_heap_trim(pym_heap_default());
    unsigned count = take_many((unsigned)(600000 / n < MANY ? 600000 / n : MANY), PYM_OBJ, n);
    uint32_t pools = heap->pools[n / 8], used = heap->pools_used;
    CHECK(pools > count / view_capacity((uint32_t)n) - 4);
    free_many(0, count, PYM_OBJ, n);
    CHECK(heap->pools[n / 8] <= 1);
    CHECK_EQ(heap->pools_used, used - pools + heap->pools[n / 8]);
    unsigned char *current = at(heap->current[1][n / 8] * POOL_BYTES);
    for (unsigned i = 0; i < count; i++)
      if (!CHECK(!view_class(many[i]) || view_base(many[i]) == (char *)current)) break;
    uint64_t growths = target_growths();
    target_fail_after(0, 1);
    void *p = pym_raw_malloc((pools - 4) * POOL_BYTES);
    CHECK(p != NULL);
    CHECK_EQ(target_growths(), growths);
    target_fail_after(-1, 0);
    pym_raw_free(p);
    check_sound(pym_heap_default());
  }
}

/* Not before, not later. */
static void the_free_that_empties_a_pool_makes_it_free_memory(void) {
  pym_heap *h = pym_heap_new();
  for (unsigned c = 1; c <= PYM_SMALL_MAX / 8; c++) {
    const uint32_t capacity = view_capacity(c * 8);
    check_context("block size", c * 8);
    for (unsigned i = 0; i < 2 * capacity; i++) many[i] = pym_heap_malloc(h, PYM_OBJ, c * 8);
    void *current = pym_heap_malloc(h, PYM_OBJ, c * 8);
    /* two full pools, and a third that is current; the first is emptied from its middle on */
    CHECK(view_base(many[0]) == view_base(many[capacity - 1]) &&
          view_base(many[0]) != view_base(many[capacity]));
    const pym_size free_bytes = view_heap(h)->raw_free;
    CHECK_EQ(view_heap(h)->pools[c], 3);
    for (unsigned i = 0; i < capacity; i++) {
      CHECK(view_class(many[0]) == c && view_heap(h)->raw_free == free_bytes);
      pym_heap_free(h, PYM_OBJ, many[(i + capacity / 2) % capacity]);
    }
    CHECK_EQ(view_class(many[0]), 0);
    CHECK_EQ(view_heap(h)->raw_free, free_bytes + POOL_BYTES);
    CHECK_EQ(view_heap(h)->pools[c], 2);
    for (unsigned i = 0; i < capacity; i++) pym_heap_free(h, PYM_OBJ, many[capacity + i]);
    pym_heap_free(h, PYM_OBJ, current);
    check_sound(h);
  }
  pym_heap_destroy(h);
}

/* The other way round, and pool by pool among large blocks. */
static void a_raw_block_given_back_is_pools(void) {
  void *big = pym_raw_malloc(3 << 20), *kept = pym_raw_malloc(1000);
  if (!CHECK(big != NULL && kept != NULL)) return;
  fill(big, 3 << 20, 1);
  pym_raw_free(big);
  target_fail_after(0, 1);
  uint64_t growths = target_growths();
  unsigned count = take_many((3 << 20) / POOL_BYTES * 7 - 7, PYM_OBJ, 512);
  CHECK_EQ(target_growths(), growths);
  target_fail_after(-1, 0);
  check_sound(pym_heap_default());
  /* every second pool's worth back, and large blocks into the gaps */
  for (unsigned i = 0; i < count; i++)
    if (off(many[i]) / POOL_BYTES % 2) pym_obj_free(many[i]);
  pym_heap_trim(pym_heap_default());
  growths = target_growths();
  static void *gaps[3000];
  unsigned filled = 0;
  for (; filled < count / 7 / 2 - 4; filled++) {
    gaps[filled] = pym_raw_malloc(POOL_BYTES - RAW_HEADER);
    if (!CHECK(gaps[filled] != NULL)) break;
    fill(gaps[filled], POOL_BYTES - RAW_HEADER, filled);
  }
  CHECK_EQ(target_growths(), growths);
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < count; i++) {
    if (off(many[i]) / POOL_BYTES % 2) continue;
    CHECK(holds(many[i], 512, i));
    pym_obj_free(many[i]);
  }
  while (filled--) {
    CHECK(holds(gaps[filled], POOL_BYTES - RAW_HEADER, filled));
    pym_raw_free(gaps[filled]);
  }
  pym_raw_free(kept);
  check_sound(pym_heap_default());
}

/* Raw blocks of a pool's size, at a pool's place, are no pools. */
static void a_raw_block_in_the_shape_of_a_pool_is_none(void) {
  static unsigned char *p[40];
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_raw_aligned_alloc(POOL_BYTES, POOL_BYTES - RAW_HEADER);
    if (!CHECK(p[i] != NULL)) return;
    CHECK_EQ(pym_usable_size(p[i]), POOL_BYTES - RAW_HEADER);
    CHECK_EQ(view_class(p[i]), 0);
    fill(p[i], POOL_BYTES - RAW_HEADER, i);
  }
  void *small = pym_obj_malloc(100);
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < COUNT(p); i++) {
    CHECK(holds(p[i], POOL_BYTES - RAW_HEADER, i));
    p[i] = pym_raw_realloc(p[i], 300); /* smaller, then as a pool again */
    p[i] = pym_raw_realloc(p[i], POOL_BYTES - RAW_HEADER);
    CHECK(p[i] != NULL && holds(p[i], 300, i));
    pym_raw_free(p[i]);
  }
  pym_obj_free(small);
  check_sound(pym_heap_default());
}

/* ---- Which free memory is taken ---- */

/* Cached chunks are joined before memory grows, however few. */
static void cached_chunks_are_joined_before_memory_grows(void) {
  static unsigned char *p[20];
  static void *rest[12000];
  unsigned rests = 0;
  target_reset(TARGET_INITIAL, TARGET_MAX);
  void *much = pym_raw_malloc(400 * WASM_PAGE); /* what is cached is little beside it */
  unsigned side_by_side = 0;
  while (side_by_side < COUNT(p) && rests < COUNT(rest) / 2) {
    unsigned char *block = pym_raw_malloc(1000);
    if (side_by_side && block != p[side_by_side - 1] + 1000 + RAW_HEADER)
      while (side_by_side) rest[rests++] = p[--side_by_side]; /* it filled a hole */
    p[side_by_side++] = block;
  }
  if (!CHECK_EQ(side_by_side, COUNT(p))) return;
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n > 600; n -= n / 4)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  target_fail_after(-1, 0);
  for (unsigned i = 0; i < COUNT(p); i++) pym_raw_free(p[i]);
  uint64_t growths = target_growths();
  void *q = pym_raw_malloc(5000);
  CHECK(q != NULL);
  CHECK_EQ(target_growths(), growths);
  pym_raw_free(q);
  pym_raw_free(much);
  while (rests) pym_raw_free(rest[--rests]);
  check_sound(pym_heap_default());
}

/* In a small heap the first few blocks of a rare size come from a class a little larger. */
static void a_rare_size_of_a_small_heap_gets_no_pool(void) {
  pym_heap *h = pym_heap_new();
  void *lender = pym_heap_malloc(h, PYM_OBJ, 120);
  void *p = pym_heap_malloc(h, PYM_OBJ, 100); /* of the list */
  pym_heap_trim(h);
  void *q = pym_heap_malloc(h, PYM_MEM, 98); /* of the pool */
  CHECK(pym_usable_size(p) == 120 && pym_usable_size(q) == 120);
  CHECK(view_heap(h)->pools[13] == 0 && view_heap(h)->pools_used == 1);
  void *r = pym_heap_malloc(h, PYM_OBJ, 112); /* aligned to 16: not from there */
  CHECK_EQ(pym_usable_size(r), 112);
  CHECK(lender != NULL);
  check_sound(h);
  pym_heap_destroy(h);
}

/* Once the size turns out not to be rare it has its own pool, and where a limit is set at once. */
static void a_size_asked_for_often_gets_its_own_pool(void) {
  pym_heap *h = pym_heap_new();
  void *lender = pym_heap_malloc(h, PYM_OBJ, 120);
  unsigned borrowed = 0, own = 0;
  for (unsigned i = 0; i < 400; i++) {
    void *p = pym_heap_malloc(h, PYM_OBJ, 104);
    if (!CHECK(p != NULL)) return;
    borrowed += pym_usable_size(p) == 120;
    own += pym_usable_size(p) == 104;
    if (i % 2) pym_heap_free(h, PYM_OBJ, p);
  }
  CHECK(borrowed > 0 && borrowed <= 66 && own + borrowed == 400);
  CHECK(lender != NULL && view_heap(h)->pools[13] > 0);
  check_sound(h);
  pym_heap_destroy(h);
}

/* Of the free chunks the shortest that is long enough is taken, in whatever order they became free,
 * and whatever is free beside them. */
static void the_free_chunk_that_fits_best_is_taken(void) {
  static const size_t lengths[] = {9900, 9304, 9608};
  for (unsigned first = 0; first < 6; first++) {
    unsigned char *p[3], *wall[4];
    pym_heap *h = pym_heap_new();
    check_context("order", first);
    for (unsigned i = 0; i < 3; i++) {
      wall[i] = pym_heap_malloc(h, PYM_RAW, 100);
      p[i] = pym_heap_malloc(h, PYM_RAW, lengths[i]);
    }
    wall[3] = pym_heap_malloc(h, PYM_RAW, 100);
    for (unsigned k = 0; k < 3; k++) {
      unsigned i = first < 3 ? (first + k) % 3 : (first + 3 - k) % 3;
      pym_heap_free(h, PYM_RAW, p[i]);
    }
    CHECK(pym_heap_malloc(h, PYM_RAW, 9500) == p[2]);
    CHECK(pym_heap_malloc(h, PYM_RAW, 9500) == p[0]);
    CHECK(pym_heap_malloc(h, PYM_RAW, 9304) == p[1]);
    CHECK(wall[0] && wall[1] && wall[2] && wall[3]);
    check_sound(h);
    pym_heap_destroy(h);
  }
}

/* The same against a plain search, with free chunks of hundreds of sizes in every list and tree. */
#define HOLES 600u
struct hole {
  unsigned char *p;
  pym_size bytes;
};
static struct hole holes[HOLES];

static void make_holes(pym_heap *h, uint64_t seed) {
  for (unsigned i = 0; i < HOLES; i++) {
    const uint64_t r = check_mix(seed, i);
    uint32_t n = 8200 + (uint32_t)(r >> 32) % (1u << (6 + r % 10)); /* beyond what is cached */
    if (r % 4 == 0) n = 8200 + 16 * (uint32_t)(r >> 32 & 15);       /* of equal sizes, too */
    holes[i].p = pym_heap_malloc(h, PYM_RAW, n);
    if (!CHECK(holes[i].p && pym_heap_malloc(h, PYM_RAW, 64))) return;
    holes[i].bytes = (pym_size)pym_usable_size(holes[i].p);
  }
  for (unsigned i = 0; i < HOLES; i++) pym_heap_free(h, PYM_RAW, holes[i * 7 % HOLES].p);
}

static void no_free_chunk_that_fits_is_passed_over(void) {
  const uint64_t seed = check_seed();
  pym_heap *h = pym_heap_default();
  const int fresh = target_reset(TARGET_INITIAL, TARGET_MAX); /* else holes may join others */
  pym_heap_trim(h);
  make_holes(h, seed);
  const uint64_t growths = target_growths();
  for (unsigned left = HOLES; left > HOLES / 8; left--) {
    const uint64_t r = check_mix(seed, 1000 + left);
    const pym_size wanted = holes[r % HOLES].bytes;
    if (!wanted) continue;
    check_context("bytes", wanted);
    unsigned char *p = pym_heap_malloc(h, PYM_RAW, wanted);
    unsigned i = 0;
    while (i < HOLES && (holes[i].p != p || !holes[i].bytes)) i++;
    CHECK_EQ(pym_usable_size(p), wanted);
    if (!CHECK(!fresh || (i < HOLES && holes[i].bytes == wanted))) break;
    if (i < HOLES) holes[i].bytes = 0;
  }
  CHECK(!fresh || target_growths() == growths);
  check_sound(h);
}

/* Blocks of a pool come back last freed first, once the list that it gave is used up. */
static void the_small_block_freed_last_is_the_next_of_its_size(void) {
  for (uint32_t n = 8; n <= PYM_SMALL_MAX; n += 72) {
    pym_heap *h = pym_heap_new();
    const uint32_t capacity = view_capacity(n);
    check_context("size", n);
    for (unsigned i = 0; i < capacity; i++) many[i] = pym_heap_malloc(h, PYM_OBJ, n);
    for (unsigned i = 1; i < capacity; i++) {
      CHECK(view_base(many[i]) == view_base(many[0]) && many[i] == many[i - 1] + n);
      pym_heap_free(h, PYM_OBJ, many[i]);
    }
    for (unsigned i = capacity - 1; i; i--) CHECK(pym_heap_malloc(h, PYM_OBJ, n) == many[i]);
    check_sound(h);
    pym_heap_destroy(h);
  }
}

/* What was freed last is in the cache: the next one of its size has it. */
static void the_block_freed_last_is_the_next_of_its_size(void) {
  static const size_t lengths[] = {520, 1000, 4000, 8000};
  for (unsigned k = 0; k < COUNT(lengths); k++) {
    for (unsigned d = 0; d < PYM_DOMAINS; d++) {
      pym_heap *h = pym_heap_default();
      enum pym_domain e = (enum pym_domain)d;
      check_context("size, domain", lengths[k] * 10 + d);
      void *p = pym_heap_malloc(h, e, lengths[k]), *q = pym_heap_malloc(h, e, lengths[k]);
      void *r = pym_heap_malloc(h, e, lengths[k]);
      pym_heap_free(h, e, p);
      pym_heap_free(h, e, q);
      CHECK(pym_heap_malloc(h, e, lengths[k]) == q);
      CHECK(pym_heap_malloc(h, e, lengths[k]) == p);
      pym_heap_free(h, e, p), pym_heap_free(h, e, q), pym_heap_free(h, e, r);
    }
  }
}

/* ---- Alignment ---- */

/* What is skipped before an aligned block is free memory, not lost. */
static void aligned_blocks_waste_nothing_for_good(void) {
  static void *p[17 * 12];
  for (unsigned heap = 0; heap < 2; heap++) {
    pym_heap *h = heap ? pym_heap_new() : pym_heap_default();
    check_context("heap", heap);
    pym_heap_trim(h);
    const pym_size used = view_heap(h)->raw_bytes - view_heap(h)->raw_free;
    for (unsigned i = 0; i < COUNT(p); i++) {
      size_t align = (size_t)1 << i % 17, n = 1 + i * 37 % 5000;
      p[i] = pym_heap_aligned_alloc(h, align, n);
      if (!CHECK(p[i] != NULL && ((uintptr_t)p[i] & (align - 1)) == 0)) return;
      fill(p[i], n, i);
      if (i % 3 == 0) CHECK(pym_usable_size(p[i]) < n + 32);
    }
    check_sound(h);
    for (unsigned i = 0; i < COUNT(p); i++) {
      unsigned k = i * 5 % COUNT(p);
      CHECK(holds(p[k], 1 + k * 37 % 5000, k));
      pym_heap_free(h, PYM_RAW, p[k]);
    }
    check_sound(h);
    pym_heap_trim(h);
    /* of another heap each segment is given back, with its header and end */
    CHECK_EQ(view_heap(h)->raw_bytes - view_heap(h)->raw_free, heap ? 0 : used);
    if (heap) pym_heap_destroy(h);
  }
}

CHECK_CASES(TEST(pools_that_were_emptied_are_one_raw_block_at_once),
            TEST(the_free_that_empties_a_pool_makes_it_free_memory),
            TEST(a_raw_block_given_back_is_pools), TEST(a_raw_block_in_the_shape_of_a_pool_is_none),
            TEST(the_free_chunk_that_fits_best_is_taken),
            TEST(no_free_chunk_that_fits_is_passed_over),
            TEST(the_small_block_freed_last_is_the_next_of_its_size),
            TEST(the_block_freed_last_is_the_next_of_its_size),
            TEST(cached_chunks_are_joined_before_memory_grows),
            TEST(a_rare_size_of_a_small_heap_gets_no_pool),
            TEST(a_size_asked_for_often_gets_its_own_pool),
            TEST(aligned_blocks_waste_nothing_for_good));
