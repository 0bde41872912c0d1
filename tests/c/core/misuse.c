/* Programs with one mistake each, of the kind that hardened allocators are tested with: which
 * builds report it, with its cause.  Native only. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "ports/linmem.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

#define SMALL 48u
#define LARGE 20000u

static unsigned char *p, *q;
static void small_blocks(void) {
  p = pym_obj_calloc(1, SMALL);
  q = pym_obj_calloc(1, SMALL);
}
static void large_blocks(void) {
  p = pym_obj_calloc(1, LARGE);
  q = pym_obj_calloc(1, LARGE);
}
/* The program goes on: it asks for and gives back blocks of both kinds. */
static void go_on(void) {
  static void *more[400];
  for (unsigned i = 0; i < COUNT(more); i++) more[i] = pym_obj_malloc(i % 4 ? SMALL : LARGE);
  for (unsigned i = 0; i < COUNT(more); i++) pym_obj_free(more[i]);
}

/* ---- Freed twice ---- */

static void double_free_small(void) {
  small_blocks();
  pym_obj_free(p);
  pym_obj_free(p);
}
static void double_free_small_delayed(void) {
  static void *more[500];
  small_blocks();
  for (unsigned i = 0; i < COUNT(more); i++) more[i] = pym_obj_malloc(SMALL);
  pym_obj_free(p);
  for (unsigned i = 0; i < COUNT(more); i++) pym_obj_free(more[i]);
  pym_obj_free(p);
}
static void double_free_large(void) {
  large_blocks();
  pym_obj_free(p);
  pym_obj_free(p);
}
static void double_free_large_delayed(void) {
  large_blocks();
  pym_obj_free(p);
  for (unsigned i = 0; i < 300; i++) pym_obj_free(pym_obj_malloc(LARGE + 1000 + i));
  pym_obj_free(p);
}

/* ---- No block, or one that was never given ---- */

static void free_of_an_offset_small(void) {
  small_blocks();
  pym_obj_free(p + 16);
}
static void free_of_an_offset_large(void) {
  large_blocks();
  pym_obj_free(p + 64);
}
static void free_far_behind_a_small_block(void) {
  small_blocks();
  pym_obj_free(p + 20 * SMALL);
}
static void unaligned_free_small(void) {
  small_blocks();
  pym_obj_free(p + 1);
}
static void unaligned_free_large(void) {
  large_blocks();
  pym_obj_free(p + 1);
}
static void free_of_a_stack_address(void) { /* on wasm the stack is linear memory */
  unsigned char *stack = target_foreign(1);
  for (unsigned i = 0; i < 64; i++) ((uint32_t *)stack)[i] = i * 4;
  pym_obj_free(stack + 128);
}

/* ---- What uninitialised memory holds: words of whoever had it before ---- */

static void *uninitialised(void) {
  void *freed = pym_obj_malloc(100), **before = pym_obj_malloc(SMALL), **now;
  before[1] = freed;
  pym_obj_free(freed);
  pym_obj_free(before);
  for (unsigned i = 0; i < 200; i++)
    if ((now = pym_obj_malloc(SMALL)) == before) return now[1];
  return NULL;
}
static void uninitialised_free(void) { pym_obj_free(uninitialised()); }
static void uninitialised_realloc(void) { pym_obj_realloc(uninitialised(), 300); }
static void usable_size_of_nonsense(void) {
  small_blocks();
  pym_usable_size(at(0xcdcdcdc8));
}

/* ---- The size of what is no block any more ---- */

static void usable_size_of_a_freed_small_block(void) {
  small_blocks();
  pym_obj_free(p);
  pym_usable_size(p);
}
static void usable_size_of_an_offset(void) {
  small_blocks();
  pym_usable_size(p + 8);
}
static void wrong_size_in_a_sized_free(void) {
  p = pym_obj_malloc(400);
  pym_obj_free_sized(p, 40);
}

/* ---- Written after free, or past the end ---- */

static void write_after_free_small(void) {
  small_blocks();
  pym_obj_free(p);
  memset(p, 'a', SMALL);
  go_on();
}
static void write_after_free_large(void) {
  large_blocks();
  pym_obj_free(p);
  memset(p, 'a', LARGE);
  go_on();
}
static void overflow_small(unsigned bytes) { /* what lies behind it was not given out yet */
  p = pym_obj_malloc(SMALL);
  memset(p, 'a', SMALL + bytes);
  go_on();
}
static void overflow_small_by_one_byte(void) { overflow_small(1); }
static void overflow_small_by_eight_bytes(void) { overflow_small(8); }
static void overflow_large(unsigned bytes) {
  large_blocks();
  memset(p, 'a', pym_usable_size(p) + bytes);
  pym_obj_free(p);
}
static void overflow_large_by_one_byte(void) { overflow_large(1); }
static void overflow_large_by_eight_bytes(void) { overflow_large(8); }

/* ---- The table ---- */

#define NEVER 3 /* no build reports it */
#define ROW(...) ATTACK(__VA_ARGS__)
static const struct attack rows[] = {
    ROW(double_free_small, TWICE),
    ROW(double_free_small_delayed, TWICE),
    ROW(double_free_large, RAW_TWICE),
    ROW(double_free_large_delayed, RAW_TWICE),
    ROW(free_of_an_offset_small, NOT_BLOCK, 1),
    ROW(free_of_an_offset_large, NOT_OURS),
    ROW(free_far_behind_a_small_block, TWICE),
    ROW(unaligned_free_small, NOT_BLOCK, 1),
    ROW(unaligned_free_large, NOT_OURS),
    ROW(free_of_a_stack_address, NOT_OURS),
    ROW(uninitialised_free, TWICE),
    ROW(uninitialised_realloc, TWICE),
    ROW(usable_size_of_nonsense, NOT_OURS),
    ROW(usable_size_of_a_freed_small_block, USED),
    ROW(usable_size_of_an_offset, NOT_BLOCK, 1),
    ROW(wrong_size_in_a_sized_free, SIZED, 2),
    ROW(write_after_free_small, WRITTEN),
    ROW(write_after_free_large, "overwritten"),
    ROW(overflow_small_by_one_byte, WRITTEN),
    ROW(overflow_small_by_eight_bytes, WRITTEN),
    ROW(overflow_large_by_one_byte, HEADER),
    ROW(overflow_large_by_eight_bytes, HEADER),
};
_Static_assert(COUNT(rows) == 22, "as documented");

static void each_misuse_ends_as_the_table_says(void) {
  static const unsigned least[] = {16, 19, 20};
  static const char *const words[] = {"came through", "reported", "other cause", "CRASHED"};
  unsigned reported = 0;
  for (unsigned i = 0; i < COUNT(rows); i++) {
    const enum ending ending = ending_of(rows[i].act, rows[i].cause);
    const char *said = ending == CAME_THROUGH || ending == CRASHED ? "\n" : last_words();
    printf("  %-12s %-36s %s", words[ending], rows[i].name, said);
    check_context(rows[i].name, 0);
    CHECK_EQ(ending, rows[i].debug <= PYM_DEBUG ? REPORTED : CAME_THROUGH);
    reported += ending == REPORTED;
  }
  printf("  %u of %u reported\n", reported, (unsigned)COUNT(rows));
  CHECK(reported >= least[PYM_DEBUG]);
}

CHECK_CASES(TEST(each_misuse_ends_as_the_table_says));
