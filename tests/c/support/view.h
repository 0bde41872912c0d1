/* The library's structures as a reader outside sees them: by pym_root and the layout. */
#ifndef VIEW_H
#define VIEW_H

#include "core/layout.h"
#include "ports/linmem.h"
#include "pymalloc.h"

#define POOL_BYTES 4096u
#define RAW_HEADER 8u
#define SEGMENT_HEADER ((uint32_t)sizeof(struct segment))

struct space_view {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
};

struct heap_view {
  struct pym__hot hot;
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: the library's own blocks */
};

/* How offsets of chunks are written into chunks. */
static inline uint32_t view_link(addr chunk) {
  return (uint32_t)(chunk >> (PYM__MEMORY64 ? 3 : 0));
}

/* The half of the header before p that has the low bits of the size, and the size of the chunk. */
static inline uint32_t *view_head(void *p) { return (uint32_t *)p - (PYM__MEMORY64 ? 2 : 1); }
static inline size_t view_size(void *p) {
#if PYM__MEMORY64
  return (size_t)(((uint64_t *)p)[-1] & 0x3fffffff0u);
#else
  return *view_head(p) & ~15u;
#endif
}

static inline const struct space_view *view_space(void) { return pym_root(); }
static inline struct heap_view *view_heap(pym_heap *h) { return (void *)h; }

/* Where the first block lies in a pool of blocks of `size` bytes, and how many there are. */
static inline uint32_t view_first(uint32_t size) { return (void)size, 16; }
static inline uint32_t view_capacity(uint32_t size) {
  return (POOL_BYTES - RAW_HEADER - view_first(size)) / size;
}

/* The entry of the pool table for the 4 KiB that p lies in; NULL: there is no pool. */
static inline struct pym__pool *view_pool(const void *p) {
  if (!is_in_linmem(p)) return NULL;
  const uint32_t unit = (uint32_t)(off(p) / POOL_BYTES);
  const addr leaf = view_space()->leaves[unit / LEAF_POOLS];
  struct pym__pool *pool = leaf ? (struct pym__pool *)at(leaf) + unit % LEAF_POOLS : NULL;
  return pool && pool->size ? pool : NULL;
}

/* The size class that the pool table has for p, or 0. */
static inline unsigned view_class(const void *p) {
  const struct pym__pool *pool = view_pool(p);
  return pool ? pool->size / PYM_ALIGNMENT : 0;
}

/* The pool that p lies in. */
static inline char *view_base(const void *p) { return at(off(p) & ~(addr)(POOL_BYTES - 1)); }

/* Blocks of class c in lists, of both domains: free, but not in their pool's own list. */
static inline uint32_t view_listed(pym_heap *h, unsigned c) {
  const struct heap_view *heap = view_heap(h);
  return (uint32_t)(heap->hot.lists[0][c] >> PYM__COUNT_SHIFT) +
         (uint32_t)(heap->hot.lists[1][c] >> PYM__COUNT_SHIFT);
}

#endif
