/* The chunks and segments of the raw allocator, for raw.c and for those who inspect them.
 *
 * A segment is a piece of linear memory that is a heap's own; it begins and ends at multiples of
 * 16:
 *
 *   S                S+8                                  E-8                   E
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
 *        byte, one written over, and a block of another heap are noticed before they are used
 * A free chunk of 16 bytes has no room for links: it is in no bin and waits for a neighbour to be
 * freed.  Chunks in use of domain INTERNAL are pools (4096 bytes, the caller's a multiple of 4096),
 * or at least HAND_MAX long, or freed blocks at hand, linked by `next`. */
#ifndef PYM_RAW_H
#define PYM_RAW_H

#include "internal.h"

#define IN_USE 1u
#define PREV_FREE 2u
#define DOMAIN_SHIFT 2
#define FLAGS 15u
#define KEY 0x5a17c0deu
#define CHUNK_MIN 16u
#define HEADER 8u
#define SEGMENT_BYTES 8u

struct chunk {
  u32 check, head;
  struct link link; /* free chunks: in their bin */
};

HOT struct chunk *chunk_at(u32 c) { return at(c); }
HOT u32 size_of(u32 c) { return chunk_at(c)->head & ~FLAGS; }
HOT u32 key_of(const struct pym_heap *h) { return KEY ^ off(h); }
HOT void set_head(const struct pym_heap *h, u32 c, u32 head) {
  chunk_at(c)->head = head;
  chunk_at(c)->check = head ^ c ^ key_of(h);
}
HOT u32 *footer_of(u32 c, u32 size) { return at(c + size - 4); }
HOT int sound(const struct pym_heap *h, u32 c) {
  return chunk_at(c)->check == (chunk_at(c)->head ^ c ^ key_of(h));
}

HOT u32 chunk_flags(unsigned d) { return IN_USE | (u32)d << DOMAIN_SHIFT; }
HOT unsigned domain_of_head(u32 head) { return head >> DOMAIN_SHIFT & 3; }

/* Is the chunk in use at c a pool?  The map has a class at the place of its bytes. */
HOT int is_pool(u32 c) {
  u32 o = c + HEADER;
  return !(o & (POOL_BYTES - 1)) && size_of(c) == POOL_BYTES && class_of(o);
}

/* Chunks below this stay at hand when they are freed, until a sweep. */
#define HAND_MAX 8192u
_Static_assert(HEAP_BYTES >= HAND_MAX && 16 * FIRST_UNITS >= HAND_MAX, "what INTERNAL has");

HOT int is_hand_head(u32 head) {
  return (head & (FLAGS & ~PREV_FREE)) == chunk_flags(INTERNAL) && head < HAND_MAX;
}
HOT int is_at_hand(u32 c) { return is_hand_head(chunk_at(c)->head) && !is_pool(c); }

HOT u32 bin_of(u32 size) {
  u32 u = size >> 4;
  if (u < RAW_EXACT) return u;
  u32 log = 31 - (u32)__builtin_clz(u);
  return (u >> (log - 3)) + log * 8 + RAW_EXACT - 6 * 8 - 8;
}

#endif
