/* Corruption that is noticed ends in one line on standard error and a trap, and is never silent.
 * Native only. */
#include <string.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

/* ---- Raw blocks ---- */

static unsigned char *a, *b, *c; /* three neighbours */

/* Free, and not cached: the block is free memory, joined with what is free beside it. */
static void let_go(void *p) {
  pym_raw_free(p);
  pym_heap_trim(pym_heap_default());
}

static void three_neighbours(enum pym_domain d) {
  pym_heap *h = pym_heap_default();
  a = pym_heap_malloc(h, d, 1000);
  b = pym_heap_malloc(h, d, 1000);
  c = pym_heap_malloc(h, d, 1000);
}

static void free_twice(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  pym_raw_free(b);
}
static void free_twice_trimmed(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  pym_raw_free(b);
}
static void free_twice_joined_before(void) {
  three_neighbours(PYM_RAW);
  let_go(a);
  let_go(b);
  pym_raw_free(b);
}
static void free_twice_joined_behind(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  let_go(c);
  pym_raw_free(b);
}
static void free_large_twice(void) {
  three_neighbours(PYM_OBJ);
  pym_obj_free(b);
  pym_obj_free(b);
}
static void resize_freed(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  pym_raw_realloc(b, 2000);
}
static void free_inside(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_free(b + 32);
}
static void free_inside_unaligned(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_free(b + 1);
}
static void resize_inside(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_realloc(b + 64, 500);
}
static void free_by_wrong_domain(void) {
  three_neighbours(PYM_MEM);
  pym_obj_free(b);
}
static void free_raw_as_object(void) {
  three_neighbours(PYM_RAW);
  pym_obj_free(b);
}
static void resize_by_wrong_domain(void) {
  three_neighbours(PYM_OBJ);
  pym_raw_realloc(b, 10);
}
static void free_small_as_raw(void) { pym_raw_free(pym_obj_malloc(24)); }
static void resize_small_as_raw(void) { pym_raw_realloc(pym_mem_malloc(24), 100); }
static void free_of_other_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_raw_free(pym_heap_malloc(h, PYM_RAW, 1000));
}
static void free_foreign_raw(void) { pym_raw_free((char *)target_foreign(1) + 64); }
static void free_foreign_mem(void) {
  pym_mem_free(pym_mem_malloc(8));
  pym_mem_free((char *)target_foreign(1) + 64);
}
static void free_foreign_obj(void) {
  pym_obj_free(pym_obj_malloc(8));
  pym_obj_free((char *)target_foreign(1) + 64);
}
static void resize_foreign(void) { pym_obj_realloc((char *)target_foreign(1) + 64, 100); }
static void resize_foreign_large(void) { pym_obj_realloc((char *)target_foreign(1) + 64, 5000); }
static void resize_far_foreign(void) {
  char *p = target_foreign(1000); /* where the pool table has no leaf */
  pym_obj_realloc(p + 900 * WASM_PAGE, 100);
}
static void free_far_foreign(void) {
  char *p = target_foreign(1000);
  pym_obj_free(p + 900 * WASM_PAGE);
}

/* A cached block: its first word leads to the next of its size. */
static void cached_link(uint32_t link) {
  three_neighbours(PYM_RAW);
  pym_raw_free(a);
  pym_raw_free(b);
  *(uint32_t *)b = link;
}
static void wild_cached_link(void) {
  cached_link(0xeeeeeee8);
  for (unsigned i = 0; i < 3; i++) pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
/* By the malloc that makes it the first of its list: a free looks at the first one's size. */
static void wild_cached_link_next(void) {
  cached_link(0xeeeeeee8);
  pym_raw_malloc(1000);
}
static void wild_cached_link_trimmed(void) {
  cached_link(0xeeeeeee8);
  pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
/* The rest of the list is lost. */
static void zeroed_cached_link(void) {
  cached_link(0);
  pym_heap_trim(pym_heap_default());
}
static void cached_link_to_block_in_use(void) {
  unsigned char *p = pym_raw_calloc(1, 1000); /* it would end the list */
  cached_link((uint32_t)target_offset(p) - 8);
  for (unsigned i = 0; i < 3; i++) pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
/* The size behind a free chunk is believed when the block behind is given back: no multiple of 16,
 * beyond memory, that of a block in use, and one that leads to nothing. */
static void size_behind(uint32_t change) {
  three_neighbours(PYM_RAW);
  let_go(b);
  *(uint32_t *)(b + pym_usable_size(a) - 4) ^= change; /* a and b are of one size */
  let_go(c);
}
static void odd_size_behind(void) { size_behind(1); }
static void wild_size_behind(void) { size_behind(0x80000000); }
static void wrong_size_behind(void) { size_behind(16); }
static void size_behind_leads_to_block(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  *(uint32_t *)(b + pym_usable_size(a) - 4) *= 2; /* to where a begins */
  let_go(c);
}
static void overrun_into_header(void) {
  three_neighbours(PYM_RAW);
  memset(b, 0x41, pym_usable_size(b) + 8);
  let_go(b);
}
static void overrun_of_last_block(void) {
  three_neighbours(PYM_RAW);
  unsigned char *p = pym_raw_malloc(100);
  for (void *q; (q = pym_raw_malloc(100)) != NULL && (unsigned char *)q > p;) p = q;
  memset(p, 0x41, pym_usable_size(p) + 8);
  let_go(p);
}

static const struct attack raw_attacks[] = {
    ATTACK(free_twice, RAW_TWICE),
    ATTACK(free_twice_trimmed, RAW_TWICE),
    ATTACK(free_twice_joined_before, RAW_TWICE),
    ATTACK(free_twice_joined_behind, RAW_TWICE),
    ATTACK(free_large_twice, RAW_TWICE),
    ATTACK(resize_freed, RAW_TWICE),
    ATTACK(free_inside, NOT_OURS),
    ATTACK(free_inside_unaligned, NOT_OURS),
    ATTACK(resize_inside, NOT_OURS),
    ATTACK(free_by_wrong_domain, DOMAIN),
    ATTACK(free_raw_as_object, DOMAIN),
    ATTACK(resize_by_wrong_domain, DOMAIN),
    ATTACK(free_small_as_raw, DOMAIN),
    ATTACK(resize_small_as_raw, DOMAIN),
    ATTACK(free_of_other_heap, NOT_OURS),
    ATTACK(free_foreign_raw, NOT_OURS),
    ATTACK(free_foreign_mem, NOT_OURS),
    ATTACK(free_foreign_obj, NOT_OURS),
    ATTACK(resize_foreign, NOT_OURS),
    ATTACK(resize_foreign_large, NOT_OURS),
    ATTACK(resize_far_foreign, NOT_OURS),
    ATTACK(free_far_foreign, NOT_OURS),
    ATTACK(wild_cached_link, WRITTEN),
    ATTACK(wild_cached_link_next, WRITTEN),
    ATTACK(wild_cached_link_trimmed, WRITTEN),
    ATTACK(zeroed_cached_link, WRITTEN),
    ATTACK(cached_link_to_block_in_use, WRITTEN),
    ATTACK(odd_size_behind, FREE_MEMORY),
    ATTACK(wild_size_behind, FREE_MEMORY),
    ATTACK(wrong_size_behind, HEADER),
    ATTACK(size_behind_leads_to_block, FREE_MEMORY),
    ATTACK(overrun_into_header, HEADER),
    ATTACK(overrun_of_last_block, HEADER),
};

static void attacks_on_raw_blocks_are_reported(void) { RUN(raw_attacks); }

/* ---- Heaps ---- */

static void destroy_default(void) { pym_heap_destroy(pym_heap_default()); }
static void destroy_twice(void) {
  pym_heap *h = pym_heap_new();
  pym_heap_destroy(h);
  pym_heap_destroy(h);
}
static void overwrite_root(void) {
  pym_raw_malloc(100);
  ((struct space_view *)(uintptr_t)pym_root())->magic ^= 1;
  pym_heap_new();
}
/* What a destroyed heap leaves is free raw memory, guarded as any. */
static void links_left_behind(void) {
  pym_heap *h = pym_heap_new();
  unsigned char *p = pym_heap_malloc(h, PYM_RAW, 6 * WASM_PAGE);
  pym_raw_malloc(100); /* a block behind it */
  pym_heap_destroy(h);
  memset(h, 0x77, 8);
  memset(p - 16, 0x77, 8); /* where its segment began */
  pym_raw_malloc(5 * WASM_PAGE);
}
static void head_left_behind(void) {
  uint32_t *p = pym_raw_malloc(6 * WASM_PAGE);
  pym_raw_malloc(100);
  pym_raw_free(p);
  p[-1] ^= 0x40;
  pym_raw_malloc(5 * WASM_PAGE);
}
static void segment_of_heap(void) {
  pym_heap *h = pym_heap_new();
  unsigned char *p = pym_heap_malloc(h, PYM_RAW, 60000);
  memset(p - 16, 0x77, 16); /* the segment's own words and the header of its first chunk */
  pym_heap_free(h, PYM_RAW, p);
}
static const struct attack heap_attacks[] = {
    ATTACK(destroy_default, NO_HEAP), ATTACK(destroy_twice, NO_HEAP),
    ATTACK(overwrite_root, ROOT),     ATTACK(links_left_behind, "overwritten"),
    ATTACK(head_left_behind, HEADER), ATTACK(segment_of_heap, NOT_OURS),
};

static void attacks_on_heaps_are_reported(void) { RUN(heap_attacks); }

CHECK_CASES(TEST(attacks_on_raw_blocks_are_reported), TEST(attacks_on_heaps_are_reported));
