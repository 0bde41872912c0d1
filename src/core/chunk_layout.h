/* The chunks and segments of the raw allocator, for chunk.c and for those who inspect them.
 *
 * A segment is a piece of linear memory that is a heap's own; it begins and ends at multiples of
 * 16:
 *
 *   S                S+24                                 E-8                   E
 *   | struct segment | chunk | chunk | ...                | chunk of no size    |
 *
 * A chunk, in use and free.  c is 8 mod 16, so what the caller holds is 16-aligned:
 *
 *   c      c+4    c+8                    c+size       c      c+4    c+8    c+12        c+size
 *   | check| head | the caller's bytes ... |          | check| head | next | prev | ... | size |
 *
 * head   size (a multiple of 16) with its low bits: in use, previous chunk is free, domain.  Of a
 *        free chunk it is the size and nothing else: two free chunks are never neighbours
 * check  head ^ c ^ key of the heap, in every chunk of every build: a header with one damaged
 *        byte, one written over, and a block of another heap are noticed before they are used.
 *        The key is drawn at start where the host has randomness, so a header cannot be forged
 *
 * Free chunks below 1 KiB are in lists of one size, larger ones in search trees: a tree node has
 * two children and a ring of other chunks of its size.  A free chunk of 16 bytes has no room for
 * links and waits for a neighbour to be freed; the last chunk of the segment that may grow is
 * heap->top and in no list.  Chunks in use of domain INTERNAL are pools (4096 bytes, the caller's a
 * multiple of 4096), or at least CACHED_CHUNK_MAX long, or cached: freed, and kept for the next
 * request of their size. */
#ifndef PYM_CORE_CHUNK_LAYOUT_H
#define PYM_CORE_CHUNK_LAYOUT_H

#include "core/state.h"

#define CHUNK_IN_USE 1u
#define CHUNK_PREV_FREE 2u
#define CHUNK_DOMAIN_SHIFT 2
#define CHUNK_DOMAIN 12u
#define CHUNK_FLAGS 15u
#define CHUNK_MIN 16u
#define CHUNK_HEADER 8u
#define SEGMENT_BYTES 24u
_Static_assert(sizeof(struct segment) == SEGMENT_BYTES, "as drawn");

struct chunk {
  u32 check, head;
  u32 next, prev; /* free chunks: of the list, or of the ring in a tree */
};
/* A free chunk in a tree ends with this: so only the first 8 bytes and the last 16 of a freed block
 * are written to. */
struct branch {
  u32 child[2], parent; /* parent: 0 the root, NO_NODE another one of the ring */
  u32 size;             /* the footer of every free chunk */
};
#define NO_NODE 1u

HOT struct chunk *chunk_at(u32 chunk) { return at(chunk); }
HOT u32 size_of(u32 chunk) { return chunk_at(chunk)->head & ~CHUNK_FLAGS; }
HOT u32 key_of(const struct pym_heap *heap) { return pym__space.raw_key ^ off(heap); }
HOT void set_head(const struct pym_heap *heap, u32 chunk, u32 head) {
  struct chunk *header = chunk_at(chunk);
  const u32 check = head ^ chunk ^ key_of(heap);
  PYM__WRITE(header->head, head);
  PYM__WRITE(header->check, check);
}
HOT u32 *footer_of(u32 chunk, u32 size) { return at(chunk + size - 4); }
HOT int is_sound(const struct pym_heap *heap, u32 chunk) {
  return chunk_at(chunk)->check == (chunk_at(chunk)->head ^ chunk ^ key_of(heap));
}

HOT u32 chunk_flags(unsigned domain) { return CHUNK_IN_USE | (u32)domain << CHUNK_DOMAIN_SHIFT; }
HOT unsigned domain_of_head(u32 head) { return head >> CHUNK_DOMAIN_SHIFT & 3; }

/* Does a pool fit the bytes of a chunk exactly? */
HOT int is_pool_shaped(u32 chunk, u32 size) {
  return size == POOL_BYTES && !((chunk + CHUNK_HEADER) & (POOL_BYTES - 1));
}
/* Is a chunk in use a pool?  The pool table has a class at the place of its bytes. */
HOT int is_pool(u32 chunk) {
  return is_pool_shaped(chunk, size_of(chunk)) && class_of(chunk + CHUNK_HEADER);
}

/* Chunks below this are cached when they are freed. */
#define CACHED_CHUNK_MAX 8192u
_Static_assert(HEAP_BYTES >= CACHED_CHUNK_MAX &&
                   LEAF_POOLS * sizeof(struct pym__pool) >= CACHED_CHUNK_MAX,
               "what INTERNAL has");

HOT int is_cached_head(u32 head) {
  return (head & (CHUNK_FLAGS & ~CHUNK_PREV_FREE)) == chunk_flags(INTERNAL) &&
         head < CACHED_CHUNK_MAX;
}
/* In place of a chunk: the list is empty, and its size was asked for, so what is freed is cached.
 */
#define CACHE_REQUESTED 1u
HOT u32 cache_of(u32 size) { return size >> 4 & (CACHE_LISTS - 1); }
/* The link of a cached chunk, from the chunk to its next and back. */
HOT u32 cache_link(const struct pym_heap *heap, u32 chunk, u32 link) {
  return link ^ key_of(heap) ^ chunk << 1;
}

/* What a chunk is.  The header tells it, and the pool table for a pool. */
enum chunk_kind {
  CHUNK_FREE,     /* in a bin, or the top chunk */
  CHUNK_LIVE,     /* a raw block; its head has the domain */
  CHUNK_CACHED,   /* a raw block that was freed */
  CHUNK_POOL,     /* blocks of a size class */
  CHUNK_INTERNAL, /* a heap, a leaf of the pool table, a segment of another heap */
  CHUNK_SENTINEL, /* no bytes: where a segment ends */
};
static inline enum chunk_kind kind_of(u32 chunk) {
  const u32 head = chunk_at(chunk)->head;
  if (!(head & CHUNK_IN_USE)) return CHUNK_FREE;
  if (!(head & ~CHUNK_FLAGS)) return CHUNK_SENTINEL;
  if (domain_of_head(head) != INTERNAL) return CHUNK_LIVE;
  if (is_pool(chunk)) return CHUNK_POOL;
  return is_cached_head(head) ? CHUNK_CACHED : CHUNK_INTERNAL;
}

HOT u32 segment_check(u32 segment, u32 end) { return segment ^ end << 1 ^ ~pym__space.raw_key; }

#endif
