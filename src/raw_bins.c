/* Free chunks by size.
 *
 * Below 1 KiB a list for each size, above two search trees to a doubling, both with a bitmap of
 * those that hold something.  A tree branches on the bits of the size below those that chose it,
 * from the top: so the smallest chunk that fits is found in at most as many steps as a size has
 * bits, whatever is free.  Chunks of equal size form a ring, of which one is the node. */
#include "raw_bins.h"

/* A link is verified to lie in memory, and to be led back from, before it is used; the header of a
 * chunk, which cannot be forged, when the chunk is taken or its size is used. */
HOT struct chunk *linked(u32 c) {
  if (UNLIKELY(!in_memory(c))) pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  return chunk_at(c);
}

/* ---- Lists ---- */

HOT void list_insert(struct pym_heap *h, u32 list, u32 c) {
  const u32 next = h->lists[list];
  chunk_at(c)->next = next;
  chunk_at(c)->prev = 0;
  if (next) chunk_at(next)->prev = c;
  h->lists[list] = c;
  h->lists_map |= (u64)1 << list;
}

HOT void list_remove(struct pym_heap *h, u32 list, u32 c) {
  const u32 next = chunk_at(c)->next, prev = chunk_at(c)->prev;
  u32 *before = prev ? &linked(prev)->next : &h->lists[list];
  if (UNLIKELY(*before != c || (next && linked(next)->prev != c)))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  *before = next;
  if (next) chunk_at(next)->prev = prev;
  else if (!prev) h->lists_map &= ~((u64)1 << list);
}

/* ---- Trees ---- */

HOT struct branch *branch_at(u32 c) {
  return at(c + chunk_at(c)->head - (u32)sizeof(struct branch));
}
/* The branch of a chunk that a link leads to. */
HOT struct branch *linked_branch(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!in_memory(c) || !is_sound(h, c) || chunk_at(c)->head & FLAGS))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  return branch_at(c);
}

static TIDY void tree_insert(struct pym_heap *h, u32 c, u32 size) {
  const u32 tree = tree_of(size);
  struct branch *own = branch_at(c);
  u32 *place = &h->trees[tree], parent = 0;
  for (u32 bit = first_branch(tree); *place; bit--) {
    const u32 node = *place;
    struct branch *branch = linked_branch(h, node);
    if (chunk_at(node)->head == size) { /* one more of the ring, behind the node */
      const u32 next = chunk_at(node)->next;
      if (UNLIKELY(linked(next)->prev != node)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
      chunk_at(c)->next = next;
      chunk_at(c)->prev = node;
      own->parent = NO_NODE;
      chunk_at(next)->prev = c;
      chunk_at(node)->next = c;
      return;
    }
    if (UNLIKELY(bit < LAST_BRANCH)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    parent = node;
    place = &branch->child[size >> bit & 1];
  }
  *place = c;
  own->child[0] = own->child[1] = 0;
  own->parent = parent;
  chunk_at(c)->next = chunk_at(c)->prev = c;
  h->trees_map |= (u64)1 << tree;
}

/* A node without children, below or equal to c, taken out of its place. */
static TIDY u32 take_leaf(const struct pym_heap *h, u32 c) {
  struct branch *branch = branch_at(c), *parent = NULL;
  u32 leaf = c;
  for (u32 steps = 0;; steps++) {
    const u32 below = branch->child[1] ? branch->child[1] : branch->child[0];
    if (!below) break;
    parent = branch;
    branch = linked_branch(h, below);
    if (UNLIKELY(branch->parent != leaf || steps > 32)) pym__corrupt(CAUSE_LINKS, below, INTERNAL);
    leaf = below;
  }
  if (parent) parent->child[parent->child[1] == leaf] = 0;
  return leaf;
}

/* Put `by` where the node c is; 0: nothing. */
static TIDY void replace_node(struct pym_heap *h, u32 c, u32 size, u32 by) {
  const struct branch *branch = branch_at(c);
  const u32 tree = tree_of(size);
  u32 *place = &h->trees[tree];
  if (branch->parent) {
    struct branch *parent = linked_branch(h, branch->parent);
    place = &parent->child[parent->child[1] == c];
  }
  if (UNLIKELY(*place != c)) pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  *place = by;
  if (by) {
    struct branch *node = branch_at(by);
    node->parent = branch->parent;
    for (unsigned i = 0; i < 2; i++) {
      node->child[i] = branch->child[i];
      if (node->child[i]) linked_branch(h, node->child[i])->parent = by;
    }
  }
  if (!h->trees[tree]) h->trees_map &= ~((u64)1 << tree);
}

static TIDY void tree_remove(struct pym_heap *h, u32 c, u32 size) {
  const u32 next = chunk_at(c)->next, prev = chunk_at(c)->prev;
  if (UNLIKELY(linked(next)->prev != c || linked(prev)->next != c))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  if (next == c) {
    const u32 leaf = take_leaf(h, c);
    replace_node(h, c, size, leaf == c ? 0 : leaf);
    return;
  }
  chunk_at(next)->prev = prev;
  chunk_at(prev)->next = next;
  if (branch_at(c)->parent == NO_NODE) return;
  linked_branch(h, next);
  replace_node(h, c, size, next);
}

/* The smallest chunk of a tree, or `best`: smaller ones are on the side of the lower bit. */
static TIDY u32 tree_least(const struct pym_heap *h, u32 node, u32 best) {
  for (u32 steps = 0; node; steps++) {
    const struct branch *branch = linked_branch(h, node);
    if (!best || chunk_at(node)->head < chunk_at(best)->head) best = node;
    if (UNLIKELY(steps > 32)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    node = branch->child[0] ? branch->child[0] : branch->child[1];
  }
  return best;
}

/* The smallest of at least `size` bytes in the tree that `size` belongs to; 0: none. */
static TIDY u32 tree_fit(const struct pym_heap *h, u32 size) {
  const u32 tree = tree_of(size);
  u32 best = 0, larger = 0, bit = first_branch(tree);
  for (u32 node = h->trees[tree]; node; bit--) {
    const struct branch *branch = linked_branch(h, node);
    const u32 have = chunk_at(node)->head;
    if (have >= size && (!best || have < chunk_at(best)->head)) best = node;
    if (have == size) { /* of the ring the next: that has less work to be taken */
      const u32 next = chunk_at(node)->next;
      linked_branch(h, next);
      if (UNLIKELY(chunk_at(next)->head != size)) pym__corrupt(CAUSE_LINKS, next, INTERNAL);
      return next;
    }
    if (UNLIKELY(bit < LAST_BRANCH)) pym__corrupt(CAUSE_LINKS, node, INTERNAL);
    const u32 side = size >> bit & 1;
    if (!side && branch->child[1]) larger = branch->child[1]; /* all of it is larger than size */
    node = branch->child[side];
  }
  return tree_least(h, larger, best);
}

static TIDY u32 find_in_trees(const struct pym_heap *h, u32 size) {
  u32 tree = 0;
  if (size >= LIST_MAX) {
    const u32 c = h->trees[tree_of(size)] ? tree_fit(h, size) : 0;
    if (c) return c;
    tree = tree_of(size) + 1;
  }
  const u64 above = h->trees_map >> tree << tree;
  return above ? tree_least(h, h->trees[__builtin_ctzll(above)], 0) : 0;
}

/* ---- The interface ---- */

/* The list of a free chunk, RAW_LISTS or more: it is in a tree. */
HOT u32 list_for(u32 c, u32 size) { return is_pool_shaped(c, size) ? 0 : size / 16; }

APART void pym__bin_insert(struct pym_heap *h, u32 c, u32 size) {
  set_head(h, c, size);
  *footer_of(c, size) = size;
  h->raw_free += size;
  if (size == CHUNK_MIN) return;
  const u32 list = list_for(c, size);
  if (list < RAW_LISTS) list_insert(h, list, c);
  else tree_insert(h, c, size);
}

APART void pym__bin_remove(struct pym_heap *h, u32 c, u32 size) {
  h->raw_free -= size;
  if (size == CHUNK_MIN) return;
  const u32 list = list_for(c, size);
  if (list < RAW_LISTS) list_remove(h, list, c);
  else tree_remove(h, c, size);
}

APART u32 pym__bin_find(const struct pym_heap *h, u32 size) {
  u32 c = 0;
  if (size < LIST_MAX) { /* the chunk's header is verified by who takes it */
    const u32 first = size / 16;
    const u64 above = h->lists_map >> first << first;
    if (above) return h->lists[__builtin_ctzll(above)];
  }
  if (h->trees_map) c = find_in_trees(h, size);
  if (size <= POOL_BYTES && h->lists[0] && (!c || size_of(c) > POOL_BYTES))
    return h->lists[0];
  return c;
}
