/* The chunks and segments of the raw allocator, for raw.c and for those who inspect them.
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
 * multiple of 4096), or at least CACHED_MAX long, or cached: freed, and kept for the next request of
 * their size. */
#ifndef PYM_RAW_H
#define PYM_RAW_H

#include "internal.h"

#define IN_USE 1u
#define PREV_FREE 2u
#define DOMAIN_SHIFT 2
#define FLAGS 15u
#define CHUNK_MIN 16u
#define HEADER 8u
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

HOT struct chunk *chunk_at(u32 c) { return at(c); }
HOT u32 size_of(u32 c) { return chunk_at(c)->head & ~FLAGS; }
HOT u32 key_of(const struct pym_heap *h) { return pym__space.raw_key ^ off(h); }
HOT void set_head(const struct pym_heap *h, u32 c, u32 head) {
  struct chunk *chunk = chunk_at(c);
  const u32 check = head ^ c ^ key_of(h);
  chunk->head = head;
  chunk->check = check;
}
HOT u32 *footer_of(u32 c, u32 size) { return at(c + size - 4); }
HOT int is_sound(const struct pym_heap *h, u32 c) {
  return chunk_at(c)->check == (chunk_at(c)->head ^ c ^ key_of(h));
}

HOT u32 chunk_flags(unsigned d) { return IN_USE | (u32)d << DOMAIN_SHIFT; }
HOT unsigned domain_of_head(u32 head) { return head >> DOMAIN_SHIFT & 3; }

/* Does a pool fit the bytes of a chunk exactly? */
HOT int is_pool_shaped(u32 c, u32 size) {
  return size == POOL_BYTES && !((c + HEADER) & (POOL_BYTES - 1));
}
/* Is the chunk in use at c a pool?  The pool table has a class at the place of its bytes. */
HOT int is_pool(u32 c) { return is_pool_shaped(c, size_of(c)) && class_of(c + HEADER); }

/* Chunks below this are cached when they are freed. */
#define CACHED_MAX 8192u
_Static_assert(HEAP_BYTES >= CACHED_MAX && LEAF_POOLS * sizeof(struct pym__pool) >= CACHED_MAX,
               "what INTERNAL has");

HOT int is_cached_head(u32 head) {
  return (head & (FLAGS & ~PREV_FREE)) == chunk_flags(INTERNAL) && head < CACHED_MAX;
}
HOT int is_cached(u32 c) { return is_cached_head(chunk_at(c)->head) && !is_pool(c); }
#define CACHE_ASKED 1u /* an empty list of a size that was asked for: what is freed is cached */
HOT u32 cache_of(u32 size) { return size >> 4 & (RAW_CACHES - 1); }
/* The link of a cached chunk, from the chunk to its next and back. */
HOT u32 cache_link(const struct pym_heap *h, u32 c, u32 link) { return link ^ key_of(h) ^ c << 1; }

HOT u32 segment_check(u32 s, u32 end) { return s ^ end << 1 ^ ~pym__space.raw_key; }

#endif
