/* Free chunks by size.
 *
 * Below 8 KiB a list for each size, above two search trees to a doubling, both with a bitmap of
 * those that hold something.  A tree branches on the bits of the size below those that chose it,
 * from the top: so the smallest chunk that fits is found in at most as many steps as a size has
 * bits, whatever is free.  Chunks of equal size form a ring, of which one is the node. */
#include "core/bins.h"

#include "core/corrupt.h"

/* A link is verified to lie in memory, and to be led back from, before it is used; the header of a
 * chunk, which cannot be forged, when the chunk is taken or its size is used. */
HOT struct chunk *linked(addr chunk) {
  if (UNLIKELY(!in_memory(chunk))) pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  return chunk_at(chunk);
}

/* ---- Lists ---- */

HOT void list_insert(struct pym_heap *heap, u32 list, addr chunk) {
  const u32 next = heap->lists[list];
  chunk_at(chunk)->next = next;
  chunk_at(chunk)->prev = 0;
  if (next) chunk_at(from_link(next))->prev = to_link(chunk);
  heap->lists[list] = to_link(chunk);
  heap->lists_map[list / 64] |= (u64)1 << list % 64;
  heap->lists_words |= 1u << list / 64;
}

HOT void list_emptied(struct pym_heap *heap, u32 list) {
  u64 *map = &heap->lists_map[list / 64];
  *map &= ~((u64)1 << list % 64);
  if (!*map) heap->lists_words &= ~(1u << list / 64);
}

HOT void list_remove(struct pym_heap *heap, u32 list, addr chunk) {
  const u32 next = chunk_at(chunk)->next, prev = chunk_at(chunk)->prev;
  u32 *before = prev ? &linked(from_link(prev))->next : &heap->lists[list];
  if (UNLIKELY(*before != to_link(chunk) ||
               (next && linked(from_link(next))->prev != to_link(chunk))))
    pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  *before = next;
  if (next) chunk_at(from_link(next))->prev = prev;
  else if (!prev) list_emptied(heap, list);
}

/* The first list from `list` on that holds something; BIN_LISTS: none does. */
static COLD u32 list_from(const struct pym_heap *heap, u32 list) {
  u32 word = list / 64;
  u64 map = heap->lists_map[word] >> list % 64 << list % 64;
  if (!map) {
    const u32 words = heap->lists_words & ~1u << word;
    if (!words) return BIN_LISTS;
    word = (u32)__builtin_ctz(words);
    map = heap->lists_map[word];
  }
  return 64 * word + (u32)__builtin_ctzll(map);
}

/* ---- Trees ---- */

#define MOST_STEPS (8 * (u32)sizeof(usize)) /* down a tree: a size has no more bits */

HOT struct branch *branch_at(addr chunk) {
  return at(chunk + head_at(chunk) - (u32)sizeof(struct branch));
}
/* The branch of a chunk that a link leads to. */
HOT struct branch *linked_branch(const struct pym_heap *heap, addr chunk) {
  if (UNLIKELY(!in_memory(chunk) || !is_sound(heap, chunk) || head_at(chunk) & CHUNK_FLAGS))
    pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  return branch_at(chunk);
}

HOT void ring_insert(addr node, addr chunk) {
  const u32 next = chunk_at(node)->next;
  struct chunk *behind = linked(from_link(next));
  if (UNLIKELY(behind->prev != to_link(node))) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
  chunk_at(chunk)->next = next;
  chunk_at(chunk)->prev = to_link(node);
  behind->prev = chunk_at(node)->next = to_link(chunk);
}

static COLD void tree_insert(struct pym_heap *heap, addr chunk, usize size) {
  const u32 tree = tree_of(size);
  struct branch *own = branch_at(chunk);
  u32 *place = &heap->trees[tree], parent = 0;
  for (u32 bit = first_branch(tree); *place; bit--) {
    const addr node = from_link(*place);
    struct branch *branch = linked_branch(heap, node);
    if (head_at(node) == size) { /* one more of the ring, behind the node */
      ring_insert(node, chunk);
      own->parent = NO_NODE;
      return;
    }
    if (UNLIKELY(bit < LAST_BRANCH)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    parent = *place;
    place = &branch->child[size >> bit & 1];
  }
  *place = to_link(chunk);
  own->child[0] = own->child[1] = 0;
  own->parent = parent;
  chunk_at(chunk)->next = chunk_at(chunk)->prev = to_link(chunk);
  heap->trees_map |= (u64)1 << tree;
}

/* The link of a node without children, below or equal to chunk, taken out of its place. */
static COLD u32 leaf_detach(const struct pym_heap *heap, addr chunk) {
  struct branch *branch = branch_at(chunk), *parent = NULL;
  u32 leaf = to_link(chunk);
  for (u32 steps = 0;; steps++) {
    const u32 below = branch->child[1] ? branch->child[1] : branch->child[0];
    if (!below) break;
    parent = branch;
    branch = linked_branch(heap, from_link(below));
    if (UNLIKELY(branch->parent != leaf || steps > MOST_STEPS))
      pym__corrupt(CAUSE_LINKS, from_link(below), INTERNAL);
    leaf = below;
  }
  if (parent) parent->child[parent->child[1] == leaf] = 0;
  return leaf;
}

/* Put what the link `by` leads to where the node chunk is; 0: nothing. */
static COLD void replace_node(struct pym_heap *heap, addr chunk, usize size, u32 by) {
  const struct branch *branch = branch_at(chunk);
  const u32 tree = tree_of(size);
  u32 *place = &heap->trees[tree];
  if (branch->parent) {
    struct branch *parent = linked_branch(heap, from_link(branch->parent));
    place = &parent->child[parent->child[1] == to_link(chunk)];
  }
  if (UNLIKELY(*place != to_link(chunk))) pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  *place = by;
  if (by) {
    struct branch *node = branch_at(from_link(by));
    node->parent = branch->parent;
    for (unsigned i = 0; i < 2; i++) {
      node->child[i] = branch->child[i];
      if (node->child[i]) linked_branch(heap, from_link(node->child[i]))->parent = by;
    }
  }
  if (!heap->trees[tree]) heap->trees_map &= ~((u64)1 << tree);
}

static COLD void tree_remove(struct pym_heap *heap, addr chunk, usize size) {
  const u32 next = chunk_at(chunk)->next, prev = chunk_at(chunk)->prev;
  const u32 own = to_link(chunk);
  if (UNLIKELY(linked(from_link(next))->prev != own || linked(from_link(prev))->next != own))
    pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  if (next == own) {
    const u32 leaf = leaf_detach(heap, chunk);
    replace_node(heap, chunk, size, leaf == own ? 0 : leaf);
    return;
  }
  chunk_at(from_link(next))->prev = prev;
  chunk_at(from_link(prev))->next = next;
  if (branch_at(chunk)->parent == NO_NODE) return;
  linked_branch(heap, from_link(next));
  replace_node(heap, chunk, size, next);
}

/* The smallest chunk of a tree, or `best`: smaller ones are on the side of the lower bit. */
static COLD addr tree_least(const struct pym_heap *heap, addr node, addr best) {
  for (u32 steps = 0; node; steps++) {
    const struct branch *branch = linked_branch(heap, node);
    if (!best || head_at(node) < head_at(best)) best = node;
    if (UNLIKELY(steps > MOST_STEPS)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    node = from_link(branch->child[0] ? branch->child[0] : branch->child[1]);
  }
  return best;
}

/* The smallest of at least `size` bytes in the tree that `size` belongs to; 0: none. */
static COLD addr tree_fit(const struct pym_heap *heap, usize size) {
  const u32 tree = tree_of(size);
  u32 larger = 0, bit = first_branch(tree);
  addr best = 0;
  for (addr node = from_link(heap->trees[tree]); node; bit--) {
    const struct branch *branch = linked_branch(heap, node);
    const usize have = head_at(node);
    if (have >= size && (!best || have < head_at(best))) best = node;
    if (have == size) { /* of the ring the next: that has less work to be taken */
      const addr next = from_link(chunk_at(node)->next);
      linked_branch(heap, next);
      if (UNLIKELY(head_at(next) != size)) pym__corrupt(CAUSE_LINKS, next, INTERNAL);
      return next;
    }
    if (UNLIKELY(bit < LAST_BRANCH)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    const u32 side = size >> bit & 1;
    if (!side && branch->child[1]) larger = branch->child[1]; /* all of it is larger than size */
    node = from_link(branch->child[side]);
  }
  return tree_least(heap, from_link(larger), best);
}

static COLD addr find_in_trees(const struct pym_heap *heap, usize size) {
  u32 tree = 0;
  if (size >= BIN_LIST_MAX) {
    const addr chunk = heap->trees[tree_of(size)] ? tree_fit(heap, size) : 0;
    if (chunk) return chunk;
    tree = tree_of(size) + 1;
  }
  const u64 above = heap->trees_map >> tree << tree;
  return above ? tree_least(heap, from_link(heap->trees[__builtin_ctzll(above)]), 0) : 0;
}

/* ---- The interface ---- */

/* The list of a free chunk, BIN_LISTS or more: it is in a tree. */
HOT u32 list_for(addr chunk, usize size) {
  return is_pool_shaped(chunk, size) ? 0 : (u32)(size / 16);
}

COLD void pym__bins_insert(struct pym_heap *heap, addr chunk, usize size) {
  set_free(heap, chunk, size);
  heap->raw_free += size;
  if (size == CHUNK_MIN) return;
  const u32 list = list_for(chunk, size);
  if (list < BIN_LISTS) list_insert(heap, list, chunk);
  else tree_insert(heap, chunk, size);
}

COLD void pym__bins_remove(struct pym_heap *heap, addr chunk, usize size) {
  heap->raw_free -= size;
  if (size == CHUNK_MIN) return;
  const u32 list = list_for(chunk, size);
  if (list < BIN_LISTS) list_remove(heap, list, chunk);
  else tree_remove(heap, chunk, size);
}

COLD addr pym__bins_find(const struct pym_heap *heap, usize size) {
  if (size < BIN_LIST_MAX) { /* the chunk's header is verified by who takes it */
    const u32 list = list_from(heap, (u32)size / 16);
    if (size <= POOL_BYTES && list > POOL_BYTES / 16 && heap->lists[0])
      return from_link(heap->lists[0]);
    if (list < BIN_LISTS) return from_link(heap->lists[list]);
  }
  return heap->trees_map ? find_in_trees(heap, size) : 0;
}

int pym__bins_may_hold(const struct pym_heap *heap, usize size) {
  if (size >= BIN_LIST_MAX) return heap->trees_map >> tree_of(size) != 0;
  return heap->trees_map || heap->lists[0] || list_from(heap, (u32)size / 16) < BIN_LISTS;
}

int pym__bins_may_hold_below(const struct pym_heap *heap, usize size, usize below) {
  const int is_listed = size < BIN_LIST_MAX;
  if (is_listed) {
    if (heap->lists[0] && size <= POOL_BYTES && below > POOL_BYTES) return 1;
    const u32 list = list_from(heap, (u32)size / 16);
    if (list < BIN_LISTS && 16 * list < below) return 1;
    if (below < BIN_LIST_MAX) return 0;
  }
  const u64 trees = heap->trees_map & (((u64)(size < EXACT_LEAST ? 1 : 2) << tree_of(below)) - 1);
  return (is_listed ? trees : trees >> tree_of(size)) != 0;
}
