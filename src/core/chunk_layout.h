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
 * In a memory with 64-bit addresses the eight bytes of a header are one number: head in the low 34
 * bits, as sizes up to 16 GiB need, check in the 30 above.  Links and the size at a free chunk's
 * end have 32 bits and count units of 8 bytes.
 *
 * Free chunks below 8 KiB are in lists of one size, larger ones in search trees: a tree node has
 * two children and a ring of other chunks of its size.  A free chunk of 16 bytes has no room for
 * links and waits for a neighbour to be freed; the last chunk of the segment that may grow is
 * heap->top, the free chunk that changed last heap->last: they are in no list.  Chunks in use of
 * domain INTERNAL are pools (4096 bytes, the caller's a multiple of 4096), or at least
 * CACHED_CHUNK_MAX long, or cached: freed, and kept for the next request of their size. */
#ifndef PYM_CORE_CHUNK_LAYOUT_H
#define PYM_CORE_CHUNK_LAYOUT_H

#include "core/state.h"

#define CHUNK_IN_USE 1u
#define CHUNK_PREV_FREE ((usize)2)
#define CHUNK_DOMAIN_SHIFT 2
#define CHUNK_DOMAIN ((usize)12)
#define CHUNK_FLAGS ((usize)15)
#define CHUNK_MIN 16u
#define CHUNK_HEADER 8u
#define SEGMENT_BYTES ((u32)sizeof(struct segment))

struct chunk {
#if PYM__MEMORY64
  u64 header;
#else
  u32 check, head;
#endif
  u32 next, prev; /* free chunks: links of the list, or of the ring in a tree */
};
/* A free chunk in a tree ends with this: so only the first 8 bytes and the last 16 of a freed block
 * are written to. */
struct branch {
  u32 child[2], parent; /* links; parent: 0 the root, NO_NODE another one of the ring */
  u32 size;             /* the footer of every free chunk, as a link */
};
#define NO_NODE 1u

#define LINK_SHIFT (PYM__MEMORY64 ? 3 : 0)
HOT addr from_link(u32 link) { return (addr)link << LINK_SHIFT; }
HOT u32 to_link(addr offset) { return (u32)(offset >> LINK_SHIFT); }

HOT struct chunk *chunk_at(addr chunk) { return at(chunk); }
HOT u32 key_of(const struct pym_heap *heap) { return pym__space.raw_key ^ (u32)off(heap); }

/* The header of a chunk whose heap has this key: what it says, whether it is sound, a new one. */
#if PYM__MEMORY64
#define HEAD_BITS 34
#define CHECK_BITS 30
HOT usize head_at(addr chunk) { return chunk_at(chunk)->header & (((usize)1 << HEAD_BITS) - 1); }
/* One damaged byte of the number never changes both of its parts alike. */
HOT u64 check_for(addr chunk, usize head, u32 key) {
  const u64 both = head ^ chunk;
  return ((both >> CHECK_BITS << 20) ^ both ^ key) << HEAD_BITS;
}
/* A sound header. */
HOT u64 header_with(u32 key, addr chunk, usize head) { return check_for(chunk, head, key) | head; }
HOT int is_sound_with(u32 key, addr chunk) {
  return chunk_at(chunk)->header == header_with(key, chunk, head_at(chunk));
}
HOT void set_head_with(u32 key, addr chunk, usize head) {
  chunk_at(chunk)->header = header_with(key, chunk, head);
}
#else
#define HEAD_BITS 32
HOT usize head_at(addr chunk) { return chunk_at(chunk)->head; }
HOT int is_sound_with(u32 key, addr chunk) {
  return chunk_at(chunk)->check == (chunk_at(chunk)->head ^ chunk ^ key);
}
HOT void set_head_with(u32 key, addr chunk, usize head) {
  struct chunk *header = chunk_at(chunk);
  const u32 check = head ^ chunk ^ key;
  PYM__WRITE(header->head, head);
  PYM__WRITE(header->check, check);
}
/* A sound header as one number, as it lies in memory. */
HOT u64 header_with(u32 key, addr chunk, usize head) {
  return (u64)head << 32 | (u32)(head ^ chunk ^ key);
}
#endif
HOT usize head_in(u64 header) {
  return (usize)(PYM__MEMORY64 ? header & (((u64)1 << HEAD_BITS) - 1) : header >> 32);
}
HOT u64 header_at(addr chunk) { return *(const pym__word *)at(chunk); }
/* What an exclusive or with a header changes these flags of its head by: it stays sound. */
HOT u64 flags_change(u32 flags) { return flags * (((u64)1 << HEAD_BITS) + 1); }
HOT void change_flags(addr chunk, u64 header, u32 flags) {
  PYM__WRITE(*(pym__word *)at(chunk), header ^ flags_change(flags));
}
/* Is the header sound, and does it say `head`, whatever it says of the chunk before? */
HOT int says(u64 header, u32 key, addr chunk, usize head) {
  const u64 differs = header ^ header_with(key, chunk, head);
  return (differs == 0) | (differs == flags_change((u32)CHUNK_PREV_FREE));
}
HOT int is_sound(const struct pym_heap *heap, addr chunk) {
  return is_sound_with(key_of(heap), chunk);
}
HOT void set_head(const struct pym_heap *heap, addr chunk, usize head) {
  set_head_with(key_of(heap), chunk, head);
}
HOT usize size_of(addr chunk) { return head_at(chunk) & ~CHUNK_FLAGS; }

/* Bytes of the chunk for a block of `bytes`. */
HOT usize chunk_size_for(usize bytes) { return (bytes + CHUNK_HEADER + 15) & ~(addr)15; }
/* Bytes from a chunk to where a block that is to be a multiple of `align` begins. */
HOT usize lead_of(addr chunk, usize align) { return (0 - (chunk + CHUNK_HEADER)) & (align - 1); }

/* Of a free chunk, or of the one before. */
HOT void set_footer(addr chunk, usize size) { *(u32 *)at(chunk + size - 4) = to_link(size); }
HOT usize footer_before(addr chunk) { return from_link(*(const u32 *)at(chunk - 4)); }

/* Write header and footer of a free chunk.  It is in no bin yet. */
HOT void set_free(const struct pym_heap *heap, addr chunk, usize size) {
  set_head(heap, chunk, size);
  set_footer(chunk, size);
}

HOT u32 chunk_flags(unsigned domain) { return CHUNK_IN_USE | (u32)domain << CHUNK_DOMAIN_SHIFT; }
HOT unsigned domain_of_head(usize head) { return (unsigned)(head >> CHUNK_DOMAIN_SHIFT & 3); }

/* Does a pool fit the bytes of a chunk exactly? */
HOT int is_pool_shaped(addr chunk, usize size) {
  return size == POOL_BYTES && !((chunk + CHUNK_HEADER) & (POOL_BYTES - 1));
}
/* Is a chunk in use a pool?  The pool table has a class at the place of its bytes. */
HOT int is_pool(addr chunk) {
  return is_pool_shaped(chunk, size_of(chunk)) && class_of(chunk + CHUNK_HEADER);
}

#define CACHED_BYTES_MAX \
  (CACHED_CHUNK_MAX - 16 - CHUNK_HEADER) /* the most that a cached one serves */
_Static_assert(HEAP_BYTES >= CACHED_CHUNK_MAX &&
                   LEAF_POOLS * sizeof(struct pym__pool) >= CACHED_CHUNK_MAX,
               "what INTERNAL has");

HOT int is_cached_head(usize head) {
  return (head & (CHUNK_FLAGS & ~CHUNK_PREV_FREE)) == chunk_flags(INTERNAL) &&
         head < CACHED_CHUNK_MAX;
}
/* In place of a chunk: the list is empty, and its size was asked for, so what is freed is cached.
 */
#define CACHE_REQUESTED 1u
HOT u32 cache_of(usize size) { return (u32)size >> 4; }
/* The link of a cached chunk, encoded and back. */
HOT u32 cache_link_with(u32 key, addr chunk, u32 link) { return link ^ key ^ (u32)chunk << 1; }
HOT u32 cache_link(const struct pym_heap *heap, addr chunk, u32 link) {
  return cache_link_with(key_of(heap), chunk, link);
}

/* What a chunk is.  The header tells it, and the pool table for a pool. */
enum chunk_kind {
  CHUNK_FREE,     /* in a bin, the top chunk, or the one that changed last */
  CHUNK_LIVE,     /* a raw block; its head has the domain */
  CHUNK_CACHED,   /* a raw block that was freed */
  CHUNK_POOL,     /* blocks of a size class */
  CHUNK_INTERNAL, /* a heap, a leaf of the pool table, a segment of another heap */
  CHUNK_SENTINEL, /* no bytes: where a segment ends */
};
static inline enum chunk_kind kind_of(addr chunk) {
  const usize head = head_at(chunk);
  if (!(head & CHUNK_IN_USE)) return CHUNK_FREE;
  if (!(head & ~CHUNK_FLAGS)) return CHUNK_SENTINEL;
  if (domain_of_head(head) != INTERNAL) return CHUNK_LIVE;
  if (is_pool(chunk)) return CHUNK_POOL;
  return is_cached_head(head) ? CHUNK_CACHED : CHUNK_INTERNAL;
}

HOT u32 segment_check(addr segment, addr end) {
  return (u32)segment ^ (u32)end << 1 ^ ~pym__space.raw_key ^ (u32)((u64)end >> 32);
}

#endif
