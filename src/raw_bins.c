/* Free chunks by size.
 *
 * Below 1 KiB a list for each size, above two search trees to a doubling, both with a bitmap of
 * those that hold something.  A tree branches on the bits of the size below those that chose it,
 * from the top: so the smallest chunk that fits is found in at most as many steps as a size has
 * bits, whatever is free.  Chunks of equal size form a ring, of which one is the node. */
#include "raw_bins.h"

/* A chunk that a link leads to: in memory, its header sound, free. */
static u32 verified(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!in_memory(c) || !is_sound(h, c) || chunk_at(c)->head & FLAGS))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  return c;
}

/* ---- Lists ---- */

static void list_insert(struct pym_heap *h, u32 list, u32 c) {
  const u32 next = h->lists[list];
  chunk_at(c)->next = next;
  chunk_at(c)->prev = 0;
  if (next) chunk_at(verified(h, next))->prev = c;
  h->lists[list] = c;
  h->lists_map |= (u64)1 << list;
}

static void list_remove(struct pym_heap *h, u32 list, u32 c) {
  const u32 next = chunk_at(c)->next, prev = chunk_at(c)->prev;
  u32 *before = prev ? &chunk_at(verified(h, prev))->next : &h->lists[list];
  if (UNLIKELY(*before != c || (next && chunk_at(verified(h, next))->prev != c)))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  *before = next;
  if (next) chunk_at(next)->prev = prev;
  if (!h->lists[list]) h->lists_map &= ~((u64)1 << list);
}

/* ---- Trees ---- */

static u32 *root_of(struct pym_heap *h, u32 size) { return &h->trees[tree_of(size)]; }

static void tree_insert(struct pym_heap *h, u32 c, u32 size) {
  const u32 tree = tree_of(size);
  struct chunk *chunk = chunk_at(c);
  u32 *place = &h->trees[tree], parent = 0, bit = first_branch(tree);
  chunk->child[0] = chunk->child[1] = 0;
  while (*place) {
    const u32 node = verified(h, *place);
    if (size_of(node) == size) { /* one more of the ring, behind the node */
      const u32 next = verified(h, chunk_at(node)->next);
      *chunk = (struct chunk){chunk->check, chunk->head, next, node, {0, 0}, NO_NODE};
      chunk_at(next)->prev = c;
      chunk_at(node)->next = c;
      return;
    }
    parent = node;
    place = &chunk_at(node)->child[size >> bit-- & 1];
  }
  *place = c;
  chunk->parent = parent;
  chunk->next = chunk->prev = c;
  h->trees_map |= (u64)1 << tree;
}

/* A node without children, below or equal to c, taken out of its place. */
static u32 take_leaf(const struct pym_heap *h, u32 c) {
  u32 leaf = c, parent = 0;
  for (;;) {
    const struct chunk *node = chunk_at(leaf);
    const u32 below = node->child[1] ? node->child[1] : node->child[0];
    if (!below) break;
    parent = leaf;
    leaf = verified(h, below);
    if (UNLIKELY(chunk_at(leaf)->parent != parent)) pym__corrupt(CAUSE_LINKS, leaf, INTERNAL);
  }
  if (parent) chunk_at(parent)->child[chunk_at(parent)->child[1] == leaf] = 0;
  return leaf;
}

/* Put `by` where the node c is; 0: nothing. */
static void replace_node(struct pym_heap *h, u32 c, u32 size, u32 by) {
  const struct chunk *chunk = chunk_at(c);
  u32 *place = root_of(h, size);
  if (chunk->parent) {
    struct chunk *parent = chunk_at(verified(h, chunk->parent));
    place = &parent->child[parent->child[1] == c];
  }
  if (UNLIKELY(*place != c)) pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  *place = by;
  if (by) {
    struct chunk *node = chunk_at(by);
    node->parent = chunk->parent;
    for (unsigned i = 0; i < 2; i++) {
      node->child[i] = chunk->child[i];
      if (node->child[i]) chunk_at(verified(h, node->child[i]))->parent = by;
    }
  }
  if (!*root_of(h, size)) h->trees_map &= ~((u64)1 << tree_of(size));
}

static void tree_remove(struct pym_heap *h, u32 c, u32 size) {
  struct chunk *chunk = chunk_at(c);
  const u32 next = verified(h, chunk->next), prev = verified(h, chunk->prev);
  if (UNLIKELY(chunk_at(next)->prev != c || chunk_at(prev)->next != c))
    pym__corrupt(CAUSE_LINKS, c, INTERNAL);
  chunk_at(next)->prev = prev;
  chunk_at(prev)->next = next;
  if (chunk->parent == NO_NODE) return;
  u32 by = next;
  if (next == c) {
    by = take_leaf(h, c);
    if (by == c) by = 0;
  }
  replace_node(h, c, size, by);
}

/* The smallest chunk of a tree: smaller ones are on the side of the lower bit. */
static u32 tree_least(const struct pym_heap *h, u32 node, u32 best) {
  while (node) {
    verified(h, node);
    if (!best || size_of(node) < size_of(best)) best = node;
    const struct chunk *chunk = chunk_at(node);
    node = chunk->child[0] ? chunk->child[0] : chunk->child[1];
  }
  return best;
}

/* The smallest of at least `size` bytes in the tree that `size` belongs to; 0: none. */
static u32 tree_fit(const struct pym_heap *h, u32 size) {
  const u32 tree = tree_of(size);
  u32 best = 0, larger = 0, bit = first_branch(tree);
  for (u32 node = h->trees[tree]; node;) {
    const u32 have = size_of(verified(h, node));
    if (have >= size && (!best || have < size_of(best))) best = node;
    if (have == size) return best;
    const struct chunk *chunk = chunk_at(node);
    const u32 side = size >> bit-- & 1;
    if (!side && chunk->child[1]) larger = chunk->child[1]; /* all of it is larger than size */
    node = chunk->child[side];
  }
  return tree_least(h, larger, best);
}

static u32 find_in_trees(const struct pym_heap *h, u32 size) {
  u32 tree = 0;
  if (size >= LIST_MAX) {
    const u32 c = tree_fit(h, size);
    if (c) return c;
    tree = tree_of(size) + 1;
  }
  const u64 above = h->trees_map >> tree << tree;
  return above ? tree_least(h, h->trees[__builtin_ctzll(above)], 0) : 0;
}

/* ---- The interface ---- */

APART void pym__bin_insert(struct pym_heap *h, u32 c, u32 size) {
  set_head(h, c, size);
  *footer_of(c, size) = size;
  h->raw_free += size;
  if (size == CHUNK_MIN) return;
  if (is_pool_shaped(c, size)) list_insert(h, 0, c);
  else if (size < LIST_MAX) list_insert(h, size / 16, c);
  else tree_insert(h, c, size);
}

APART void pym__bin_remove(struct pym_heap *h, u32 c, u32 size) {
  h->raw_free -= size;
  if (size == CHUNK_MIN) return;
  if (is_pool_shaped(c, size)) list_remove(h, 0, c);
  else if (size < LIST_MAX) list_remove(h, size / 16, c);
  else tree_remove(h, c, size);
}

APART u32 pym__bin_find(const struct pym_heap *h, u32 size) {
  u32 c = 0;
  if (size < LIST_MAX) {
    const u32 first = size / 16;
    const u64 above = h->lists_map >> first << first;
    if (above) return verified(h, h->lists[__builtin_ctzll(above)]);
  }
  c = find_in_trees(h, size);
  if (size <= POOL_BYTES && h->lists[0] && (!c || size_of(c) > POOL_BYTES))
    return verified(h, h->lists[0]);
  return c;
}
