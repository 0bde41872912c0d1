/* Links of free raw memory that were written to: each is verified before it is used, in lists and
 * in search trees.  Native only. */
#include <string.h>

#include "check.h"
#include "ports/linmem.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

enum { NEXT, PREV, LOW, HIGH, PARENT }; /* links of a free chunk */

static uint32_t *words(void *p) { return p; }
/* The first two lie behind the header, the others, of a tree, at the end before the size. */
static uint32_t *link_of(void *p, unsigned which) {
  const size_t size = view_size(p);
  return which < LOW ? &words(p)[which] : at(off(p) - 8 + (addr)size - 16 + 4 * (which - LOW));
}
/* What a link to the chunk of block p is. */
static uint32_t chunk_of(const void *p) { return view_link((addr)target_offset(p) - 8); }
/* Zeroed blocks in use. */
static uint32_t a_block(void) { return chunk_of(pym_raw_calloc(1, 9000)); }

/* Five blocks of n bytes with others between.  Those above 8 KiB are free at once, others at a
 * trim; the one that came free last is in a list or a tree after a trim. */
static unsigned char *p[5], *wall[5]; /* each behind its block */
static void some_blocks(size_t n) {
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_raw_malloc(n);
    memset(p[i], 0, n);
    wall[i] = pym_raw_malloc(100);
  }
}
static void free_now(void *block) {
  pym_raw_free(block);
  pym_heap_trim(pym_heap_default());
}

/* ---- Lists: chunks below 1 KiB ---- */

#define LISTED 1000u

static void one_link(unsigned which, uint32_t value) {
  some_blocks(LISTED);
  free_now(p[1]);
  *link_of(p[1], which) = value; /* the other link is as it should be */
  pym_raw_malloc(LISTED);
}
static void list_next_to_data(void) { one_link(NEXT, chunk_of(pym_raw_calloc(1, 64))); }
static void list_prev_to_data(void) { one_link(PREV, chunk_of(pym_raw_calloc(1, 64))); }
static void list_next_wild(void) { one_link(NEXT, 0xfffffff0); }
static void list_prev_wild(void) { one_link(PREV, 0xfffffff0); }

/* The classic attack: what one link leads to would be written where the other leads. */
static void list_unlink(void) {
  some_blocks(LISTED);
  uint32_t *target = pym_raw_malloc(64);
  free_now(p[1]);
  *link_of(p[1], NEXT) = view_link((addr)target_offset(target));
  *link_of(p[1], PREV) = view_link((addr)target_offset(target + 4));
  pym_raw_malloc(LISTED);
}
/* A block in use plays its part in the list: all but its header fits. */
static void list_leads_to_block_in_use(void) {
  some_blocks(LISTED);
  free_now(p[1]);
  *link_of(p[2], NEXT) = 0;
  *link_of(p[2], PREV) = chunk_of(p[1]);
  *link_of(p[1], NEXT) = chunk_of(p[2]);
  pym_raw_malloc(LISTED);
  pym_raw_malloc(LISTED); /* would be p[2] */
}
/* Another free chunk, which is not the neighbour in the list. */
static void list_leads_past_a_chunk(void) {
  some_blocks(LISTED);
  for (unsigned i = 0; i < 3; i++) free_now(p[i]); /* 2, 1, 0 */
  *link_of(p[2], NEXT) = chunk_of(p[0]);
  pym_raw_malloc(LISTED);
}
static void list_leads_back_to_another(void) {
  some_blocks(LISTED);
  for (unsigned i = 0; i < 3; i++) free_now(p[i]);
  *link_of(p[0], PREV) = chunk_of(p[2]);
  free_now(wall[0]); /* p[0] is taken out of the list: the two join */
}
/* The first of a list: its header is verified when it is taken. */
static void list_taken_at_a_damaged_second(void) {
  some_blocks(LISTED);
  free_now(p[0]);
  *view_head(p[0]) ^= 64;
  free_now(p[1]);
  pym_raw_malloc(LISTED);
  pym_raw_malloc(LISTED);
}
static void list_taken_at_a_damaged_head(void) {
  some_blocks(LISTED);
  free_now(p[0]);
  *view_head(p[0]) ^= 64;
  pym_raw_malloc(LISTED);
}
/* Links are looked at when a neighbour joins the chunk. */
static void neighbour_of(unsigned which, uint32_t value, size_t n) {
  unsigned char *a = pym_raw_malloc(n), *b = pym_raw_malloc(n);
  pym_raw_malloc(100);
  free_now(b);
  *link_of(b, which) = value;
  free_now(a);
}
static void list_neighbour_next(void) { neighbour_of(NEXT, a_block(), LISTED); }
static void list_neighbour_prev(void) { neighbour_of(PREV, a_block(), LISTED); }

static const struct attack list_attacks[] = {
    ATTACK(list_next_to_data, LINKS),
    ATTACK(list_prev_to_data, LINKS),
    ATTACK(list_next_wild, LINKS),
    ATTACK(list_prev_wild, LINKS),
    ATTACK(list_unlink, LINKS),
    ATTACK(list_leads_to_block_in_use, LINKS),
    ATTACK(list_leads_past_a_chunk, LINKS),
    ATTACK(list_leads_back_to_another, LINKS),
    ATTACK(list_taken_at_a_damaged_second, HEADER),
    ATTACK(list_taken_at_a_damaged_head, HEADER),
    ATTACK(list_neighbour_next, LINKS),
    ATTACK(list_neighbour_prev, LINKS),
};
static void links_of_lists_are_verified(void) { RUN(list_attacks); }

/* The list of chunks that a pool fits into exactly. */
static void pool_shaped(uint32_t change) {
  for (unsigned i = 0; i < 3; i++) p[i] = pym_raw_aligned_alloc(4096, 4088);
  CHECK(p[1] == p[0] + 4096 && p[2] == p[1] + 4096);
  free_now(p[1]);
  *view_head(p[1]) ^= change;
  pym_raw_aligned_alloc(4096, 4088);
}
static void pool_shaped_chunk_with_another_size(void) { pool_shaped(64); }
static void pool_shaped_chunk_that_is_in_use(void) { pool_shaped(1); }
static const struct attack shaped_attacks[] = {
    ATTACK(pool_shaped_chunk_with_another_size, "overwritten"),
    ATTACK(pool_shaped_chunk_that_is_in_use, "overwritten"),
};
static void chunks_in_the_shape_of_a_pool_are_verified(void) { RUN(shaped_attacks); }

/* ---- Chunks in no list: the one that changed last, and the one at the end of memory ---- */

/* Two neighbours, the second free and in no list; its former owner writes to it. */
static unsigned char *beside;
static void loose_written(void) {
  beside = pym_raw_malloc(20000);
  uint32_t *gone = pym_raw_malloc(20000);
  pym_raw_malloc(100);
  pym_raw_free(gone);
  *gone ^= 1;
}
static void last_written_and_cut(void) {
  loose_written();
  pym_raw_malloc(12000);
}
static void last_written_and_taken_whole(void) {
  loose_written();
  pym_raw_malloc(20000);
}
static void last_written_and_aligned(void) {
  loose_written();
  pym_raw_aligned_alloc(4096, 9000);
}
static void last_written_and_joined(void) {
  loose_written();
  pym_raw_free(beside);
}
static void last_written_and_grown_into(void) {
  loose_written();
  pym_raw_realloc(beside, 30000);
}
static void last_written_and_retired(void) {
  loose_written();
  pym_heap_trim(pym_heap_default());
}
/* The same of the chunk at the end of memory. */
static void top_written_and_cut(void) {
  uint32_t *gone = pym_raw_malloc(200000); /* memory grew for it */
  pym_raw_free(gone);
  *gone ^= 1;
  pym_raw_malloc(200000);
}
static const struct attack loose_attacks[] = {
    ATTACK(last_written_and_cut, LINKS),        ATTACK(last_written_and_taken_whole, LINKS),
    ATTACK(last_written_and_aligned, LINKS),    ATTACK(last_written_and_joined, LINKS),
    ATTACK(last_written_and_grown_into, LINKS), ATTACK(last_written_and_retired, LINKS),
    ATTACK(top_written_and_cut, LINKS),
};
static void chunks_in_no_list_are_verified(void) { RUN(loose_attacks); }

/* ---- Search trees: chunks from 1 KiB on ---- */

/* Sizes of one tree: the first freed is its root; the second and third are on its two sides, the
 * fourth below the second, the fifth of the root's size. */
static const size_t tree_sizes[] = {20000, 16500, 23000, 17500, 20000};
static void a_tree(void) {
  for (unsigned i = 0; i < COUNT(p); i++) {
    p[i] = pym_raw_malloc(tree_sizes[i]);
    memset(p[i], 0, tree_sizes[i]);
    wall[i] = pym_raw_malloc(100);
  }
  for (unsigned i = 0; i < COUNT(p); i++) free_now(p[i]);
}
static void take(unsigned i) { pym_raw_malloc(tree_sizes[i]); }
static void tree_word(unsigned chunk, unsigned which, uint32_t value) {
  a_tree();
  *link_of(p[chunk], which) = value;
}

static void tree_search_at_a_damaged_root(void) {
  a_tree();
  *view_head(p[0]) ^= 64;
  take(1);
}
static void tree_search_at_a_wild_child(void) {
  tree_word(0, LOW, 0xfffffff0);
  take(1);
}
static void tree_search_at_a_child_in_use(void) {
  uint32_t used = a_block();
  tree_word(0, HIGH, used);
  take(2);
}
static void tree_search_of_the_least_at_a_wild_child(void) {
  tree_word(1, LOW, 0xfffffff0);
  *link_of(p[1], HIGH) = 0;
  pym_raw_malloc(12000); /* of a tree of smaller chunks, which is empty */
}
static void tree_insert_below_a_wild_child(void) {
  unsigned char *more = pym_raw_malloc(16700);
  pym_raw_malloc(100);
  tree_word(0, LOW, 0xfffffff0);
  free_now(more);
}
static void tree_insert_into_a_wild_ring(void) {
  unsigned char *more = pym_raw_malloc(tree_sizes[1]);
  pym_raw_malloc(100);
  tree_word(1, NEXT, 0xfffffff0);
  free_now(more);
}
static void tree_remove_with_a_wild_next(void) {
  tree_word(1, NEXT, 0xfffffff0);
  take(1);
}
static void tree_remove_with_a_wild_prev(void) {
  tree_word(1, PREV, 0xfffffff0);
  take(1);
}
/* Alone in its ring, it leads to another free chunk, and that one does not lead back. */
static void tree_remove_with_a_false_next(void) {
  a_tree();
  *link_of(p[1], NEXT) = chunk_of(p[2]);
  take(1);
}
static void tree_remove_with_a_false_prev(void) {
  a_tree();
  *link_of(p[1], PREV) = chunk_of(p[2]);
  take(1);
}
static void tree_unlink(void) {
  uint32_t *target = pym_raw_calloc(1, 64);
  a_tree();
  *link_of(p[1], NEXT) = view_link((addr)target_offset(target));
  *link_of(p[1], PREV) = view_link((addr)target_offset(target + 4));
  take(1);
}
static void tree_remove_with_a_wild_parent(void) {
  tree_word(3, PARENT, 0xfffffff0);
  take(3);
}
static void tree_remove_with_a_parent_of_others(void) {
  a_tree();
  *link_of(p[3], PARENT) = chunk_of(p[2]);
  take(3);
}
static void tree_remove_of_a_root_that_is_none(void) {
  tree_word(3, PARENT, 0);
  take(3);
}
/* The root goes; a chunk from below takes its place. */
static void tree_replacement_with_a_wild_child(void) {
  a_tree();
  take(4); /* the other one of the root's size, or the root: one is left */
  *link_of(p[2], HIGH) = 0xfffffff0;
  take(0);
}
static void tree_replacement_with_a_false_parent(void) {
  a_tree();
  take(4);
  *link_of(p[2], PARENT) = chunk_of(p[1]);
  *link_of(p[1], PARENT) = chunk_of(p[2]);
  *link_of(p[3], PARENT) = chunk_of(p[2]);
  take(0);
}
static void tree_replacement_beside_a_wild_child(void) {
  a_tree();
  take(4);
  *link_of(p[0], LOW) = 0xfffffff0;
  *link_of(p[4], LOW) = 0xfffffff0;
  take(0);
}
/* Three chunks of one size are a ring; the one whose link is changed is taken out by a join. */
static void ring_of_three(unsigned which) {
  some_blocks(20000);
  unsigned char *other = pym_raw_malloc(30000);
  pym_raw_malloc(100);
  free_now(other);
  for (unsigned i = 0; i < 3; i++) free_now(p[i]);
  *link_of(p[0], which) = chunk_of(other);
  free_now(wall[0]);
}
static void ring_next_to_another_size(void) { ring_of_three(NEXT); }
static void ring_prev_to_another_size(void) { ring_of_three(PREV); }

/* Children that lead back up: no walk goes on for ever. */
static void loop_in_a_tree(void) {
  a_tree();
  for (unsigned i = 0; i < 4; i++)
    *link_of(p[i], LOW) = *link_of(p[i], HIGH) = chunk_of(p[i == 3 ? 1 : 3]);
}
static void tree_search_in_a_loop(void) {
  loop_in_a_tree();
  pym_raw_malloc(18000);
}
static void tree_search_of_the_least_in_a_loop(void) {
  loop_in_a_tree();
  pym_raw_malloc(12000);
}
static void tree_insert_into_a_loop(void) {
  unsigned char *more = pym_raw_malloc(18000);
  pym_raw_malloc(100);
  loop_in_a_tree();
  free_now(more);
}
static void tree_leaf_below_a_loop(void) { /* whose parents agree with it */
  loop_in_a_tree();
  *link_of(p[1], PARENT) = chunk_of(p[3]);
  *link_of(p[3], PARENT) = chunk_of(p[1]);
  free_now(wall[1]);
}
static void tree_neighbour_next(void) { neighbour_of(NEXT, a_block(), 9000); }
static void tree_neighbour_prev(void) { neighbour_of(PREV, a_block(), 9000); }
static void tree_neighbour_parent(void) { neighbour_of(PARENT, a_block(), 9000); }

static const struct attack tree_attacks[] = {
    ATTACK(tree_search_at_a_damaged_root, LINKS),
    ATTACK(tree_search_at_a_wild_child, LINKS),
    ATTACK(tree_search_at_a_child_in_use, LINKS),
    ATTACK(tree_search_of_the_least_at_a_wild_child, LINKS),
    ATTACK(tree_insert_below_a_wild_child, LINKS),
    ATTACK(tree_insert_into_a_wild_ring, LINKS),
    ATTACK(tree_remove_with_a_wild_next, LINKS),
    ATTACK(tree_remove_with_a_wild_prev, LINKS),
    ATTACK(tree_remove_with_a_false_next, LINKS),
    ATTACK(tree_remove_with_a_false_prev, LINKS),
    ATTACK(tree_unlink, LINKS),
    ATTACK(tree_remove_with_a_wild_parent, LINKS),
    ATTACK(tree_remove_with_a_parent_of_others, LINKS),
    ATTACK(tree_remove_of_a_root_that_is_none, LINKS),
    ATTACK(tree_replacement_with_a_wild_child, LINKS),
    ATTACK(tree_replacement_with_a_false_parent, LINKS),
    ATTACK(tree_replacement_beside_a_wild_child, LINKS),
    ATTACK(ring_next_to_another_size, LINKS),
    ATTACK(ring_prev_to_another_size, LINKS),
    ATTACK(tree_search_in_a_loop, LINKS),
    ATTACK(tree_search_of_the_least_in_a_loop, LINKS),
    ATTACK(tree_insert_into_a_loop, LINKS),
    ATTACK(tree_leaf_below_a_loop, LINKS),
    ATTACK(tree_neighbour_next, LINKS),
    ATTACK(tree_neighbour_prev, LINKS),
    ATTACK(tree_neighbour_parent, LINKS),
};
static void links_of_trees_are_verified(void) { RUN(tree_attacks); }

CHECK_CASES(TEST(links_of_lists_are_verified), TEST(chunks_in_the_shape_of_a_pool_are_verified),
            TEST(chunks_in_no_list_are_verified), TEST(links_of_trees_are_verified));
