/* Attacks on blocks of pools; most are noticed in hardened and debug builds only.  Native only. */
#include <string.h>

#include "check.h"
#include "layout.h"
#include "linmem.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"

static void *small[3];
static void some_small(void) {
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_obj_malloc(48);
}
/* Descriptor of the pool that p lies in, as the layout tells any reader. */
static struct pool *pool_of(const void *p) {
  const struct { SPACE_FIELDS(DECLARE_FIELD) } *space = pym_root();
  const uint32_t *table = at(space->page_table);
  return (struct pool *)at(table[off(p) >> 16]) + (off(p) >> 12) % 16;
}
static struct page *page_of(const void *p) {
  return (struct page *)(pool_of(p) - (off(p) >> 12) % 16) - 1;
}

static void free_small_twice(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_free(small[1]);
}
static void free_small_twice_later(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_free(small[0]);
  pym_obj_free(small[2]);
  pym_obj_free(small[1]);
}
/* The block is back in its pool by then, among others. */
static void free_small_twice_trimmed(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_heap_trim(pym_heap_default());
  pym_obj_free(small[1]);
}
/* Its pool is back in its page, which holds another one. */
static void free_small_twice_retired(void) {
  some_small();
  pym_obj_malloc(100);
  for (unsigned i = 0; i < COUNT(small); i++) pym_obj_free(small[i]);
  pym_heap_trim(pym_heap_default());
  pym_obj_free(small[1]);
}
static void resize_freed_small(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_realloc(small[1], 200);
}
static void write_freed_trimmed(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_free(small[0]);
  pym_heap_trim(pym_heap_default());
  memset(small[0], 0xee, 8);
  memset(small[1], 0xee, 8);
  pym_obj_free(small[2]);
}
static void free_small_inside(void) {
  some_small();
  pym_obj_free((char *)small[1] + 8);
}
/* Near a limit blocks leave their pool one by one. */
static void free_never_given(void) {
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, 200);
  some_small();
  pym_obj_free((char *)at(pool_of(small[0])->base) + 48 * 80);
}
static void free_small_of_other_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_obj_free(pym_heap_malloc(h, PYM_OBJ, 48));
}
static void resize_small_of_other_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_obj_realloc(pym_heap_malloc(h, PYM_OBJ, 48), 300);
}
/* Pools of 48-byte blocks: the first was full and has room again, the others are full. */
#define MANY 600
static void *many[MANY];
static void fill_pools(void) {
  for (unsigned i = 0; i < MANY; i++) many[i] = pym_obj_malloc(48);
  for (unsigned i = 0; i < 80; i++) pym_obj_free(many[i]);
  pym_heap_trim(pym_heap_default());
}
static void empty_pools(void) {
  for (unsigned i = 80; i < MANY; i++) pym_obj_free(many[i]);
  pym_heap_trim(pym_heap_default());
}
static void overwrite_pool_base(void) {
  fill_pools();
  pool_of(many[200])->base ^= 8192;
  empty_pools();
}
static void overwrite_pool_heap(void) {
  fill_pools();
  pool_of(many[200])->heap ^= 16;
  empty_pools();
}
static void overwrite_pool_links(void) {
  fill_pools();
  pool_of(many[0])->next = pool_of(many[0])->prev = 0xfffffff0;
  for (unsigned i = 0; i < 500; i++) pym_obj_malloc(48);
}
static void overwrite_page_magic(void) {
  some_small();
  page_of(small[0])->magic ^= 1;
  pym_obj_malloc(200); /* a new pool: the page leaves its list */
}
static void overwrite_page_number(void) {
  some_small();
  page_of(small[0])->number ^= 1;
  pym_obj_free(small[0]);
}
static void overwrite_page_magic_and_free(void) {
  some_small();
  page_of(small[0])->magic ^= 1;
  pym_obj_free(small[0]);
}
static void write_freed_small(void) {
  static void *p[2000];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(48);
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_free(p[i]);
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(48);
  pym_obj_free(p[0]);
  pym_obj_free(p[1]);
  memset(p[1], 0xee, 8);
  pym_obj_free(p[2]);
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_malloc(48);
}
/* Near a limit free blocks leave their pool one by one, each for the link in the one before. */
static void write_freed_near_limit(void) {
  static void *p[80];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(48);
  for (unsigned i = 1; i < COUNT(p); i++) pym_obj_free(p[i]);
  pym_heap_trim(pym_heap_default());
  for (unsigned i = 1; i < COUNT(p); i++) memset(p[i], 0xee, 8);
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, 600);
  for (unsigned i = 0; i < 10; i++) pym_obj_malloc(48);
}
static void write_freed_and_trim(void) {
  some_small();
  pym_obj_free(small[0]);
  pym_obj_free(small[1]);
  memset(small[1], 0xee, 8);
  pym_heap_trim(pym_heap_default());
}
static void free_small_twice_and_trim(void) {
  free_small_twice();
  pym_heap_trim(pym_heap_default());
}
static void sized_free_too_large(void) { pym_obj_free_sized(pym_obj_malloc(40), 300); }

static const struct attack pool_attacks[] = {
    {"free a small block twice", "double free", free_small_twice, 1},
    {"free a small block twice, later", "double free", free_small_twice_later, 2},
    {"free a small block twice, trimmed between", "double free", free_small_twice_trimmed, 2},
    {"free a small block twice, its pool is gone", "double free", free_small_twice_retired, 1},
    {"resize a freed small block", "double free", resize_freed_small, 1},
    {"write to a freed small block, then free", "freed block written to", write_freed_trimmed, 2},
    {"free inside a small block", "pointer is not a block", free_small_inside, 1},
    {"free a block never given out", "block was never given out", free_never_given, 1},
    {"free small of another heap", "block belongs to another heap", free_small_of_other_heap, 1},
    {"resize small of another heap", "block belongs to another heap", resize_small_of_other_heap,
     1},
    {"pool's place", "pool descriptor overwritten", overwrite_pool_base, 0},
    {"pool's heap", "pool descriptor overwritten", overwrite_pool_heap, 0},
    {"pool's links", "pool descriptor overwritten", overwrite_pool_links, 0},
    {"page's magic", "arena page's descriptor overwritten", overwrite_page_magic, 0},
    {"page's number", "arena page's descriptor overwritten", overwrite_page_number, 1},
    {"page's magic, free", "arena page's descriptor overwritten", overwrite_page_magic_and_free, 1},
    {"write to a freed small block", "freed block written to", write_freed_small, 2},
    {"write to a freed small block, limit", "freed block written to", write_freed_near_limit, 0},
    {"write to a freed small block, trim", "freed block written to", write_freed_and_trim, 0},
    {"free a small block twice, trim", "double free", free_small_twice_and_trim, 0},
    {"sized free with too large a size", "wrong size given to a sized free", sized_free_too_large,
     2},
};

static void attacks_on_pool_blocks_are_reported(void) {
  run_table(pool_attacks, COUNT(pool_attacks));
}

CHECK_CASES(TEST(attacks_on_pool_blocks_are_reported));
