/* Attacks on blocks of pools; most are noticed in hardened and debug builds only.  Native only. */
#include <string.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

static void *small[3];
static void some_small(void) {
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_obj_malloc(48);
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
/* Its pool is free raw memory. */
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
/* The 8 bytes that no block fits into, and the header itself. */
static void free_behind_last(void) {
  some_small();
  pym_obj_free((char *)view_pool(small[0]) + POOL_HEADER + 48 * 84);
}
static void free_pool_header(void) {
  some_small();
  pym_obj_free(view_pool(small[0]));
}
/* Near a limit blocks leave their pool one by one: this one did not. */
static void free_never_given(void) {
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, 200);
  some_small();
  pym_obj_free((char *)view_pool(small[0]) + POOL_HEADER + 48 * 80);
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
  for (unsigned i = 80; i < 300; i++) pym_obj_free(many[i]);
  for (unsigned i = 301; i < MANY; i++) pym_obj_free(many[i]);
  pym_heap_trim(pym_heap_default());
}
static void overwrite_pool_check(void) {
  fill_pools();
  view_pool(many[200])->check ^= 8192;
  empty_pools();
}
static void overwrite_pool_size(void) {
  some_small();
  view_pool(small[0])->size = 56;
  pym_obj_free(small[0]);
}
static void overwrite_pool_source(void) {
  fill_pools();
  view_pool(many[200])->source ^= 0x40000000;
  empty_pools();
}
static void overwrite_pool_links(void) {
  fill_pools();
  view_pool(many[0])->next = view_pool(many[0])->prev = 0xfffffff0;
  for (unsigned i = 0; i < 500; i++) pym_obj_malloc(48);
}
static void overwrite_pool_free(void) {
  fill_pools();
  view_pool(many[0])->free ^= 0x10000;
  for (unsigned i = 0; i < 500; i++) pym_obj_malloc(48);
}
static void overwrite_usable_pool(void) {
  fill_pools();
  view_pool(many[0])->check ^= 1;
  for (unsigned i = 0; i < 500; i++) pym_obj_malloc(48);
}
/* Another pool joins the ring behind the one whose links were overwritten. */
static void overwrite_pool_link_and_join(void) {
  fill_pools();
  view_pool(many[MANY - 1])->next = 0xfffffff0;
  pym_obj_free(many[300]);
  pym_heap_trim(pym_heap_default());
  empty_pools();
}
static void a_pool_joins_its_ring_beside_a_wild_link(void) {
  expect_no_crash("wild link beside", overwrite_pool_link_and_join);
}
/* A block is written past its end, into the header of the pool behind. */
static unsigned past_the_end;
static void overrun_into_pool(void) {
  static unsigned char *p[130];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(312); /* 13 fill a pool */
  unsigned last = 64;
  while (off(p[last]) % POOL_BYTES + 312 + 8 != POOL_BYTES) last++;
  memset(p[last], 0x41, 312 + past_the_end);
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_free(p[i]);
  pym_heap_trim(pym_heap_default());
}
static void an_overrun_into_the_next_pool_is_reported(void) {
  for (past_the_end = 1; past_the_end <= 8 + POOL_HEADER; past_the_end++)
    expect_noticed("bytes past the end of a pool", "pymalloc: ", overrun_into_pool);
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
/* What freed blocks at hand lead to: a block of another class, the middle of one of this class, and
 * from the last of them on to one that lives. */
static void lead_freed_to(uint32_t o) {
  some_small();
  pym_obj_free(small[0]);
  *(uint32_t *)small[0] = o;
  pym_heap_trim(pym_heap_default());
}
static void lead_to_other_class(void) { lead_freed_to(off(pym_obj_calloc(1, 200))); }
static void lead_to_middle(void) { lead_freed_to(off(pym_obj_calloc(1, 48)) + 4); }
static void lead_from_last_to_live(void) {
  static void *p[84];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_calloc(1, 48); /* the whole of a pool */
  pym_obj_free(p[0]);
  *(uint32_t *)p[0] = off(p[1]);
  pym_heap_trim(pym_heap_default());
}
static void free_small_twice_and_trim(void) {
  free_small_twice();
  pym_heap_trim(pym_heap_default());
}
static void sized_free_too_large(void) { pym_obj_free_sized(pym_obj_malloc(40), 300); }

#define POOL "pool's header overwritten, or block of another heap"
static const struct attack pool_attacks[] = {
    {"free a small block twice", "double free", free_small_twice, 1},
    {"free a small block twice, later", "double free", free_small_twice_later, 2},
    {"free a small block twice, trimmed between", "double free", free_small_twice_trimmed, 2},
    {"free a small block twice, its pool is gone", "not a block of this heap",
     free_small_twice_retired, 0},
    {"resize a freed small block", "double free", resize_freed_small, 1},
    {"write to a freed small block, then free", "freed block written to", write_freed_trimmed, 2},
    {"free inside a small block", "pointer is not a block", free_small_inside, 1},
    {"free a block never given out", "double free", free_never_given, 2},
    {"free behind the last block", "pointer is not a block", free_behind_last, 1},
    {"free a pool's header", "pointer is not a block", free_pool_header, 1},
    {"free small of another heap", POOL, free_small_of_other_heap, 1},
    {"resize small of another heap", POOL, resize_small_of_other_heap, 1},
    {"pool's check", POOL, overwrite_pool_check, 0},
    {"usable pool's check", POOL, overwrite_usable_pool, 0},
    {"pool's block size", POOL, overwrite_pool_size, 1},
    {"pool's source", "raw block header overwritten", overwrite_pool_source, 0},
    {"pool's links", "list of free memory overwritten", overwrite_pool_links, 0},
    {"pool's free block", "freed block written to", overwrite_pool_free, 0},
    {"write to a freed small block", "freed block written to", write_freed_small, 2},
    {"write to a freed small block, limit", "freed block written to", write_freed_near_limit, 0},
    {"write to a freed small block, trim", "freed block written to", write_freed_and_trim, 0},
    {"freed block leads to another class", "pymalloc: freed block written to", lead_to_other_class,
     0},
    {"freed block leads to a middle", "pymalloc: freed block written to", lead_to_middle, 0},
    {"last freed block leads on", "double free, or freed block written to", lead_from_last_to_live,
     0},
    {"free a small block twice, trim", "double free", free_small_twice_and_trim, 0},
    {"sized free with too large a size", "wrong size given to a sized free", sized_free_too_large,
     2},
};

static void attacks_on_pool_blocks_are_reported(void) {
  run_table(pool_attacks, COUNT(pool_attacks));
}

CHECK_CASES(TEST(attacks_on_pool_blocks_are_reported),
            TEST(an_overrun_into_the_next_pool_is_reported),
            TEST(a_pool_joins_its_ring_beside_a_wild_link));
