/* The raw allocator: boundary-tagged chunks in segments of whole pages (raw.h has the drawing).
 *
 * Free chunks are in bins by size: exact ones below 1 KiB, eight to a doubling above; within a bin
 * the best fit of a few is taken.  Nothing is given back here: the page pool comes and takes whole
 * pages out of free chunks when it would have to grow otherwise (pym__raw_reclaim). */
#include "raw.h"

#define FIT_TRIES 16

/* Verify a header before its size is used. */
HOT void check_head(const struct pym_heap *h, u32 c, unsigned d) {
  if (UNLIKELY(!sound(h, c))) pym__corrupt("raw block header overwritten", c + HEADER, d);
}

/* ---- Bins ---- */

/* Put [c, c + size) into its bin as a free chunk.  The chunk before it is in use. */
static void bin_link(struct pym_heap *h, u32 c, u32 size) {
  u32 b = bin_of(size);
  u32 first = h->raw_bins[b];
  set_head(h, c, size);
  *footer_of(c, size) = size;
  h->raw_free += size;
  if (size == CHUNK_MIN) return;
  chunk_at(c)->next = first;
  chunk_at(c)->prev = 0;
  if (first) chunk_at(first)->prev = c;
  h->raw_bins[b] = c;
  h->raw_map[b / 32] |= 1u << (b % 32);
}

static void bin_unlink(struct pym_heap *h, u32 c) {
  check_head(h, c, INTERNAL);
  const struct chunk *k = chunk_at(c);
  u32 size = k->head & ~FLAGS, b = bin_of(size);
  if (UNLIKELY(k->head & IN_USE) || UNLIKELY(*footer_of(c, size) != size))
    pym__corrupt("free raw memory overwritten", c, INTERNAL);
  h->raw_free -= size;
  if (size == CHUNK_MIN) return;
  if (UNLIKELY(k->prev ? !in_memory(k->prev, sizeof *k) || chunk_at(k->prev)->next != c
                       : h->raw_bins[b] != c) ||
      UNLIKELY(k->next && (!in_memory(k->next, sizeof *k) || chunk_at(k->next)->prev != c)))
    pym__corrupt("free raw memory overwritten", c, INTERNAL);
  if (k->next) chunk_at(k->next)->prev = k->prev;
  if (k->prev) {
    chunk_at(k->prev)->next = k->next;
  } else {
    h->raw_bins[b] = k->next;
    if (!k->next) h->raw_map[b / 32] &= ~(1u << (b % 32));
  }
}

/* First bin >= b that holds something, or RAW_BINS. */
static u32 next_bin(const struct pym_heap *h, u32 b) {
  if (b >= RAW_BINS) return RAW_BINS;
  u32 w = b / 32, bits = h->raw_map[w] & (~0u << (b % 32));
  while (!bits) {
    if (++w == RAW_WORDS) return RAW_BINS;
    bits = h->raw_map[w];
  }
  return w * 32 + (u32)__builtin_ctz(bits);
}

/* Smallest chunk of bin b that holds `size`, of the first few; 0: none. */
static u32 best_in_bin(const struct pym_heap *h, u32 b, u32 size) {
  u32 best = 0, best_size = ~0u;
  int tries = FIT_TRIES;
  for (u32 c = h->raw_bins[b]; c && tries--; c = chunk_at(c)->next) {
    if (UNLIKELY(!in_memory(c, sizeof(struct chunk))))
      pym__corrupt("free raw memory overwritten", c, INTERNAL);
    u32 have = size_of(c);
    if (have < size || have >= best_size) continue;
    best = c;
    best_size = have;
    if (have == size) break;
  }
  return best;
}

static u32 find_chunk(const struct pym_heap *h, u32 size) {
  for (u32 b = next_bin(h, bin_of(size)); b < RAW_BINS; b = next_bin(h, b + 1)) {
    u32 c = best_in_bin(h, b, size);
    if (c) return c;
  }
  return 0;
}

/* ---- Chunks ---- */

static void mark_prev_free(struct pym_heap *h, u32 c, int is_free) {
  check_head(h, c, INTERNAL);
  u32 head = chunk_at(c)->head;
  set_head(h, c, is_free ? head | PREV_FREE : head & ~PREV_FREE);
}

/* [c, c + size) holds nothing now: join it with free neighbours and bin it.  prev_free tells of
 * the chunk before c; the header behind is told. */
static u32 release(struct pym_heap *h, u32 c, u32 size, int prev_free) {
  u32 behind = c + size;
  check_head(h, behind, INTERNAL);
  if (prev_free) {
    u32 before = *(u32 *)at(c - 4);
    u32 p = c - before;
    if (UNLIKELY(before < CHUNK_MIN || before > c || (before & FLAGS) || size_of(p) != before))
      pym__corrupt("free raw memory overwritten", c, INTERNAL);
    bin_unlink(h, p);
    set_head(h, c, 0); /* a second free of this block finds it not in use */
    c = p;
    size += before;
  }
  if (!(chunk_at(behind)->head & IN_USE)) {
    bin_unlink(h, behind);
    size += size_of(behind);
    /* the chunk behind a free one knows already that the one before it is free */
  } else {
    mark_prev_free(h, behind, 1);
  }
  bin_link(h, c, size);
  return c;
}

/* Make the unlinked free bytes [c, c + have) a block of `size`, the rest a free chunk.  The chunk
 * behind believes that the one before it is free. */
static void occupy(struct pym_heap *h, u32 c, u32 have, u32 size, u32 flags) {
  set_head(h, c, size | flags);
  if (have > size) bin_link(h, c + size, have - size);
  else mark_prev_free(h, c + have, 0);
}

static u32 chunk_size_for(u32 n) { return (n + HEADER + 15) & ~15u; }

static u32 flags_of(unsigned d) { return IN_USE | (u32)d << DOMAIN_SHIFT; }

/* ---- Segments ---- */

static struct trailer *trailer_of(const struct segment *s) { return at(s->end - TRAILER_BYTES); }
static u32 first_chunk(const struct segment *s) { return off(s) + SEGMENT_BYTES; }

static void write_trailer(struct pym_heap *h, struct segment *s, u32 flags) {
  struct trailer *t = trailer_of(s);
  t->segment = off(s);
  set_head(h, off(t), IN_USE | flags);
}

static COLD void segment_link(struct pym_heap *h, u32 from, u32 to) {
  struct segment *s = at(from);
  *s = (struct segment){.magic = SEGMENT_MAGIC ^ from, .heap = off(h), .end = to};
  s->next = h->segments;
  if (s->next) ((struct segment *)at(s->next))->prev = from;
  h->segments = from;
  h->raw_segments++;
}

static COLD void segment_unlink(struct pym_heap *h, struct segment *s) {
  if (s->prev) ((struct segment *)at(s->prev))->next = s->next;
  else h->segments = s->next;
  if (s->next) ((struct segment *)at(s->next))->prev = s->prev;
  if (h->top_segment == off(s)) h->top_segment = 0;
  h->raw_segments--;
}

COLD void pym__raw_add(struct pym_heap *h, u32 from, u32 to) {
  segment_link(h, from, to);
  struct segment *s = at(from);
  u32 c = first_chunk(s), size = to - TRAILER_BYTES - c;
  write_trailer(h, s, size ? PREV_FREE : 0);
  h->raw_bytes += to - from;
  if (size) bin_link(h, c, size);
  h->top_segment = from;
}

/* The segment of h that ends where `page` starts, or NULL. */
static COLD struct segment *segment_before(const struct pym_heap *h, u32 page) {
  if (pym__page_kind(page - 1) != PAGE_RAW) return NULL;
  u32 o = (page << 16) - TRAILER_BYTES;
  return sound(h, o) ? at(((struct trailer *)at(o))->segment) : NULL; /* NULL: another heap's */
}

/* The segment of h that starts at `page`, or NULL. */
static COLD struct segment *segment_behind(const struct pym_heap *h, u32 page) {
  struct segment *s = at(page << 16);
  if (pym__page_kind(page) != PAGE_RAW || s->magic != (SEGMENT_MAGIC ^ page << 16)) return NULL;
  return s->heap == off(h) ? s : NULL;
}

/* Add pages [page, page + n), marked as raw already, to h; joined to segments that touch them. */
static COLD void add_pages(struct pym_heap *h, u32 page, u32 n) {
  struct segment *behind = segment_behind(h, page + n);
  struct segment *before = segment_before(h, page);
  u32 from = page << 16, to = (page + n) << 16;
  h->raw_bytes += to - from;
  if (!before) {
    segment_link(h, from, to);
    before = at(from);
    set_head(h, first_chunk(before), IN_USE); /* nothing before it; its size is found below */
  } else {
    from = before->end;
  }
  struct segment *s = before;
  u32 c = s->end == from ? from - TRAILER_BYTES : first_chunk(s);
  int prev_free = (chunk_at(c)->head & PREV_FREE) != 0;
  h->top_segment = off(s);
  if (behind) {
    u32 next = first_chunk(behind);
    s->end = behind->end;
    trailer_of(s)->segment = off(s);
    segment_unlink(h, behind);
    h->top_segment = off(s);
    release(h, c, next - c, prev_free);
  } else {
    s->end = to;
    write_trailer(h, s, 0);
    release(h, c, to - TRAILER_BYTES - c, prev_free);
  }
}

/* Bytes free at the end of the segment. */
static u32 free_at_end(const struct segment *s) {
  const struct trailer *t = trailer_of(s);
  return t->head & PREV_FREE ? *(const u32 *)at(off(t) - 4) : 0;
}

/* Lengthen segment s so that its free end holds `size`.  1 if it does now. */
static COLD int extend_segment(struct pym_heap *h, unsigned d, struct segment *s, u32 size,
                               int grow) {
  u32 have = free_at_end(s);
  if (have == CHUNK_MIN) have = 0; /* it is in no bin */
  if (have >= size) return 1;
  if (s->end & (PAGE_BYTES - 1)) return 0; /* the part page before strangers' memory */
  u32 n = (size - have + PAGE_BYTES - 1) >> 16, page = s->end >> 16;
  if (!pym__pages_at(h, d, page, n, size, grow)) return 0;
  pym__pages_set(page, n, PAGE_RAW);
  add_pages(h, page, n);
  return 1;
}

/* Get a free chunk of at least `size` by new pages, cheapest way first.  0: no memory. */
static COLD int add_memory(struct pym_heap *h, unsigned d, u32 size) {
  u32 n = (size + SEGMENT_BYTES + TRAILER_BYTES + PAGE_BYTES - 1) >> 16;
  struct segment *top = h->top_segment ? at(h->top_segment) : NULL;
  if (top && extend_segment(h, d, top, size, 0)) return 1;
  u32 page = pym__pages_find(n, 0);
  if (!page && pym__sweep()) page = pym__pages_find(n, 0);
  if (!page && top && extend_segment(h, d, top, size, 1)) return 1;
  if (!page) page = pym__pages_grow(h, d, n, size);
  if (!page) {
    pym__flush_all();
    page = pym__pages_find(n, 1);
  }
  if (!page) return 0;
  pym__pages_set(page, n, PAGE_RAW);
  add_pages(h, page, n);
  return 1;
}

/* Which whole pages a free chunk could give: [*first, *end) in page numbers. */
static COLD struct segment *whole_pages(u32 c, u32 size, u32 *first, u32 *end) {
  struct segment *s = NULL;
  u32 from = c - SEGMENT_BYTES;
  *first = (c + TRAILER_BYTES + PAGE_BYTES - 1) >> 16;
  if (!(from & (PAGE_BYTES - 1)) && ((struct segment *)at(from))->magic == (SEGMENT_MAGIC ^ from)) {
    *first = from >> 16; /* the whole head of the segment is free: it goes too */
  }
  u32 behind = c + size;
  *end = (behind - SEGMENT_BYTES) >> 16;
  if (!size_of(behind)) {
    s = at(((struct trailer *)at(behind))->segment);
    if (!(s->end & (PAGE_BYTES - 1))) *end = s->end >> 16;
  }
  return s;
}

/* The segment that chunk c lies in. */
static COLD struct segment *segment_of(const struct pym_heap *h, u32 c) {
  for (u32 o = h->segments; o; o = ((struct segment *)at(o))->next)
    if (c > o && c < ((struct segment *)at(o))->end) return at(o);
  pym__corrupt("raw segment lost", c, INTERNAL);
}

/* Take pages [page, page + n) out of the free chunk c of segment s. */
static COLD void cut_pages(struct pym_heap *h, u32 c, struct segment *s, u32 page, u32 n) {
  u32 size = size_of(c), end = s->end, from = page << 16, to = (page + n) << 16;
  bin_unlink(h, c);
  h->raw_bytes -= to - from;
  if (to < end) { /* what lies behind becomes a segment of its own */
    segment_link(h, to, end);
    struct segment *right = at(to);
    u32 r = first_chunk(right), rest = c + size - r;
    trailer_of(right)->segment = to;
    if (rest) bin_link(h, r, rest);
    else mark_prev_free(h, r, 0);
  }
  if (from == off(s)) {
    segment_unlink(h, s);
    return;
  }
  s->end = from;
  u32 rest = from - TRAILER_BYTES - c;
  write_trailer(h, s, rest ? PREV_FREE : 0);
  if (rest) bin_link(h, c, rest);
}

COLD u32 pym__raw_reclaim(struct pym_heap *h, u32 n, int thorough) {
  u32 least = (n << 16) - SEGMENT_BYTES - TRAILER_BYTES;
  int tries = 32;
  for (u32 b = next_bin(h, bin_of(least)); b < RAW_BINS; b = next_bin(h, b + 1))
    for (u32 c = h->raw_bins[b]; c; c = chunk_at(c)->next) {
      u32 first, end;
      if (!thorough && --tries < 0) return 0;
      if (UNLIKELY(!in_memory(c, sizeof(struct chunk))))
        pym__corrupt("free raw memory overwritten", c, INTERNAL);
      check_head(h, c, INTERNAL);
      struct segment *s = whole_pages(c, size_of(c), &first, &end);
      if (end < first + n || end > MAX_PAGES) continue;
      if (!s) s = segment_of(h, c);
      u32 page = end << 16 == s->end ? end - n : first;
      cut_pages(h, c, s, page, n);
      return page;
    }
  return 0;
}

/* ---- The interface ---- */

/* Free chunk of at least `size`, out of its bin; 0: no memory. */
static u32 take_chunk(struct pym_heap *h, unsigned d, u32 size) {
  u32 c = find_chunk(h, size);
  if (UNLIKELY(!c)) {
    if (!add_memory(h, d, size)) return 0;
    c = find_chunk(h, size);
    if (!c) return 0;
  }
  bin_unlink(h, c);
  return c;
}

u32 pym__raw_size(u32 n) { return chunk_size_for(n) - HEADER; }

static void *count_in(struct pym_heap *h, unsigned d, u32 c) {
  struct domain *dom = &h->domains[d];
  u32 bytes = size_of(c) - HEADER;
  dom->raw_mallocs++;
  dom->raw_bytes += bytes;
  dom->raw_live += bytes;
  h->raw_chunks++;
  pym__peak_raw(h, d);
  return at(c + HEADER);
}

void *pym__raw_take(struct pym_heap *h, unsigned d, u32 n) {
  u32 size = chunk_size_for(n), c = take_chunk(h, d, size);
  if (UNLIKELY(!c)) return NULL;
  occupy(h, c, size_of(c), size, flags_of(d));
  return count_in(h, d, c);
}

COLD void *pym__raw_aligned_alloc(struct pym_heap *h, u32 align, u32 n) {
  u32 size = chunk_size_for(n);
  if (!pym__charge(h, PYM_RAW, size - HEADER)) return NULL;
  u32 c = take_chunk(h, PYM_RAW, size + align);
  if (!c) {
    pym__discharge(h, PYM_RAW, size - HEADER);
    return pym__fail(h, PYM_RAW, n, EVENT_OOM);
  }
  u32 have = size_of(c), front = ((c + HEADER + align - 1) & ~(align - 1)) - HEADER - c;
  occupy(h, c + front, have - front, size, flags_of(PYM_RAW) | (front ? PREV_FREE : 0));
  if (front) bin_link(h, c, front);
  return count_in(h, PYM_RAW, c + front);
}

/* The chunk of a block that the caller gives back or resizes, verified. */
static TIDY u32 block_chunk(struct pym_heap *h, unsigned d, const void *p) {
  u32 c = off(p) - HEADER;
  if (UNLIKELY(c & 7)) pym__corrupt("pointer is not a block", off(p), d);
  check_head(h, c, d);
  u32 head = chunk_at(c)->head;
  if (UNLIKELY(!(head & IN_USE))) pym__corrupt("double free of a raw block", off(p), d);
  if (UNLIKELY(domain_of_head(head) != d))
    pym__corrupt("block belongs to another domain", off(p), d);
  return c;
}

u32 pym__raw_usable(const void *p) { return size_of(off(p) - HEADER) - HEADER; }
unsigned pym__raw_domain(const void *p) { return domain_of_head(chunk_at(off(p) - HEADER)->head); }

void pym__raw_free(struct pym_heap *h, unsigned d, void *p) {
  u32 c = block_chunk(h, d, p), head = chunk_at(c)->head, size = head & ~FLAGS;
  h->domains[d].raw_live -= size - HEADER;
  h->domains[d].raw_frees++;
  h->raw_chunks--;
  release(h, c, size, (head & PREV_FREE) != 0);
  pym__discharge(h, d, size - HEADER);
}

/* Grow the block in chunk c from `old` to `size` bytes where it stands.  0: it cannot. */
static TIDY int grow_in_place(struct pym_heap *h, unsigned d, u32 c, u32 old, u32 size) {
  u32 behind = c + old, have = old;
  check_head(h, behind, d);
  if (!(chunk_at(behind)->head & IN_USE)) have += size_of(behind);
  if (have < size) {
    u32 end = c + have;
    if (size_of(end)) return 0;
    /* last in its segment: take more pages rather than copy, new ones only for what is large */
    struct segment *s = at(((struct trailer *)at(end))->segment);
    if (!extend_segment(h, d, s, size - old, size >= PAGE_BYTES)) return 0;
    have = old + size_of(behind);
  }
  bin_unlink(h, behind);
  occupy(h, c, have, size, chunk_at(c)->head & FLAGS);
  return 1;
}

/* Move the block down over the free chunk before it, if that and what lies free behind make
 * room.  Where it is now, or 0. */
static COLD u32 grow_backwards(struct pym_heap *h, u32 c, u32 old, u32 size) {
  u32 head = chunk_at(c)->head, behind = c + old;
  if (!(head & PREV_FREE)) return 0;
  u32 before = *(u32 *)at(c - 4), have = before + old;
  int behind_free = !(chunk_at(behind)->head & IN_USE);
  if (behind_free) have += size_of(behind);
  if (have < size) return 0;
  if (behind_free) bin_unlink(h, behind);
  u32 to = c - before;
  bin_unlink(h, to);
  __builtin_memmove(at(to + HEADER), at(c + HEADER), old - HEADER);
  occupy(h, to, have, size, head & FLAGS & ~PREV_FREE);
  if (have > size) mark_prev_free(h, to + have, 1);
  return to;
}

/* Copy the block into another chunk and release its own.  0: no memory. */
static TIDY u32 move_block(struct pym_heap *h, unsigned d, u32 c, u32 old, u32 size) {
  u32 to = take_chunk(h, d, size);
  if (!to) return 0;
  occupy(h, to, size_of(to), size, flags_of(d));
  __builtin_memcpy(at(to + HEADER), at(c + HEADER), old - HEADER);
  release(h, c, old, (chunk_at(c)->head & PREV_FREE) != 0);
  return to;
}

TIDY void *pym__raw_realloc(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 c = block_chunk(h, d, p), old = size_of(c), size = chunk_size_for(n);
  struct domain *dom = &h->domains[d];
  if (size <= old) {
    if (size == old) return p;
    set_head(h, c, size | (chunk_at(c)->head & FLAGS));
    release(h, c + size, old - size, 0);
    dom->raw_live -= old - size;
    pym__discharge(h, d, old - size);
    return p;
  }
  u32 more = size - old;
  if (!pym__charge(h, d, more)) return NULL;
  if (grow_in_place(h, d, c, old, size)) {
    dom->raw_bytes += more;
    dom->raw_live += more;
    pym__peak_raw(h, d);
    return p;
  }
  u32 to = find_chunk(h, size) ? 0 : grow_backwards(h, c, old, size);
  if (!to) to = move_block(h, d, c, old, size);
  if (!to) {
    pym__discharge(h, d, more);
    return pym__fail(h, d, n, EVENT_OOM);
  }
  dom->raw_mallocs++;
  dom->raw_frees++;
  dom->raw_bytes += size - HEADER;
  dom->raw_live += more;
  pym__peak_raw(h, d);
  return at(to + HEADER);
}

COLD void pym__raw_release_all(struct pym_heap *h) {
  for (u32 o = h->segments, next; o; o = next) {
    const struct segment *s = at(o);
    next = s->next;
    pym__pages_give(o >> 16, (s->end - o) >> 16);
  }
}
