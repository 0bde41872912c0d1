/* Corruption that is noticed ends in one line on standard error and a trap, and is never silent.
 * Native only. */
#include <string.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"

#define NOT_A_BLOCK "not a block of this heap, or its header was overwritten"
#define LIST "list of free memory overwritten"

/* ---- Raw blocks ---- */

static unsigned char *a, *b, *c; /* three neighbours */

/* Free, and nothing stays at hand: the block is free memory, joined with what is free beside it. */
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
  char *p = target_foreign(1000); /* above 16 MiB: behind the map of pools */
  pym_obj_realloc(p + 900 * WASM_PAGE, 100);
}
static void free_far_foreign(void) {
  char *p = target_foreign(1000);
  pym_obj_free(p + 900 * WASM_PAGE);
}

/* The classic unlink attack: the two words behind a freed block's header. */
static void unlink_attack(void) {
  three_neighbours(PYM_RAW);
  uint32_t *target = pym_raw_malloc(64);
  let_go(b);
  uint32_t *links = (uint32_t *)b;
  links[0] = (uint32_t)target_offset(target);
  links[1] = (uint32_t)target_offset(target + 4);
  pym_raw_malloc(1000);
}
static void one_link(unsigned which, uint32_t value) {
  three_neighbours(PYM_RAW);
  let_go(b);
  ((uint32_t *)b)[which] = value; /* the other link is as it should be */
  pym_raw_malloc(1000);
}
static void link_forwards(void) { one_link(0, (uint32_t)target_offset(pym_raw_calloc(1, 64))); }
static void link_backwards(void) { one_link(1, (uint32_t)target_offset(pym_raw_calloc(1, 64))); }
static void wild_link_forwards(void) { one_link(0, 0xfffffff0); }
static void wild_link_backwards(void) { one_link(1, 0xfffffff0); }

/* The list of free chunks is led to a block in use that plays its part in the list. */
static void link_to_block_in_use(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  ((uint32_t *)c)[0] = ((uint32_t *)b)[0];
  ((uint32_t *)c)[1] = (uint32_t)target_offset(b);
  ((uint32_t *)b)[0] = (uint32_t)target_offset(c);
  CHECK(pym_raw_malloc(1000) == b);
  pym_raw_malloc(1000); /* would be c */
}
/* The chunk is too small for the request, so the search goes on along its link. */
static void link_passed(uint32_t link) {
  void *kept = pym_raw_malloc(100), *p = pym_raw_malloc(1928), *behind = pym_raw_malloc(100);
  let_go(p);
  *(uint32_t *)p = link;
  pym_raw_malloc(1990);
  (void)kept, (void)behind;
}
static void wild_link_passed(void) { link_passed(0xe0e0e0e8); }
static void zeroed_link_passed(void) { link_passed(0); }
static void odd_link_passed(void) { link_passed((uint32_t)target_offset(pym_raw_malloc(8)) + 4); }
/* A block that was freed and not trimmed yet: its first word leads to the next at hand. */
static void link_at_hand(uint32_t link) {
  three_neighbours(PYM_RAW);
  pym_raw_free(a);
  pym_raw_free(b);
  *(uint32_t *)b = link;
}
static void wild_link_at_hand(void) {
  link_at_hand(0xeeeeeee8);
  for (unsigned i = 0; i < 3; i++) pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
static void wild_link_at_hand_trimmed(void) {
  link_at_hand(0xeeeeeee8);
  pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
/* The rest of the list is lost. */
static void zeroed_link_at_hand(void) {
  link_at_hand(0);
  pym_heap_trim(pym_heap_default());
}
/* Links of a free chunk are looked at when its neighbour joins it. */
static void link_of_neighbour(unsigned which, uint32_t value) {
  three_neighbours(PYM_RAW);
  let_go(b);
  ((uint32_t *)b)[which] = value;
  let_go(a);
}
static uint32_t a_block(void) { return (uint32_t)target_offset(pym_raw_calloc(1, 9000)); }
static void wild_link_of_neighbour(void) { link_of_neighbour(0, 0xfffffff0); }
static void wild_back_link_of_neighbour(void) { link_of_neighbour(1, 0xfffffff0); }
static void false_link_of_neighbour(void) { link_of_neighbour(0, a_block()); }
static void false_back_link_of_neighbour(void) { link_of_neighbour(1, a_block()); }
static void link_at_hand_to_block_in_use(void) {
  unsigned char *p = pym_raw_calloc(1, 1000); /* it would end the list */
  link_at_hand((uint32_t)target_offset(p) - 8);
  for (unsigned i = 0; i < 3; i++) pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
static void wild_links(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  memset(b, 0xf0, 8);
  pym_raw_malloc(1000);
}
static void wild_links_then_other_size(void) {
  three_neighbours(PYM_RAW);
  let_go(b);
  memset(b, 0xee, 8);
  pym_raw_malloc(990);
  pym_raw_malloc(1000);
  let_go(a);
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
    {"free twice", "double free of a raw block", free_twice, 0},
    {"free twice, trimmed between", "double free of a raw block", free_twice_trimmed, 0},
    {"free twice, joined with the one before", "double free of a raw block",
     free_twice_joined_before, 0},
    {"free twice, joined with the one behind", "double free of a raw block",
     free_twice_joined_behind, 0},
    {"free a large object twice", "double free of a raw block", free_large_twice, 0},
    {"resize a freed block", "double free of a raw block", resize_freed, 0},
    {"free inside a block", NOT_A_BLOCK, free_inside, 0},
    {"free an odd address", NOT_A_BLOCK, free_inside_unaligned, 0},
    {"resize inside a block", NOT_A_BLOCK, resize_inside, 0},
    {"free in another domain", "block belongs to another domain", free_by_wrong_domain, 0},
    {"free raw as object", "block belongs to another domain", free_raw_as_object, 0},
    {"resize in another domain", "block belongs to another domain", resize_by_wrong_domain, 0},
    {"free a pool block as raw", "block belongs to another domain", free_small_as_raw, 0},
    {"resize a pool block as raw", "block belongs to another domain", resize_small_as_raw, 0},
    {"free a block of another heap", NOT_A_BLOCK, free_of_other_heap, 0},
    {"free foreign, raw", NOT_A_BLOCK, free_foreign_raw, 0},
    {"free foreign, mem", NOT_A_BLOCK, free_foreign_mem, 0},
    {"free foreign, object", NOT_A_BLOCK, free_foreign_obj, 0},
    {"resize foreign", NOT_A_BLOCK, resize_foreign, 0},
    {"resize foreign, large", NOT_A_BLOCK, resize_foreign_large, 0},
    {"resize foreign above 16 MiB", NOT_A_BLOCK, resize_far_foreign, 0},
    {"free foreign above 16 MiB", NOT_A_BLOCK, free_far_foreign, 0},
    {"unlink attack", "overwritten", unlink_attack, 0},
    {"link forwards", LIST, link_forwards, 0},
    {"link backwards", LIST, link_backwards, 0},
    {"wild link forwards", LIST, wild_link_forwards, 0},
    {"wild link backwards", LIST, wild_link_backwards, 0},
    {"link to a block in use", LIST, link_to_block_in_use, 0},
    {"wild link on the way", LIST, wild_link_passed, 0},
    {"zeroed link on the way", LIST, zeroed_link_passed, 0},
    {"odd link on the way", LIST, odd_link_passed, 0},
    {"wild link at hand", "freed block written to", wild_link_at_hand, 0},
    {"zeroed link at hand", "freed block written to", zeroed_link_at_hand, 0},
    {"wild link of a neighbour", LIST, wild_link_of_neighbour, 0},
    {"false link of a neighbour", LIST, false_link_of_neighbour, 0},
    {"false link back of a neighbour", LIST, false_back_link_of_neighbour, 0},
    {"wild link back of a neighbour", LIST, wild_back_link_of_neighbour, 0},
    {"wild link at hand, trimmed", "freed block written to", wild_link_at_hand_trimmed, 0},
    {"link at hand to a block in use", "freed block written to", link_at_hand_to_block_in_use, 0},
    {"wild links", LIST, wild_links, 0},
    {"wild links, other size", LIST, wild_links_then_other_size, 0},
    {"odd size behind a free chunk", "free raw memory overwritten", odd_size_behind, 0},
    {"wild size behind a free chunk", "free raw memory overwritten", wild_size_behind, 0},
    {"wrong size behind a free chunk", "raw block header overwritten", wrong_size_behind, 0},
    {"size behind leads to a block", "free raw memory overwritten", size_behind_leads_to_block, 0},
    {"overrun into a header", "raw block header overwritten", overrun_into_header, 0},
    {"overrun of the last block", "raw block header overwritten", overrun_of_last_block, 0},
};

static void attacks_on_raw_blocks_are_reported(void) { run_table(raw_attacks, COUNT(raw_attacks)); }

/* ---- Heaps ---- */

static void destroy_default(void) { pym_heap_destroy(pym_heap_default()); }
static void destroy_twice(void) {
  pym_heap *h = pym_heap_new();
  pym_heap_destroy(h);
  pym_heap_destroy(h);
}
static void overwrite_root(void) {
  pym_raw_malloc(100);
  *(uint32_t *)(uintptr_t)pym_root() ^= 1;
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
    {"destroy the default heap", "heap cannot be destroyed", destroy_default, 0},
    {"destroy a heap twice", "heap cannot be destroyed", destroy_twice, 0},
    {"root structure", "root structure overwritten", overwrite_root, 0},
    {"links in what a heap left", "overwritten", links_left_behind, 0},
    {"size of what was freed", "raw block header overwritten", head_left_behind, 0},
    {"segment of a heap", "header was overwritten", segment_of_heap, 0},
};

static void attacks_on_heaps_are_reported(void) { run_table(heap_attacks, COUNT(heap_attacks)); }

CHECK_CASES(TEST(attacks_on_raw_blocks_are_reported), TEST(attacks_on_heaps_are_reported));
