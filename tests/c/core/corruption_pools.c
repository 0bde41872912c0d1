/* Attacks on blocks of pools, on the pool table and on what leads from pool to pool; some are
 * noticed in hardened and debug builds only.  Native only. */
#include <string.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

#define BYTES 48u
static void *small[3];
static void some_small(void) {
  for (unsigned i = 0; i < COUNT(small); i++) small[i] = pym_obj_calloc(1, BYTES);
}

/* Three pools: the first two are full, the third is the class's current one. */
static void *many[1600];
static unsigned capacity;
static void fill_pools(uint32_t bytes) {
  capacity = view_capacity(bytes);
  for (unsigned i = 0; i < 2 * capacity + 3; i++) many[i] = pym_obj_calloc(1, bytes);
}
static void take_everything(uint32_t bytes) {
  for (unsigned i = 0; i < 3 * capacity; i++) pym_obj_malloc(bytes);
}
/* Then malloc takes from the pool that became usable last. */
static void use_up_the_list(void) {
  for (unsigned i = 3; i < capacity; i++) pym_obj_malloc(BYTES);
}
static uint64_t *word(void *p) { return p; }

/* ---- Freed twice ---- */

static void free_twice(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_free(small[1]);
}
static void free_twice_with_others_between(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_free(small[0]);
  pym_obj_free(small[2]);
  pym_obj_free(small[1]);
}
/* With hundreds between, of which the pool's own list is the longer part. */
static void free_twice_with_all_between(void) {
  fill_pools(BYTES);
  for (unsigned i = 0; i + 1 < capacity; i++) pym_obj_free(many[i]);
  pym_obj_free(many[0]);
}
static void free_twice_trimmed(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_heap_trim(pym_heap_default());
  pym_obj_free(small[1]);
}
/* It is in the list that malloc takes from. */
static void free_twice_in_the_list(void) {
  fill_pools(BYTES);
  for (unsigned i = 0; i < capacity - 1; i++) pym_obj_free(many[i]);
  use_up_the_list();
  if (pym_obj_malloc(BYTES) == many[capacity - 2]) pym_obj_free(many[0]);
}
static void free_twice_as_other_domain(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_mem_free(small[1]);
}
static void free_twice_by_a_hook_below(void) {
  pym_allocator below;
  some_small();
  pym_allocator_get(PYM_OBJ, &below);
  below.free(below.ctx, small[1]);
  below.free(below.ctx, small[1]);
}
static void free_twice_above_a_limit(void) {
  some_small();
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, 10);
  pym_obj_free(small[1]);
  pym_obj_free(small[1]);
}
static void free_twice_in_another_heap(void) {
  pym_heap *h = pym_heap_new();
  void *p = pym_heap_malloc(h, PYM_MEM, BYTES), *kept = pym_heap_malloc(h, PYM_MEM, BYTES);
  pym_heap_free(h, PYM_MEM, p);
  pym_heap_free(h, PYM_MEM, p);
  (void)kept;
}
/* Its pool is free raw memory. */
static void free_twice_when_the_pool_is_gone(void) {
  fill_pools(BYTES);
  for (unsigned i = 0; i < capacity; i++) pym_obj_free(many[i]);
  pym_obj_free(many[1]);
}
static void free_never_given(void) {
  some_small();
  pym_obj_free((char *)small[0] + 40 * BYTES);
}
static void resize_freed(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_realloc(small[1], 200);
}
static void resize_freed_in_place(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_realloc(small[1], BYTES);
}
static void resize_freed_to_large(void) {
  some_small();
  pym_obj_free(small[1]);
  pym_obj_realloc(small[1], 2000);
}

static const struct attack second_frees[] = {
    ATTACK(free_twice, TWICE),
    ATTACK(free_twice_with_others_between, TWICE),
    ATTACK(free_twice_with_all_between, TWICE),
    ATTACK(free_twice_trimmed, TWICE),
    ATTACK(free_twice_in_the_list, TWICE),
    ATTACK(free_twice_as_other_domain, TWICE),
    ATTACK(free_twice_by_a_hook_below, TWICE),
    ATTACK(free_twice_above_a_limit, TWICE),
    ATTACK(free_twice_in_another_heap, TWICE),
    ATTACK(free_twice_when_the_pool_is_gone, NOT_OURS),
    ATTACK(free_never_given, TWICE),
    ATTACK(resize_freed, TWICE),
    ATTACK(resize_freed_in_place, TWICE),
    ATTACK(resize_freed_to_large, TWICE),
};
static void a_block_freed_twice_is_reported(void) { RUN(second_frees); }

/* ---- No block ---- */

static void free_inside(void) {
  some_small();
  pym_obj_free((char *)small[1] + 8);
}
static void free_unaligned(void) {
  some_small();
  pym_obj_free((char *)small[1] + 1);
}
static void resize_inside(void) {
  some_small();
  pym_obj_realloc((char *)small[1] + 16, 100);
}
static void free_behind_last(void) { /* bytes of a pool that no block fits into */
  some_small();
  pym_obj_free(view_base(small[0]) + view_first(BYTES) + BYTES * view_capacity(BYTES));
}
static void free_pool_base(void) {
  some_small();
  pym_obj_free(view_base(small[0]));
}
static void free_of_another_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_obj_free(pym_heap_calloc(h, PYM_OBJ, 1, BYTES));
}
static void free_in_another_heap(void) {
  pym_heap *h = pym_heap_new();
  some_small();
  pym_heap_free(h, PYM_OBJ, small[0]);
}
static void free_of_another_heap_slowly(void) { /* mem: not by the fast path */
  pym_heap *h = pym_heap_new();
  some_small();
  pym_heap_free(h, PYM_MEM, small[0]);
}
static void free_last_of_another_heap(void) { /* its pool is emptied by it, or no longer full */
  pym_heap *h = pym_heap_new();
  const unsigned n = view_capacity(BYTES);
  for (unsigned i = 0; i < n; i++) many[i] = pym_heap_malloc(h, PYM_OBJ, BYTES);
  pym_heap_malloc(h, PYM_OBJ, BYTES);
  for (unsigned i = 0; i < n; i++) pym_obj_free(many[i]);
}
static void resize_of_another_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_obj_realloc(pym_heap_calloc(h, PYM_OBJ, 1, BYTES), 300);
}
static void sized_free_too_large(void) { pym_obj_free_sized(pym_obj_malloc(40), 300); }
static void sized_free_too_small(void) { pym_obj_free_sized(pym_obj_malloc(400), 30); }
static void sized_free_too_small_in_another_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_heap_free_sized(h, PYM_OBJ, pym_heap_malloc(h, PYM_OBJ, 3000), 2000);
}

static const struct attack no_blocks[] = {
    ATTACK(free_inside, NOT_BLOCK, 1),
    ATTACK(free_unaligned, NOT_BLOCK, 1),
    ATTACK(resize_inside, NOT_BLOCK, 1),
    ATTACK(free_behind_last, NOT_BLOCK, 1),
    ATTACK(free_pool_base, NOT_BLOCK, 1),
    ATTACK(free_of_another_heap, POOL, 1),
    ATTACK(free_in_another_heap, POOL, 1),
    ATTACK(free_of_another_heap_slowly, POOL),
    ATTACK(free_last_of_another_heap, POOL),
    ATTACK(resize_of_another_heap, POOL),
    ATTACK(sized_free_too_large, SIZED, 2),
    ATTACK(sized_free_too_small, SIZED, 2),
    ATTACK(sized_free_too_small_in_another_heap, SIZED, 2),
};
static void what_is_no_block_of_the_heap_is_reported(void) { RUN(no_blocks); }

/* ---- Freed blocks that were written to ---- */

static void write_and_take(void) {
  fill_pools(BYTES);
  for (unsigned i = 0; i < 20; i++) pym_obj_free(many[i]);
  memset(many[5], 0xee, 8);
  take_everything(BYTES);
}
static void write_in_the_list_and_take(void) {
  some_small(); /* what lies behind them was never given out */
  memset((char *)small[2] + 5 * BYTES, 0, 8);
  take_everything((capacity = 100, BYTES));
}
static void write_in_the_list_and_trim(void) {
  some_small();
  memset((char *)small[2] + 5 * BYTES, 0xee, 8);
  pym_heap_trim(pym_heap_default());
}
static void write_last_of_the_list_and_trim(void) {
  some_small();
  memset(view_base(small[0]) + view_first(BYTES) + (view_capacity(BYTES) - 1) * BYTES, 0xee, 8);
  pym_heap_trim(pym_heap_default());
}
/* Near a limit blocks leave their pool one by one, each for the link in the one before. */
static void write_near_a_limit(void) {
  fill_pools(BYTES);
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
  for (unsigned i = 1; i < capacity; i++) memset(many[i], 0xee, 8);
  use_up_the_list();
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, (2 * capacity + 9) * BYTES);
  for (unsigned i = 0; i < 10; i++) pym_obj_malloc(BYTES);
}
static void write_the_first_that_came_back(void) { /* the pool was full: it is asked at the event */
  fill_pools(BYTES);
  pym_obj_free(many[0]);
  memset(many[0], 0, 8);
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
  fill_pools(BYTES);
}
/* The last of a list leads on, to a block that is free itself: the list would go on for ever. */
static void lead_last_to_first(void) {
  some_small();
  char *base = view_base(small[0]), *last = base + view_first(BYTES) + 83 * BYTES;
  *word(last) ^= (uint16_t)target_offset(base) ^ (uint16_t)target_offset((char *)small[2] + BYTES);
  pym_heap_trim(pym_heap_default());
}
static void lead_into_another_pool(void) {
  fill_pools(BYTES);
  pym_obj_free(many[0]);
  pym_obj_free(many[1]);
  *word(many[1]) ^= 0x1000;
  use_up_the_list();
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, (3 * capacity + 4) * BYTES);
  for (unsigned i = 0; i < 10; i++) pym_obj_malloc(BYTES);
}

static const struct attack written[] = {
    ATTACK(write_and_take, WRITTEN),
    ATTACK(write_in_the_list_and_take, WRITTEN),
    ATTACK(write_in_the_list_and_trim, WRITTEN),
    ATTACK(write_last_of_the_list_and_trim, WRITTEN),
    ATTACK(write_near_a_limit, WRITTEN),
    ATTACK(lead_last_to_first, "double free, or freed block written to"),
    ATTACK(lead_into_another_pool, WRITTEN),
};
static void a_freed_block_that_was_written_to_is_reported(void) {
  RUN(written);
  expect_no_crash("first that came back", write_the_first_that_came_back);
}

/* Each bit of the word that leads on, of a block somewhere in a list: the blocks behind it are
 * handed out or reported, and nothing else is. */
static unsigned bit;
static void flip_and_take(void) {
  fill_pools(BYTES);
  for (unsigned i = 0; i < capacity; i++) pym_obj_free(many[2 * capacity - 1 - i]);
  for (unsigned i = 0; i < 20; i++) pym_obj_free(many[i]);
  *word(many[7]) ^= (uint64_t)1 << bit;
  take_everything(BYTES);
}
static void every_bit_of_a_freed_blocks_link_is_guarded(void) {
  static const struct attack acts[] = {ATTACK(flip_and_take, WRITTEN)};
  for (bit = 0; bit < 64; bit++) RUN(acts);
}

/* A list that goes back to its pool is verified link by link: the high half alone changed, and a
 * link into the pool beside it, whose blocks are free at the same places. */
static void flip_and_trim(void) {
  some_small();
  *word((char *)small[2] + 5 * BYTES) ^= (uint64_t)1 << bit;
  pym_heap_trim(pym_heap_default());
}
static void lead_to_the_same_place_beside(void) {
  char *mine = NULL, *beside = NULL;
  for (uint32_t n = BYTES; !beside || (off(mine) ^ off(beside)) != POOL_BYTES; n += 16) {
    if (n > PYM_SMALL_MAX) return; /* there is a pair for one size or another */
    if (n / 16 % 2) pym_obj_malloc(n + 8);
    mine = pym_obj_malloc(n);
    beside = pym_mem_malloc(n);
    bit = n;
  }
  *word(mine + 5 * bit) ^= POOL_BYTES;
  pym_heap_trim(pym_heap_default());
}
static void a_list_that_goes_back_is_verified(void) {
  static const struct attack high[] = {ATTACK(flip_and_trim, WRITTEN)};
  static const struct attack beside[] = {ATTACK(lead_to_the_same_place_beside, WRITTEN)};
  for (bit = 16; bit < 64; bit++) RUN(high);
  RUN(beside);
}

/* ---- The pool table, and the links at a pool's base ---- */

static struct pool_header *links(void *p) { return (void *)view_base(p); }

/* Both pools have free blocks: the second is first in the class's list. */
static void two_usable(void) {
  fill_pools(BYTES);
  pym_obj_free(many[0]);
  pym_obj_free(many[capacity]);
}
static void next_to_no_pool(void) {
  two_usable();
  links(many[capacity])->next = 0xfffffff0;
  take_everything(BYTES);
}
static void next_to_a_pool_of_another_class(void) {
  two_usable();
  links(many[capacity])->next = (u32)(off(pym_obj_malloc(300)) / POOL_BYTES);
  take_everything(BYTES);
}
static void next_to_a_pool_of_another_heap(void) {
  two_usable();
  links(many[capacity])->next =
      (u32)(off(pym_heap_malloc(pym_heap_new(), PYM_OBJ, BYTES)) / POOL_BYTES);
  take_everything(BYTES);
}
/* The same, and the pool leads back. */
static void next_to_a_pool_that_leads_back(void *other) {
  two_usable();
  links(many[capacity])->next = (u32)(off(other) / POOL_BYTES);
  links(other)->prev = (u32)(off(many[capacity]) / POOL_BYTES);
  take_everything(BYTES);
}
static void next_to_another_class_that_leads_back(void) {
  next_to_a_pool_that_leads_back(pym_obj_malloc(300));
}
static void next_to_another_heap_that_leads_back(void) {
  next_to_a_pool_that_leads_back(pym_heap_malloc(pym_heap_new(), PYM_OBJ, BYTES));
}
static void next_to_a_pool_that_is_not_in_the_list(void) {
  two_usable();
  links(many[capacity])->next = (u32)(off(many[2 * capacity]) / POOL_BYTES); /* the current one */
  take_everything(BYTES);
}
static void prev_to_no_pool(void) {
  two_usable();
  links(many[0])->prev = 0xfffffff0;
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
}
static void prev_to_a_pool_that_does_not_lead_here(void) {
  two_usable();
  links(many[0])->prev = (u32)(off(many[2 * capacity]) / POOL_BYTES);
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
}
/* The first pool of the list is emptied and leaves it. */
static void next_does_not_lead_back(void) {
  two_usable();
  links(many[0])->prev = 0;
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[capacity + i]);
}
static void size_of_an_entry(void) {
  two_usable();
  view_pool(many[capacity])->size = 56;
  take_everything(BYTES);
}
static void size_of_an_entry_and_free(void) {
  two_usable();
  view_pool(many[0])->size = 56;
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
}
static void heap_of_an_entry(void) {
  two_usable();
  view_pool(many[capacity])->heap ^= 3;
  take_everything(BYTES);
}
static void heap_of_an_entry_and_free(void) {
  two_usable();
  view_pool(many[0])->heap ^= 3;
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(many[i]);
}
static void free_of_an_entry(void) {
  two_usable();
  view_pool(many[capacity])->free = (uint16_t)(off(many[capacity]) + BYTES);
  take_everything(BYTES);
}

static const struct attack tables[] = {
    ATTACK(next_to_no_pool, LINKS),
    ATTACK(next_to_a_pool_of_another_class, LINKS),
    ATTACK(next_to_a_pool_of_another_heap, LINKS),
    ATTACK(next_to_another_class_that_leads_back, LINKS),
    ATTACK(next_to_another_heap_that_leads_back, LINKS),
    ATTACK(next_to_a_pool_that_is_not_in_the_list, LINKS),
    ATTACK(prev_to_no_pool, LINKS),
    ATTACK(prev_to_a_pool_that_does_not_lead_here, LINKS),
    ATTACK(next_does_not_lead_back, LINKS),
    ATTACK(size_of_an_entry, LINKS),
    ATTACK(size_of_an_entry_and_free, NOT_BLOCK, 1),
    ATTACK(heap_of_an_entry, LINKS),
    ATTACK(heap_of_an_entry_and_free, POOL),
    ATTACK(free_of_an_entry, WRITTEN),
};
static void a_changed_table_or_link_of_pools_is_reported(void) { RUN(tables); }

/* A block of a pool without bytes to spare is written past its end, into the header of the chunk
 * behind, which is a pool, and on into that pool's links. */
static unsigned past_the_end;
static void overrun_into_pool(void) {
  fill_pools(8);
  CHECK(off(many[capacity - 1]) % POOL_BYTES + 8 + RAW_HEADER == POOL_BYTES);
  memset(many[capacity - 1], 0x41, 8 + past_the_end);
  for (unsigned i = 0; i < 2 * capacity; i++) pym_obj_free(many[i]);
  pym_heap_trim(pym_heap_default());
}
static void an_overrun_into_the_next_pool_is_reported(void) {
  for (past_the_end = 1; past_the_end <= RAW_HEADER + sizeof(struct pool_header); past_the_end++)
    expect_noticed("bytes past the end of a pool", "pymalloc: ", overrun_into_pool);
}

CHECK_CASES(TEST(a_block_freed_twice_is_reported), TEST(what_is_no_block_of_the_heap_is_reported),
            TEST(a_freed_block_that_was_written_to_is_reported),
            TEST(every_bit_of_a_freed_blocks_link_is_guarded),
            TEST(a_list_that_goes_back_is_verified),
            TEST(a_changed_table_or_link_of_pools_is_reported),
            TEST(an_overrun_into_the_next_pool_is_reported));
