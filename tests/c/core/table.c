/* The pool table: an entry for each 4 KiB in leaves of 4 MiB, which come when the first pool needs
 * them and stay. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define LEAF_BYTES (LEAF_POOLS * (uint32_t)sizeof(struct pym__pool))
#define LEAF_PAGES 64u /* of the memory that it covers */

static unsigned leaves(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < LEAVES; i++) n += view_space()->leaves[i] != 0;
  return n;
}

/* What the library keeps for itself. */
static uint64_t own_bytes(void) {
  const struct domain *own = &view_heap(pym_heap_default())->domains[3];
  return own->raw_bytes - own->raw_freed;
}

static int has_leaf(const void *p) { return view_space()->leaves[off(p) >> 22] != 0; }

/* Others take what is left of these 4 MiB and all of the next. */
static void skip_a_leaf(void) {
  CHECK(target_foreign(2 * LEAF_PAGES - target_pages() % LEAF_PAGES) != NULL);
}

static void *hog[20000];
static unsigned hogs;
/* Take what free raw memory there is, to `least` bytes. */
static void take_all_free(size_t least) {
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n > least; n -= n / 4)
    while (hogs < COUNT(hog) && (hog[hogs] = pym_raw_malloc(n)) != NULL) hogs++;
  target_fail_after(-1, 0);
}
static void free_all_taken(void) {
  while (hogs) pym_raw_free(hog[--hogs]);
}

#define STEPS 12u
static unsigned char *marks[STEPS][2];

/* Blocks from before and after a leaf came are told by the table, whatever lies between. */
static void pools_anywhere_are_told_by_the_table(void) {
  for (unsigned step = 0; step < STEPS; step++) {
    const size_t n = 16 + 24 * step; /* of a size that no step before had */
    check_context("step", step);
    skip_a_leaf();
    take_all_free(3000);
    const unsigned before = leaves();
    const uint64_t own = own_bytes();
    marks[step][0] = pym_obj_malloc(n);
    marks[step][1] = pym_mem_malloc(n);
    if (!CHECK(marks[step][0] && marks[step][1])) return;
    CHECK_EQ(leaves(), before + 1);
    CHECK(own_bytes() >= own + LEAF_BYTES && own_bytes() <= own + LEAF_BYTES + 16);
    for (unsigned i = 0; i < 2; i++) fill(marks[step][i], n, step * 2 + i);
    check_sound(pym_heap_default());
  }
  for (unsigned step = 0; step < STEPS; step++) {
    const size_t n = 16 + 24 * step;
    check_context("step", step);
    for (unsigned i = 0; i < 2; i++)
      CHECK(view_class(marks[step][i]) == (n + 7) / 8 && holds(marks[step][i], n, step * 2 + i));
    pym_obj_free(marks[step][0]);
    pym_mem_free(marks[step][1]);
  }
  pym_heap_trim(pym_heap_default());
  for (unsigned step = 0; step < STEPS; step++)
    CHECK(!view_class(marks[step][0]) && has_leaf(marks[step][0])); /* leaves stay */
  free_all_taken();
  check_sound(pym_heap_default());
}

/* Whatever the table's shape: high addresses cost no more than low ones. */
static void small_blocks_above_3_gib_cost_one_leaf(void) {
  if (!target_reset(TARGET_INITIAL, 65536)) return; /* on wasm the cases behind need that memory */
  CHECK(pym_obj_malloc(64) != NULL);
  take_all_free(500);
  CHECK(target_foreign((3u << 14) - target_pages()) != NULL);
  const uint32_t before = target_pages();
  const uint64_t own = own_bytes();
  unsigned above = 0;
  for (unsigned i = 0; i < 2000; i++) above += target_offset(pym_obj_malloc(64)) >= 3ull << 30;
  CHECK(above > 1930); /* 125 KiB of blocks */
  CHECK(target_pages() - before <= 3);
  CHECK_EQ(own_bytes() - own, LEAF_BYTES + 8);
  free_all_taken();
  check_sound(pym_heap_default());
}

/* One leaf serves whoever has a pool there, and an entry says whose it is. */
static void a_leaf_is_of_every_heap(void) {
  pym_heap *h[3] = {pym_heap_default(), pym_heap_new(), pym_heap_new()};
  unsigned char *p[3];
  if (!CHECK(h[1] && h[2])) return;
  skip_a_leaf();
  take_all_free(3000);
  const unsigned before = leaves();
  for (unsigned i = 0; i < 3; i++) p[i] = pym_heap_malloc(h[i], PYM_OBJ, 72);
  CHECK(leaves() - before <= 2);
  for (unsigned i = 0; i < 3; i++) {
    if (!CHECK(p[i] && view_pool(p[i]))) return;
    CHECK(view_pool(p[i])->heap == (uint16_t)view_heap(h[i])->id && view_pool(p[i])->size == 72);
    for (unsigned k = 0; k < 2000; k++) CHECK(pym_heap_malloc(h[i], PYM_MEM, 72) != NULL);
    pym_heap_free(h[i], PYM_OBJ, p[i]);
    CHECK_EQ(stats_of(h[i], PYM_OBJ).live_blocks, 0);
    check_sound(h[i]);
  }
  pym_heap_destroy(h[1]);
  pym_heap_destroy(h[2]);
  free_all_taken();
  check_sound(pym_heap_default());
}

/* Memory has room for a pool and none for its leaf: the block is a raw one. */
static void without_memory_for_a_leaf_a_small_block_is_a_raw_one(void) {
  for (unsigned size = 16; size <= 512; size += 124) {
    check_context("block size", size);
    if (!target_reset(TARGET_INITIAL, TARGET_MAX) && size > 16) return;
    unsigned char *before = pym_obj_malloc(size);
    fill(before, size, 1);
    take_all_free(500);
    skip_a_leaf();
    void *room = pym_raw_malloc(WASM_PAGE / 2); /* in 4 MiB that have no leaf */
    if (!CHECK(room != NULL && !has_leaf(room))) return;
    take_all_free(500);
    pym_raw_free(pym_raw_realloc(room, 6000)); /* longer than a pool, shorter than both */
    take_all_free(6000);
    target_fail_after(0, 1);
    const unsigned had = leaves();
    unsigned raw = 0, count = 0;
    static unsigned char *p[2000];
    while (count < COUNT(p) && (p[count] = pym_obj_malloc(size)) != NULL) {
      fill(p[count], size, count);
      raw += !view_class(p[count++]);
    }
    CHECK(count < COUNT(p) && raw > 0);
    CHECK_EQ(leaves(), had);
    check_sound(pym_heap_default());
    target_fail_after(-1, 0);
    unsigned char *late = pym_obj_malloc(size);
    CHECK(late && view_class(late) == (size + 7) / 8);
    for (unsigned i = 0; i < count; i++) {
      CHECK(holds(p[i], size, i));
      pym_obj_free(p[i]);
    }
    CHECK(holds(before, size, 1));
    pym_obj_free(before);
    pym_obj_free(late);
    free_all_taken();
    check_sound(pym_heap_default());
  }
}

CHECK_CASES(TEST(small_blocks_above_3_gib_cost_one_leaf),
            TEST(without_memory_for_a_leaf_a_small_block_is_a_raw_one),
            TEST(a_leaf_is_of_every_heap), TEST(pools_anywhere_are_told_by_the_table));
