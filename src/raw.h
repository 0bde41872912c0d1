/* The chunks and segments of the raw allocator, for raw.c and for those who inspect them.
 *
 * A segment is a run of pages (the first one of the program may start inside a page):
 *
 *   | struct segment | chunk | chunk | ...                    | struct trailer |
 *   S                S+24                                     E-24             E
 *
 * A chunk, in use and free.  c is 8 mod 16, so what the caller holds is 16-aligned:
 *
 *   c      c+4    c+8                    c+size       c      c+4    c+8    c+12        c+size
 *   | check| head | the caller's bytes ... |          | check| head | next | prev | ... | size |
 *
 * head   size (a multiple of 16) with its low bits: in use, previous chunk is free, domain
 * check  head ^ c ^ key of the heap, in every chunk of every build: a header with one damaged
 *        byte, one written over, and a block of another heap are noticed before they are used
 * Two free chunks are never neighbours.  The trailer is a chunk in use of no size.  A free chunk of
 * 16 bytes has no room for links: it is in no bin and waits for a neighbour to be freed. */
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

struct chunk {
  u32 check, head;
  u32 next, prev; /* free chunks: in their bin */
};

struct segment {
  u32 magic, heap;
  u32 next, prev; /* in the heap's list */
  u32 end;        /* offset behind the trailer */
  u32 reserved;
};

struct trailer {
  u32 check, head;
  u32 segment;
  u32 reserved[3];
};

#define SEGMENT_MAGIC 0x4d474553u
#define SEGMENT_BYTES 24u
#define TRAILER_BYTES 24u
_Static_assert(sizeof(struct segment) == SEGMENT_BYTES, "chunks start 8 mod 16");
_Static_assert(sizeof(struct trailer) == TRAILER_BYTES, "the trailer is 8 mod 16 as well");

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

HOT unsigned domain_of_head(u32 head) { return head >> DOMAIN_SHIFT & 3; }

HOT u32 bin_of(u32 size) {
  u32 u = size >> 4;
  if (u < RAW_EXACT) return u;
  u32 log = 31 - (u32)__builtin_clz(u);
  return RAW_EXACT + (log - 6) * 8 + ((u >> (log - 3)) & 7);
}

#endif
