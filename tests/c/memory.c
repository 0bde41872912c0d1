/* One memory for everything: what pools, large blocks and heaps give back serves whoever asks; the
 * map of pools grows with memory; blocks at the end of memory grow where they are. */
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

/* No byte of memory lost on the way: the block is as large as the pools together. */
static void pools_given_back_are_one_raw_block(void) {
  static const size_t lengths[] = {8, 24, 104, 264, 512};
  for (unsigned k = 0; k < COUNT(lengths); k++) {
    size_t n = lengths[k];
    check_context("block size", n);
    pym_heap_trim(pym_heap_default());
    unsigned count = take_many((unsigned)(600000 / n < MANY ? 600000 / n : MANY), PYM_OBJ, n);
    uint32_t pools = view_heap(pym_heap_default())->pools[n / 8];
    uint32_t used = view_heap(pym_heap_default())->pools_used;
    CHECK(pools > count / (POOL_ROOM / n) - 4);
    free_many(0, count, PYM_OBJ, n);
    uint64_t growths = target_growths();
    pym_heap_trim(pym_heap_default());
    CHECK_EQ(view_heap(pym_heap_default())->pools[n / 8], 0);
    CHECK_EQ(view_heap(pym_heap_default())->pools_used, used - pools);
    for (unsigned i = 0; i < count; i++)
      if (!CHECK_EQ(view_class(many[i]), 0)) break;
    target_fail_after(0, 1);
    void *p = pym_raw_malloc((pools - 4) * POOL_BYTES);
    CHECK(p != NULL);
    CHECK_EQ(target_growths(), growths);
    target_fail_after(-1, 0);
    pym_raw_free(p);
    check_sound(pym_heap_default());
  }
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

/* ---- The map of pools ---- */

#define EACH 40u
#define STEPS 5u
static unsigned char *marks[STEPS + 1][2][EACH];
static void *spans[STEPS + 1];

static void *small_at(unsigned step, unsigned i) {
  return i % 2 ? pym_obj_malloc(16 + 24 * step) : pym_mem_malloc(16 + 24 * step);
}

/* A few full pools of each of two domains, of a size that no step before had. */
static void mark_step(unsigned step) {
  for (unsigned k = 0; k < 2; k++) {
    for (unsigned i = 0; i < EACH; i++) {
      marks[step][k][i] = small_at(step, k);
      if (!CHECK(marks[step][k][i] != NULL)) return;
      fill(marks[step][k][i], 16 + 24 * step, step * 1000 + k * 100 + i);
    }
  }
}

static void unmark_step(unsigned step) {
  for (unsigned k = 0; k < 2; k++) {
    for (unsigned i = 0; i < EACH; i++) {
      unsigned char *p = marks[step][k][i];
      CHECK(holds(p, 16 + 24 * step, step * 1000 + k * 100 + i));
      CHECK(pym_usable_size(p) >= 16 + 24 * step && view_class(p) != 0);
      if (k) pym_obj_free(p);
      else pym_mem_free(p);
    }
  }
}

/* Memory past 4, 16, 64, 256 MiB, natively 1 GiB; each time the map is longer and where it was is
 * free.  Small blocks from before and after are told by it. */
static void the_map_of_pools_grows_with_memory(void) {
  static const uint32_t upto[STEPS] = {4, 16, 64, 256, 1024}; /* MiB */
  unsigned steps = target_reset(TARGET_INITIAL, 30000) ? STEPS : 4, done = 0;
  mark_step(0);
  for (; done < steps; done++) {
    check_context("past MiB", upto[done]);
    uint32_t pages = upto[done] * 16;
    if (target_pages() <= pages)
      spans[done] = pym_raw_malloc((pages - target_pages() + 2) * WASM_PAGE);
    CHECK(target_pages() > pages || spans[done] != NULL);
    pym_heap_trim(pym_heap_default());
    mark_step(done + 1);
    unsigned char *last = pym_obj_malloc(400 + 8 * done);
    while (last && off(last) >> 16 < pages) last = pym_obj_malloc(400 + 8 * done);
    if (!CHECK(last != NULL)) break;
    CHECK(view_space()->pool_map_len > off(last) / POOL_BYTES);
    CHECK_EQ(view_heap(pym_heap_default())->domains[PYM_OBJ].gate, view_space()->pool_map_len);
    CHECK_EQ(view_class(last), (400 + 8 * done) / 8);
    check_sound(pym_heap_default());
  }
  check_context("map block", 0);
  const struct domain *own = &view_heap(pym_heap_default())->domains[3];
  CHECK(own->raw_bytes - own->raw_freed >= view_space()->pool_map_len);
  CHECK(own->raw_bytes - own->raw_freed < view_space()->pool_map_len + 20000); /* old ones went */
  for (unsigned step = 0; step <= done; step++) {
    unmark_step(step);
    if (step < done) pym_raw_free(spans[step]);
  }
  check_sound(pym_heap_default());
}

/* Every heap's fast path learns of a longer map: blocks behind the old end are freed by it. */
static void other_heaps_know_the_longer_map(void) {
  pym_heap *h[2] = {pym_heap_new(), pym_heap_new()};
  unsigned char *early[2], *late[2];
  if (!CHECK(h[0] && h[1])) return;
  for (unsigned i = 0; i < 2; i++) early[i] = pym_heap_malloc(h[i], PYM_OBJ, 72);
  uint32_t covered = view_space()->pool_map_len / 16;
  if (covered > 20000) covered = 0; /* it has all that this test would use */
  else target_foreign(covered - target_pages() + 1);
  while (off(late[0] = pym_obj_malloc(120)) >> 16 < covered) continue;
  CHECK(view_space()->pool_map_len / 16 > covered);
  for (unsigned i = 0; i < 2; i++) {
    CHECK_EQ(view_heap(h[i])->domains[PYM_MEM].gate, view_space()->pool_map_len);
    CHECK_EQ(view_heap(h[i])->domains[PYM_OBJ].gate, view_space()->pool_map_len);
    late[i] = pym_heap_malloc(h[i], PYM_OBJ, 72);
    for (unsigned k = 0; k < 2000; k++) CHECK(pym_heap_malloc(h[i], PYM_MEM, 72) != NULL);
    pym_heap_free(h[i], PYM_OBJ, early[i]);
    pym_heap_free(h[i], PYM_OBJ, late[i]);
    CHECK_EQ(stats_of(h[i], PYM_OBJ).live_blocks, 0);
    check_sound(h[i]);
    pym_heap_destroy(h[i]);
  }
  check_sound(pym_heap_default());
}

/* A limit that was passed keeps the fast path closed while the map grows. */
static void a_closed_gate_stays_closed_when_the_map_grows(void) {
  void *kept = pym_mem_malloc(5000);
  pym_limit_set(pym_heap_default(), PYM_MEM, PYM_UNLIMITED, 100);
  CHECK_EQ(view_heap(pym_heap_default())->domains[PYM_OBJ].gate, 0);
  uint32_t covered = view_space()->pool_map_len / 16;
  if (covered > 20000) covered = 0;
  else target_foreign(covered - target_pages() + 1);
  void *late;
  while (off(late = pym_obj_malloc(136)) >> 16 < covered) continue;
  CHECK_EQ(view_heap(pym_heap_default())->domains[PYM_OBJ].gate, 0);
  CHECK(pym_mem_malloc(1) == NULL);
  pym_mem_free(kept);
  CHECK_EQ(view_heap(pym_heap_default())->domains[PYM_OBJ].gate, view_space()->pool_map_len);
  pym_limit_set(pym_heap_default(), PYM_MEM, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_obj_free(late);
  check_sound(pym_heap_default());
}

/* No memory for a longer map: a pool behind its end cannot be had, all else goes on. */
static void a_map_that_cannot_grow_is_out_of_memory(void) {
  for (unsigned size = 16; size <= 512; size += 124) {
    target_reset(TARGET_INITIAL, TARGET_MAX);
    check_context("block size", size);
    uint32_t covered = view_space()->pool_map_len / 16;
    if (covered > 20000) return;
    pym_heap *h = pym_heap_new();
    unsigned count = take_many(900, PYM_OBJ, size);
    target_foreign(covered - target_pages() + 1);
    void *beyond = pym_raw_malloc(POOL_BYTES); /* brings a page behind the map */
    target_fail_after(0, 1);
    static void *rest[20000];
    unsigned rests = 0;
    for (size_t n = 1 << 20; n > 900; n -= n / 4) /* room for pools, none for a map of 4096 bytes */
      while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
    void *spare = pym_raw_malloc(100);
    pym_raw_free(beyond);
    unsigned got = 0;
    while (count + got < MANY && (many[count + got] = pym_obj_malloc(size)) != NULL) got++;
    CHECK(count + got < MANY);
    if (covered * 16 == view_space()->pool_map_len)
      for (unsigned i = 0; i < got; i++) CHECK(off(many[count + i]) >> 16 < covered);
    check_sound(pym_heap_default());
    check_sound(h);
    CHECK(pym_heap_malloc(h, PYM_MEM, size) == NULL || view_heap(h)->pools_used);
    target_fail_after(-1, 0);
    void *late;
    while (off(late = pym_obj_malloc(size)) >> 16 < covered) continue;
    CHECK(view_space()->pool_map_len / 16 > covered && view_class(late) == (size + 7) / 8);
    free_many(0, count, PYM_OBJ, size);
    while (got) pym_obj_free(many[count + --got]);
    while (rests) pym_raw_free(rest[--rests]);
    pym_raw_free(spare);
    pym_heap_destroy(h);
    check_sound(pym_heap_default());
  }
}

/* ---- In place ---- */

/* The last block of memory becomes longer where it is, by new memory. */
static void a_large_block_at_the_end_grows_in_place(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_heap *h = pym_heap_default();
    check_context("domain", d);
    uint32_t pages = pages_now().free + 3;
    unsigned char *p = pym_heap_malloc(h, (enum pym_domain)d, pages * WASM_PAGE), *first = p;
    if (!CHECK(p != NULL)) return;
    fill(p, pages * WASM_PAGE, d);
    uint64_t total = stats_of(h, (enum pym_domain)d).total_blocks;
    for (unsigned i = 1; i < 100; i++) {
      p = pym_heap_realloc(h, (enum pym_domain)d, p, (pages + i) * WASM_PAGE + i * 16);
      if (!CHECK(p == first)) break;
    }
    CHECK(holds(p, pages * WASM_PAGE, d));
    CHECK_EQ(stats_of(h, (enum pym_domain)d).total_blocks, total);
    check_sound(h);
    pym_heap_free(h, (enum pym_domain)d, p);
    check_sound(h);
  }
}

/* Growth is for what has no other place, and for no more than that. */
static void growth_in_place_is_what_is_needed(void) {
  pym_heap *h = pym_heap_default();
  target_reset(TARGET_INITIAL, TARGET_MAX);
  uint32_t pages = pages_now().free + 20;
  void *p = pym_raw_malloc(pages * WASM_PAGE), *q = pym_raw_realloc(p, 10 * WASM_PAGE);
  uint64_t growths = target_growths();
  CHECK(q == p);
  p = pym_raw_realloc(q, 12 * WASM_PAGE); /* there is room behind it */
  CHECK(p == q);
  CHECK_EQ(target_growths(), growths);
  void *wall = pym_raw_malloc(100);
  if (target_reset(TARGET_INITIAL, TARGET_MAX)) {
    void *room = pym_raw_malloc(40 * WASM_PAGE), *last = pym_raw_malloc(20 * WASM_PAGE);
    pym_raw_free(room);
    growths = target_growths();
    q = pym_raw_realloc(last, 30 * WASM_PAGE); /* there is room elsewhere */
    CHECK(q == room);
    CHECK_EQ(target_growths(), growths);
    wall = pym_raw_malloc(64 * WASM_PAGE);
    growths = target_growths();
    uint32_t before = target_pages();
    p = pym_raw_realloc(q, 300 * WASM_PAGE); /* in the middle: a place at the end, at once */
    CHECK(p != q);
    CHECK_EQ(target_growths(), growths + 1);
    CHECK(target_pages() <= before + 301 + before / 32);
    pym_raw_free(p);
    pym_raw_free(wall);
  } else {
    pym_raw_free(wall);
    pym_raw_free(p);
  }
  check_sound(h);
}

/* A heap of its own cannot make its segments longer: it does not take one in vain. */
static void a_block_of_another_heap_moves_to_one_new_segment(void) {
  pym_heap *h = pym_heap_new();
  void *p = pym_heap_malloc(h, PYM_RAW, 100000);
  CHECK_EQ(view_heap(h)->raw_segments, 1);
  for (size_t n = 200000; n <= 1600000; n *= 2) {
    uint64_t events = view_space()->event_seq;
    p = pym_heap_realloc(h, PYM_RAW, p, n);
    CHECK(p != NULL);
    CHECK_EQ(view_heap(h)->raw_segments, 1);
    CHECK(view_heap(h)->raw_bytes < n + 100 && view_space()->event_seq <= events + 1);
  }
  pym_heap_destroy(h);
  check_sound(pym_heap_default());
}

/* A stranger's page behind it: it moves, once, and grows on from there. */
static void behind_a_stranger_it_moves_once(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  uint32_t pages = pages_now().free + 3;
  unsigned char *p = pym_raw_malloc(pages * WASM_PAGE), *first = p;
  unsigned char *strange = target_foreign(1);
  if (!CHECK(p != NULL && strange != NULL)) return;
  fill(strange, WASM_PAGE, 5);
  fill(p, pages * WASM_PAGE, 6);
  unsigned moves = 0;
  for (unsigned i = 1; i < 50; i++) {
    unsigned char *q = pym_raw_realloc(p, (pages + i) * WASM_PAGE);
    if (!CHECK(q != NULL)) return;
    moves += q != p;
    p = q;
  }
  CHECK(p != first && moves <= 2);
  CHECK(holds(p, pages * WASM_PAGE, 6) && holds(strange, WASM_PAGE, 5));
  pym_raw_free(p);
  check_sound(pym_heap_default());
}

/* Refused growth: the block stays, and may still move to where there is room. */
static void growth_in_place_refused_leaves_the_block(void) {
  target_reset(TARGET_INITIAL, TARGET_MAX);
  void *room = pym_raw_malloc(40 * WASM_PAGE);
  unsigned char *p = pym_raw_malloc(20 * WASM_PAGE);
  fill(p, 20 * WASM_PAGE, 8);
  target_fail_after(0, 1);
  uint64_t live = stats_of(pym_heap_default(), PYM_RAW).live_bytes;
  CHECK(pym_raw_realloc(p, 900u << 20) == NULL);
  CHECK(holds(p, 20 * WASM_PAGE, 8));
  CHECK_EQ(stats_of(pym_heap_default(), PYM_RAW).live_bytes, live);
  check_sound(pym_heap_default());
  pym_raw_free(room);
  unsigned char *q = pym_raw_realloc(p, 30 * WASM_PAGE);
  CHECK(q != NULL && holds(q, 20 * WASM_PAGE, 8));
  target_fail_after(-1, 0);
  pym_raw_free(q);
  check_sound(pym_heap_default());
}

/* A block grows into the free one behind it, whole or in part, and leaves what it need not have. */
static void a_block_grows_into_the_one_freed_behind_it(void) {
  for (size_t more = 16; more <= 2064; more += 16) {
    check_context("bytes more", more);
    unsigned char *p = pym_raw_malloc(1000), *behind = pym_raw_malloc(1000);
    unsigned char *after = pym_raw_malloc(1000);
    if (behind != p + 1008 || after != behind + 1008) { /* not neighbours this time */
      pym_raw_free(p), pym_raw_free(behind), pym_raw_free(after);
      continue;
    }
    fill(p, 1000, 1);
    fill(after, 1000, 3);
    pym_raw_free(behind);
    pym_heap_trim(pym_heap_default());
    unsigned char *q = pym_raw_realloc(p, 1000 + more);
    CHECK(q != NULL && (q == p) == (more <= 1008));
    CHECK(holds(q, 1000, 1) && holds(after, 1000, 3));
    CHECK_EQ(pym_usable_size(q), 1000 + more);
    check_sound(pym_heap_default());
    pym_raw_free(q);
    pym_raw_free(after);
    pym_heap_trim(pym_heap_default());
    check_sound(pym_heap_default());
  }
}

/* ---- Which free memory is taken ---- */

/* Large blocks at hand are joined before memory grows, however few. */
static void blocks_at_hand_are_joined_before_memory_grows(void) {
  static unsigned char *p[20];
  static void *rest[3000];
  unsigned rests = 0;
  target_reset(TARGET_INITIAL, TARGET_MAX);
  void *much = pym_raw_malloc(400 * WASM_PAGE); /* what is at hand is little beside it */
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_raw_malloc(1000);
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
  void *p = pym_heap_malloc(h, PYM_OBJ, 100); /* of what is at hand */
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

/* Of free chunks that are not far from each other in size the lowest that is long enough, in
 * whatever order they became free. */
static void the_lowest_free_chunk_is_taken(void) {
  static const size_t lengths[] = {9900, 9304, 9608}; /* one bin */
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
    pym_heap_trim(h);
    CHECK(pym_heap_malloc(h, PYM_RAW, 9500) == p[0]);
    CHECK(pym_heap_malloc(h, PYM_RAW, 9500) == p[2]);
    CHECK(pym_heap_malloc(h, PYM_RAW, 9304) == p[1]);
    CHECK(wall[0] && wall[1] && wall[2] && wall[3]);
    check_sound(h);
    pym_heap_destroy(h);
  }
}

/* What was freed last is in the cache: the next one of its size has it. */
static void the_block_freed_last_is_the_next_of_its_size(void) {
  static const size_t lengths[] = {8, 100, 512, 1000, 4000};
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

/* ---- Strangers ---- */

/* Between any two growths somebody else takes a page: nothing of theirs is touched, segments are as
 * many as growths that a stranger came before, and each is whole again at the end. */
static void segments_apart_stay_apart(void) {
  static unsigned char *strange[40];
  static void *p[40], *rest[1000];
  unsigned rests = 0;
  target_fail_after(0, 1); /* what is free already is out of the way */
  for (size_t n = 64 << 20; n >= WASM_PAGE; n /= 2)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  target_fail_after(-1, 0);
  uint32_t segments = view_heap(pym_heap_default())->raw_segments;
  uint64_t grows = pages_now().grows;
  for (unsigned i = 0; i < COUNT(p); i++) {
    strange[i] = target_foreign(1);
    if (!CHECK(strange[i] != NULL)) return;
    fill(strange[i], WASM_PAGE, i);
    p[i] = pym_raw_malloc((2 + i % 3) * WASM_PAGE);
    if (!CHECK(p[i] != NULL)) return;
    CHECK(!pym_owns(strange[i]));
  }
  uint32_t count = view_heap(pym_heap_default())->raw_segments;
  CHECK(count >= segments + 3 && count - segments <= pages_now().grows - grows);
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < COUNT(p); i++) {
    unsigned k = i * 7 % COUNT(p);
    pym_raw_free(p[k]);
    CHECK(pym_owns(p[k]) && holds(strange[k], WASM_PAGE, k));
  }
  CHECK_EQ(view_heap(pym_heap_default())->raw_segments, count);
  check_sound(pym_heap_default());
  uint64_t growths = target_growths();
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_raw_malloc(WASM_PAGE - 100);
    CHECK(p[i] != NULL && holds(strange[i], WASM_PAGE, i));
  }
  CHECK_EQ(target_growths(), growths);
  for (unsigned i = 0; i < COUNT(p); i++) pym_raw_free(p[i]);
  while (rests) pym_raw_free(rest[--rests]);
}

/* ---- Heaps ---- */

/* Pools of the map that lie in [from, to). */
static unsigned mapped(uint32_t from, uint32_t to) {
  const struct space_view *space = view_space();
  unsigned n = 0;
  for (uint32_t u = from / POOL_BYTES; u < to / POOL_BYTES && u < space->pool_map_len; u++)
    n += ((const uint8_t *)at(space->pool_map))[u] != 0;
  return n;
}

static uint32_t bytes_in_use(void) {
  pym_heap_trim(pym_heap_default());
  const struct heap_view *v = view_heap(pym_heap_default());
  return v->raw_bytes - v->raw_free;
}

static void a_destroyed_heap_leaves_nothing(void) {
  uint32_t used = 0, chunks = 0;
  unsigned pools = mapped(0, 0xffffffff);
  for (unsigned round = 0; round < 8; round++) { /* the first one may make the map longer */
    pym_heap *h = pym_heap_new();
    for (unsigned i = 0; i < 3000; i++) {
      size_t n = i % 100 ? 1 + i % 700 : 30000;
      if (!CHECK(pym_heap_malloc(h, (enum pym_domain)(i % 3), n) != NULL)) return;
    }
    CHECK(mapped(0, 0xffffffff) > pools + 20);
    CHECK(view_heap(h)->raw_segments > 3);
    check_sound(pym_heap_default());
    pym_heap_destroy(h);
    CHECK_EQ(mapped(0, 0xffffffff), pools);
    if (round == 0) used = bytes_in_use(), chunks = view_heap(pym_heap_default())->raw_chunks;
    CHECK_EQ(bytes_in_use(), used);
    CHECK_EQ(view_heap(pym_heap_default())->raw_chunks, chunks);
    check_sound(pym_heap_default());
  }
  uint64_t growths = target_growths();
  void *p = pym_raw_malloc(500000); /* they had more */
  CHECK(p != NULL);
  CHECK_EQ(target_growths(), growths);
  pym_raw_free(p);
}

/* Its segments may lie behind the map of pools, where it has none: nothing is written there. */
static void a_heap_behind_the_map_is_destroyed_within_it(void) {
  static void *p[2 * PYM_SMALL_MAX / 8];
  target_reset(TARGET_INITIAL, TARGET_MAX);
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(i % COUNT(p) * 4 + 1);
  for (uint32_t over = 0; over < 400; over += 20) { /* what lies behind the first map, by and by */
    uint32_t covered = view_space()->pool_map_len / 16 + over;
    if (target_pages() < covered) target_foreign(covered - target_pages());
    pym_heap *h = pym_heap_new();
    if (!CHECK(h != NULL)) return;
    while (off(pym_heap_malloc(h, PYM_RAW, 20 * WASM_PAGE)) >> 16 < covered) continue;
    pym_heap_destroy(h);
    check_context("pages behind", over);
    check_sound(pym_heap_default());
    if (view_space()->pool_map_len > 1024) break;
  }
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_free(p[i]);
}

/* Segments of a heap that hold nothing are the default heap's again, at once for large blocks. */
static void empty_segments_go_back_to_the_default_heap(void) {
  pym_heap *h = pym_heap_new();
  static void *p[30];
  uint32_t used = bytes_in_use();
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
  /* pools: when what is at hand went back */
  for (unsigned i = 0; i < 5000; i++) many[i] = pym_heap_malloc(h, PYM_OBJ, 200);
  for (unsigned i = 0; i < 5000; i++) pym_heap_free(h, PYM_OBJ, many[i]);
  CHECK(view_heap(h)->raw_segments > 10);
  pym_heap_trim(h);
  CHECK_EQ(view_heap(h)->raw_segments, 0);
  CHECK_EQ(bytes_in_use(), used);
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

/* ---- Alignment ---- */

/* What is skipped before an aligned block is free memory, not lost. */
static void aligned_blocks_waste_nothing_for_good(void) {
  static void *p[17 * 12];
  for (unsigned heap = 0; heap < 2; heap++) {
    pym_heap *h = heap ? pym_heap_new() : pym_heap_default();
    check_context("heap", heap);
    pym_heap_trim(h);
    uint32_t used = view_heap(h)->raw_bytes - view_heap(h)->raw_free;
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

/* On wasm memory stays as the cases before left it: those that need much of it come last. */
CHECK_CASES(
    TEST(pools_given_back_are_one_raw_block), TEST(a_raw_block_given_back_is_pools),
    TEST(a_raw_block_in_the_shape_of_a_pool_is_none), TEST(a_large_block_at_the_end_grows_in_place),
    TEST(growth_in_place_is_what_is_needed), TEST(a_block_of_another_heap_moves_to_one_new_segment),
    TEST(behind_a_stranger_it_moves_once), TEST(growth_in_place_refused_leaves_the_block),
    TEST(a_block_grows_into_the_one_freed_behind_it), TEST(the_lowest_free_chunk_is_taken),
    TEST(the_block_freed_last_is_the_next_of_its_size),
    TEST(blocks_at_hand_are_joined_before_memory_grows),
    TEST(a_rare_size_of_a_small_heap_gets_no_pool), TEST(a_size_asked_for_often_gets_its_own_pool),
    TEST(segments_apart_stay_apart), TEST(a_destroyed_heap_leaves_nothing),
    TEST(a_heap_behind_the_map_is_destroyed_within_it),
    TEST(empty_segments_go_back_to_the_default_heap), TEST(a_heap_that_gets_no_segment_is_sound),
    TEST(aligned_blocks_waste_nothing_for_good), TEST(other_heaps_know_the_longer_map),
    TEST(a_closed_gate_stays_closed_when_the_map_grows),
    TEST(a_map_that_cannot_grow_is_out_of_memory), TEST(the_map_of_pools_grows_with_memory));
