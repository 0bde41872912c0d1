/* The raw allocator: boundary-tagged chunks (raw.h has the drawing).  Blocks above 512 bytes, pools
 * and what the library keeps for itself are chunks; everything else is free chunks, so what one of
 * them gives back serves any other.
 *
 * Free chunks are in bins by size: exact ones below 1 KiB, eight to a doubling above.  Of the first
 * few that fit the lowest is taken, so that what is large comes to lie high, in one piece. */
#include "raw.h"

#define FIT_TRIES 8u /* in a bin */
#define FIT_BINS 3u  /* for a pool */

/* The header of c, verified before its size is used. */
static u32 head_of(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!sound(h, c))) pym__corrupt(CAUSE_HEADER, c + HEADER, INTERNAL);
  return chunk_at(c)->head;
}

/* ---- Bins ---- */

/* The first bin from b on that holds something, RAW_BINS or above if none does. */
static u32 next_bin(const struct pym_heap *h, u32 b) {
  u32 w = b / 32, bits = h->raw_map[w] & ~0u << b % 32;
  while (!bits) {
    if (++w == RAW_WORDS) return RAW_BINS;
    bits = h->raw_map[w];
  }
  return w * 32 + (u32)__builtin_ctz(bits);
}

APART void pym__unlink(u32 o) {
  u32 next = link_at(o)->next, prev = link_at(o)->prev;
  if (UNLIKELY(!in_memory(next) || !in_memory(prev) || link_at(next)->prev != o ||
               link_at(prev)->next != o))
    pym__corrupt(CAUSE_LINKS, o, INTERNAL);
  link_at(next)->prev = prev;
  link_at(prev)->next = next;
}

/* Put [c, c + size) into its bin as a free chunk.  The chunk before it is in use. */
static APART void bin(struct pym_heap *h, u32 c, u32 size) {
  set_head(h, c, size);
  *footer_of(c, size) = size;
  h->raw_free += size;
  if (size == CHUNK_MIN) return;
  u32 b = bin_of(size);
  link_first(ring_of_bin(h, b), c + HEADER);
  h->raw_map[b / 32] |= 1u << (b % 32);
}

TIDY void pym__unbin(struct pym_heap *h, u32 c, u32 size) {
  h->raw_free -= size;
  if (size == CHUNK_MIN) return;
  pym__unlink(c + HEADER);
  if (chunk_at(c)->link.next != chunk_at(c)->link.prev) return;
  u32 b = bin_of(size); /* only the ring's head is left */
  h->raw_map[b / 32] &= ~(1u << (b % 32));
}

/* Bytes from c to where a block that is to be a multiple of `align` begins. */
static u32 lead_of(u32 c, u32 align) { return (0 - (c + HEADER)) & (align - 1); }

/* A chunk that holds `size` bytes at a multiple of `align`: the lowest of the first `most` in the
 * first bin that has one.  For a pool the lowest of the first few bins: large pieces are left
 * whole. */
static APART u32 find_chunk(const struct pym_heap *h, u32 size, u32 align, u32 most) {
  u32 low = ~0u, bins = align > PYM_RAW_ALIGNMENT ? FIT_BINS : 1;
  for (u32 b = bin_of(size); bins && (b = next_bin(h, b)) < RAW_BINS; b++) {
    u32 ring = ring_of_bin(h, b), o = ring;
    for (u32 tries = most; tries && (o = link_at(o)->next) != ring; tries--) {
      if (UNLIKELY(!in_memory(o))) pym__corrupt(CAUSE_LINKS, o, INTERNAL);
      u32 have = head_of(h, o - HEADER);
      if (UNLIKELY(have & FLAGS)) pym__corrupt(CAUSE_LINKS, o, INTERNAL); /* it is in use */
      if (o < low && have >= size + lead_of(o - HEADER, align)) low = o;
    }
    bins -= low != ~0u;
  }
  return low == ~0u ? 0 : low - HEADER;
}

/* ---- Chunks ---- */

/* [c, c + size) holds nothing now: join it with free neighbours and bin it.  prev_free tells of
 * the chunk before c; the one behind is told. */
static TIDY u32 release(struct pym_heap *h, u32 c, u32 size, u32 prev_free) {
  u32 behind = c + size, head = head_of(h, behind);
  if (prev_free) {
    u32 before = *(u32 *)at(c - 4);
    if (UNLIKELY(before >= c || before & FLAGS || head_of(h, c - before) != before))
      pym__corrupt(CAUSE_FREE_MEMORY, c, INTERNAL);
    set_head(h, c, 0); /* a second free of this block finds it not in use */
    c -= before;
    size += before;
    pym__unbin(h, c, before);
  }
  if (head & IN_USE) {
    set_head(h, behind, head | PREV_FREE);
  } else {
    pym__unbin(h, behind, head);
    size += head;
  }
  bin(h, c, size);
  return c;
}

/* The same for a chunk in use whose header was verified.  Segments from elsewhere go back whole. */
static TIDY void give(struct pym_heap *h, u32 c) {
  u32 head = chunk_at(c)->head;
  c = release(h, c, head & ~FLAGS, head & PREV_FREE);
  if (UNLIKELY(h->less != NULL) && !size_of(c + size_of(c))) h->less(h, c);
}

/* Make the unlinked free bytes [c, c + have) a chunk with this head, the rest a free chunk.  The
 * chunk behind believes that the one before it is free. */
static TIDY void occupy(struct pym_heap *h, u32 c, u32 have, u32 head) {
  u32 size = head & ~FLAGS, behind = c + have;
  set_head(h, c, head);
  if (have > size) bin(h, c + size, have - size);
  else set_head(h, behind, head_of(h, behind) & ~PREV_FREE);
}

TIDY u32 pym__chunk_take(struct pym_heap *h, unsigned d, u32 size, u32 align, u32 flags) {
  u32 c, most = FIT_TRIES;
  while (UNLIKELY(!(c = find_chunk(h, size, align, most)))) {
    if (most != FIT_TRIES) return 0; /* no memory, a look at every chunk after that too */
    if (!pym__more(h, d, align > PYM_RAW_ALIGNMENT ? size + align : size)) most = ~0u;
  }
  u32 have = size_of(c), lead = lead_of(c, align);
  pym__unbin(h, c, have);
  if (lead) {
    bin(h, c, lead);
    flags |= PREV_FREE;
    c += lead;
  }
  occupy(h, c, have - lead, size | flags);
  return c;
}

COLD void pym__chunk_release(struct pym_heap *h, u32 c) {
  head_of(h, c);
  give(h, c);
}

/* ---- Chunks at hand: freed, for the next one who wants that size ---- */

/* The header of a chunk at hand, verified: its former owner may still write to it. */
HOT u32 head_at_hand(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!in_memory(c) || !sound(h, c) || !is_hand_head(chunk_at(c)->head)))
    pym__corrupt(CAUSE_FREED_WRITTEN, c, INTERNAL);
  return chunk_at(c)->head;
}

/* One of `size` bytes, or a little longer; that not where limits are, which were asked for `size`.
 */
HOT u32 take_at_hand(struct pym_heap *h, u32 size) {
  u32 *list = &h->raw_hands[bin_of(size)], *end = list + (pym__limits ? 1 : HAND_LISTS);
  for (; list < end; list++) {
    u32 c = *list;
    if (!c) continue;
    u32 have = head_at_hand(h, c) & ~FLAGS;
    if (have < size || (have > size && pym__limits)) continue;
    *list = chunk_at(c)->link.next;
    h->raw_hand -= have;
    return c;
  }
  return 0;
}

HOT void keep_at_hand(struct pym_heap *h, u32 c, u32 head) {
  u32 *list = &h->raw_hands[bin_of(head & ~FLAGS)];
  set_head(h, c, head | chunk_flags(INTERNAL));
  chunk_at(c)->link.next = *list;
  *list = c;
  h->raw_hand += head & ~FLAGS;
}

COLD int pym__raw_flush(struct pym_heap *h) {
  if (!h->raw_hand) return 0;
  for (u32 *list = h->raw_hands; list < h->raw_hands + RAW_HAND_BINS; list++)
    while (*list) {
      u32 c = *list;
      h->raw_hand -= head_at_hand(h, c) & ~FLAGS;
      *list = chunk_at(c)->link.next;
      give(h, c);
    }
  if (UNLIKELY(h->raw_hand)) pym__corrupt(CAUSE_FREED_WRITTEN, off(h), INTERNAL); /* a lost link */
  return 1;
}

/* ---- Segments ---- */

COLD void pym__raw_add(struct pym_heap *h, u32 from, u32 to) {
  u32 c = from - HEADER, prev_free;
  h->raw_bytes += to - from;
  if (from == h->top_end) { /* what ended the segment is part of the new chunk */
    prev_free = chunk_at(c)->head & PREV_FREE;
  } else {
    *(struct segment *)at(from) = (struct segment){.next = h->segments};
    h->segments = from;
    h->raw_segments++;
    c = from + SEGMENT_BYTES;
    prev_free = 0;
  }
  ((struct segment *)at(h->segments))->end = h->top_end = to;
  set_head(h, to - HEADER, chunk_flags(INTERNAL)); /* nobody's block */
  release(h, c, to - HEADER - c, prev_free);
}

COLD void pym__drop_segment(struct pym_heap *h, u32 s) {
  u32 *before = &h->segments;
  while (*before != s) before = &((struct segment *)at(*before))->next;
  const struct segment *gone = at(s);
  *before = gone->next;
  h->raw_segments--;
  h->raw_bytes -= gone->end - s;
  if (h->top_end == gone->end) h->top_end = 0; /* another segment may begin there one day */
}

u32 pym__raw_tail(const struct pym_heap *h) {
  u32 c = h->top_end - HEADER;
  return chunk_at(c)->head & PREV_FREE ? *(u32 *)at(c - 4) : 0;
}

/* ---- The interface ---- */

static u32 chunk_size_for(u32 n) { return (n + HEADER + 15) & ~15u; }

u32 pym__raw_size(u32 n) { return chunk_size_for(n) - HEADER; }

void *pym__raw_new(struct pym_heap *h, unsigned d, u32 n, u32 align) {
  u32 size = chunk_size_for(n), c = 0;
  if (size < HAND_MAX && align <= PYM_RAW_ALIGNMENT) c = take_at_hand(h, size);
  if (c) {
    size = size_of(c);
    set_head(h, c, size | (chunk_at(c)->head & PREV_FREE) | chunk_flags(d));
  } else {
    c = pym__chunk_take(h, d, size, align, chunk_flags(d));
    if (UNLIKELY(!c)) return pym__fail(h, d, n, EVENT_OOM);
  }
  h->raw_chunks++;
  h->domains[d].raw_mallocs++;
  h->domains[d].raw_bytes += size - HEADER;
  charge(h, d, size - HEADER);
  return at(c + HEADER);
}

/* Whoever calls gives a block back or resizes it. */
HOT u32 verified_block(const struct pym_heap *h, unsigned d, const void *p) {
  u32 c = off(p) - HEADER;
  if (UNLIKELY(!in_memory(c) || !sound(h, c))) pym__corrupt(CAUSE_NOT_OURS, off(p), d);
  u32 head = chunk_at(c)->head;
  if (UNLIKELY(domain_of_head(head) != d || !(head & IN_USE)))
    pym__corrupt(
        domain_of_head(head) == INTERNAL || !(head & IN_USE) ? CAUSE_RAW_TWICE : CAUSE_DOMAIN,
        off(p), d);
  return (head & ~FLAGS) - HEADER;
}

TIDY u32 pym__raw_block(const struct pym_heap *h, unsigned d, const void *p) {
  return verified_block(h, d, p);
}

u32 pym__raw_usable(const void *p) { return size_of(off(p) - HEADER) - HEADER; }
unsigned pym__raw_domain(const void *p) { return domain_of_head(chunk_at(off(p) - HEADER)->head); }

void pym__raw_free(struct pym_heap *h, unsigned d, void *p) {
  u32 usable = verified_block(h, d, p), c = off(p) - HEADER;
  h->raw_chunks--;
  h->domains[d].raw_frees++;
  h->domains[d].raw_freed += usable;
  if (usable + HEADER < HAND_MAX) keep_at_hand(h, c, chunk_at(c)->head);
  else give(h, c);
  discharge(h, d, usable);
}

/* Bytes of the chunk at c, if it is free. */
static u32 free_at(const struct pym_heap *h, u32 c) {
  u32 head = head_of(h, c);
  return head & IN_USE ? 0 : head;
}

TIDY int pym__raw_resize(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 c = off(p) - HEADER, head = chunk_at(c)->head, old = head & ~FLAGS, behind = c + old;
  u32 size = chunk_size_for(n);
  struct domain *dom = &h->domains[d];
  if (size <= old && size > old - old / 4 && old < HAND_MAX) return 1; /* as pool blocks stay */
  if (size < old) {
    set_head(h, c, size | (head & FLAGS));
    release(h, c + size, old - size, 0);
    dom->raw_freed += old - size;
    discharge(h, d, old - size);
  } else if (size > old) {
    u32 more = size - old, have = free_at(h, behind);
    /* At the end of linear memory, and no free chunk holds it: memory would grow anyway. */
    if (have < more && behind + have + HEADER == h->top_end && !h->more &&
        !find_chunk(h, size, PYM_RAW_ALIGNMENT, FIT_TRIES) && pym__more(h, d, more))
      have = free_at(h, behind);
    if (have < more) return 0;
    pym__unbin(h, behind, have);
    occupy(h, c, old + have, size | (chunk_at(c)->head & FLAGS));
    dom->raw_bytes += more;
    pym__charge(h, d, more);
  }
  return 1;
}
