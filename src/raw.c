/* The raw allocator: boundary-tagged chunks (raw.h has the drawing).  Blocks above 512 bytes, pools
 * and what the library keeps for itself are chunks; everything else is free chunks, so what one of
 * them gives back serves any other.
 *
 * Of the free chunks the smallest that fits is taken (raw_bins.c); the one at the end of memory,
 * heap->top, only if no other fits.  A freed block below 8 KiB is cached: it stays a chunk in use,
 * for the next request of its size, until the cache is full or memory would grow. */
#include "raw.h"

#include "raw_bins.h"

/* Bytes of cached chunks.  When there are more, all of them are flushed: 500 chunks at the most, so
 * that no call takes long.  They cost no memory: before it grows they are flushed as well. */
#define CACHE_MOST 262144u

/* The header of c, verified before its size is used. */
HOT u32 head_of(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!is_sound(h, c))) pym__corrupt(CAUSE_HEADER, c + HEADER, INTERNAL);
  return chunk_at(c)->head;
}

/* ---- Free chunks ---- */

HOT void set_free(const struct pym_heap *h, u32 c, u32 size) {
  set_head(h, c, size);
  *footer_of(c, size) = size;
}

/* [c, c + size) is free: the top chunk if the segment that may grow ends behind it. */
static TIDY void add_free(struct pym_heap *h, u32 c, u32 size) {
  if (c + size + HEADER != h->top_end) {
    pym__bin_insert(h, c, size);
    return;
  }
  set_free(h, c, size);
  h->raw_free += size;
  h->top = c;
}

static TIDY void remove_free(struct pym_heap *h, u32 c, u32 size) {
  if (c != h->top) {
    pym__bin_remove(h, c, size);
    return;
  }
  h->raw_free -= size;
  h->top = 0;
}

/* Bytes from c to where a block that is to be a multiple of `align` begins. */
HOT u32 lead_of(u32 c, u32 align) { return (0 - (c + HEADER)) & (align - 1); }

/* A free chunk with room for `size` bytes at a multiple of `align`; 0: there is none. */
static TIDY u32 find_free(const struct pym_heap *h, u32 size, u32 align) {
  const u32 largest = align > PYM_RAW_ALIGNMENT ? size + align - PYM_RAW_ALIGNMENT : size;
  u32 c = 0;
  if (largest < size) return 0;
  if (size == POOL_BYTES && align == POOL_BYTES && (c = bin_find_pool(h))) return c;
  if ((c = pym__bin_find(h, largest))) return c;
  c = h->top;
  return c && head_of(h, c) >= size + lead_of(c, align) ? c : 0;
}

/* Its first `size` bytes, if the top chunk is longer and no other free chunk serves; 0: it is not. */
HOT u32 alloc_from_top(struct pym_heap *h, u32 size, u32 flags) {
  const u32 c = h->top, have = c ? head_of(h, c) : 0;
  if (UNLIKELY(have <= size)) return 0;
  set_free(h, c + size, have - size);
  set_head(h, c, size | flags);
  h->top = c + size;
  h->raw_free -= size;
  return c;
}

/* The chunk in use before the top chunk, behind one that is in use, is part of it; 0: it is not. */
HOT int free_into_top(struct pym_heap *h, u32 c, u32 head) {
  const u32 size = head & ~FLAGS;
  if (c + size != h->top || head & PREV_FREE) return 0;
  set_free(h, c, size + head_of(h, h->top));
  h->top = c;
  h->raw_free += size;
  return 1;
}

/* [c, c + size) holds nothing now: join it with free neighbours.  prev_free tells of the chunk
 * before c; the one behind is told. */
static TIDY u32 release(struct pym_heap *h, u32 c, u32 size, u32 prev_free) {
  u32 behind = c + size, head = head_of(h, behind);
  if (prev_free) {
    u32 before = *(u32 *)at(c - 4);
    if (UNLIKELY(before >= c || before & FLAGS || head_of(h, c - before) != before))
      pym__corrupt(CAUSE_FREE_MEMORY, c, INTERNAL);
    set_head(h, c, 0); /* a second free of this block finds it not in use */
    c -= before;
    size += before;
    remove_free(h, c, before);
  }
  if (head & IN_USE) {
    set_head(h, behind, head | PREV_FREE);
  } else {
    remove_free(h, behind, head);
    size += head;
  }
  add_free(h, c, size);
  return c;
}

/* The same for a chunk in use whose header was verified.  Segments from elsewhere go back whole. */
static TIDY void free_chunk(struct pym_heap *h, u32 c) {
  u32 head = chunk_at(c)->head;
  if (!h->put_segment && free_into_top(h, c, head)) return;
  c = release(h, c, head & ~FLAGS, head & PREV_FREE);
  if (LIKELY(!h->put_segment)) return;
  const u32 s = c - SEGMENT_BYTES, size = size_of(c), end = c + size + HEADER;
  const struct segment *segment = at(s);
  if (size_of(end - HEADER) || segment->end != end || segment->check != segment_check(s, end)) return;
  remove_free(h, c, size);
  pym__drop_segment(h, s);
  h->put_segment(h, s);
}

/* Make the unlinked free bytes [c, c + have) a chunk with this head, the rest a free chunk.  The
 * chunk behind believes that the one before it is free. */
static TIDY void occupy(struct pym_heap *h, u32 c, u32 have, u32 head) {
  u32 size = head & ~FLAGS, behind = c + have;
  set_head(h, c, head);
  if (have > size) add_free(h, c + size, have - size);
  else set_head(h, behind, head_of(h, behind) & ~PREV_FREE);
}

u32 pym__chunk_alloc(struct pym_heap *h, unsigned d, u32 size, u32 align, u32 flags) {
  u32 c;
  if (align <= PYM_RAW_ALIGNMENT && !bins_hold(h, size) && (c = alloc_from_top(h, size, flags)))
    return c;
  while (UNLIKELY(!(c = find_free(h, size, align))))
    if (!pym__more(h, d, align > PYM_RAW_ALIGNMENT ? size + align : size)) return 0;
  u32 have = head_of(h, c), lead = lead_of(c, align);
  if (UNLIKELY(have & FLAGS)) pym__corrupt(CAUSE_LINKS, c, INTERNAL); /* it is in use */
  remove_free(h, c, have);
  if (lead) {
    pym__bin_insert(h, c, lead);
    flags |= PREV_FREE;
    c += lead;
  }
  occupy(h, c, have - lead, size | flags);
  return c;
}

COLD void pym__chunk_free(struct pym_heap *h, u32 c) {
  head_of(h, c);
  free_chunk(h, c);
}

/* ---- Cached chunks ---- */

/* The header of a cached chunk, verified: its former owner may still write to it. */
HOT u32 cached_head(const struct pym_heap *h, u32 c) {
  if (UNLIKELY(!in_memory(c) || !is_sound(h, c) || !is_cached_head(chunk_at(c)->head) ||
               (size_of(c) == POOL_BYTES && is_pool(c))))
    pym__corrupt(CAUSE_FREED_WRITTEN, c + HEADER, INTERNAL);
  return chunk_at(c)->head;
}

/* One of exactly `size` bytes, or 0. */
HOT u32 cache_pop(struct pym_heap *h, u32 size) {
  u32 *list = &h->cached[cache_of(size)], c = *list;
  if (c <= CACHE_ASKED) {
    *list = CACHE_ASKED;
    return 0;
  }
  if ((cached_head(h, c) & ~FLAGS) != size) return 0;
  *list = cache_link(h, c, chunk_at(c)->next);
  h->raw_cached -= size;
  return c;
}

/* Another size has the list: a chunk of it becomes free memory. */
static TIDY void cache_evict(struct pym_heap *h, u32 *list) {
  const u32 c = *list;
  h->raw_cached -= cached_head(h, c) & ~FLAGS;
  *list = cache_link(h, c, chunk_at(c)->next);
  free_chunk(h, c);
}

/* 0: it is not to be cached. */
HOT int cache_push(struct pym_heap *h, u32 c, u32 head) {
  const u32 size = head & ~FLAGS;
  u32 *list = &h->cached[cache_of(size)];
  if (!*list) return 0; /* nobody has asked for this size */
  if (UNLIKELY(*list > CACHE_ASKED && size_of(*list) != size)) {
    cache_evict(h, list);
    if (*list > CACHE_ASKED) return 0; /* longer than one: it keeps the list a while longer */
    head = chunk_at(c)->head; /* the chunk before may be free now */
  }
  set_head(h, c, size | (head & PREV_FREE) | chunk_flags(INTERNAL));
  chunk_at(c)->next = cache_link(h, c, *list);
  *list = c;
  h->raw_cached += size;
  if (UNLIKELY(!h->is_reclaimable)) pym__reclaimable(h);
  return 1;
}

COLD int pym__raw_flush(struct pym_heap *h) {
  if (!h->raw_cached) return 0;
  for (u32 *list = h->cached; list < h->cached + RAW_CACHES; list++) {
    while (*list > CACHE_ASKED) cache_evict(h, list);
    *list = 0;
  }
  if (UNLIKELY(h->raw_cached)) pym__corrupt(CAUSE_FREED_WRITTEN, off(h), INTERNAL); /* a lost link */
  return 1;
}

/* ---- Segments ---- */

/* The top chunk is one like others. */
static void retire_top(struct pym_heap *h) {
  const u32 c = h->top;
  h->top_end = 0;
  if (!c) return;
  remove_free(h, c, size_of(c));
  add_free(h, c, size_of(c));
}

COLD void pym__raw_add(struct pym_heap *h, u32 from, u32 to) {
  u32 c = from - HEADER, prev_free;
  struct segment *segment;
  h->raw_bytes += to - from;
  if (from == h->top_end) { /* what ended the segment is part of the new chunk */
    prev_free = head_of(h, c) & PREV_FREE;
  } else {
    retire_top(h);
    *(struct segment *)at(from) = (struct segment){.next = h->segments};
    if (h->segments) ((struct segment *)at(h->segments))->prev = from;
    h->segments = from;
    h->raw_segments++;
    c = from + SEGMENT_BYTES;
    prev_free = 0;
  }
  segment = at(h->segments);
  segment->end = h->top_end = to;
  segment->check = segment_check(h->segments, to);
  set_head(h, to - HEADER, chunk_flags(INTERNAL)); /* nobody's block */
  release(h, c, to - HEADER - c, prev_free);
}

COLD void pym__drop_segment(struct pym_heap *h, u32 s) {
  const struct segment gone = *(struct segment *)at(s);
  if (gone.next) ((struct segment *)at(gone.next))->prev = gone.prev;
  if (gone.prev) ((struct segment *)at(gone.prev))->next = gone.next;
  else h->segments = gone.next;
  ((struct segment *)at(s))->check = 0;
  h->raw_segments--;
  h->raw_bytes -= gone.end - s;
  if (h->top_end == gone.end) h->top_end = 0; /* another segment may begin there one day */
}

u32 pym__raw_tail(const struct pym_heap *h) { return h->top ? size_of(h->top) : 0; }

/* ---- The interface ---- */

HOT u32 chunk_size_for(u32 n) { return (n + HEADER + 15) & ~15u; }

u32 pym__raw_size(u32 n) { return chunk_size_for(n) - HEADER; }

void *pym__raw_new(struct pym_heap *h, unsigned d, u32 n, u32 align, u32 less) {
  u32 size = chunk_size_for(n), c = 0;
  struct domain *dom = &h->domains[d];
  if (size < CACHED_MAX && align <= PYM_RAW_ALIGNMENT && (c = cache_pop(h, size))) {
    set_head(h, c, size | (chunk_at(c)->head & PREV_FREE) | chunk_flags(d));
  } else {
    c = pym__chunk_alloc(h, d, size, align, chunk_flags(d));
    if (UNLIKELY(!c)) return NULL;
  }
  h->raw_chunks++;
  dom->raw_mallocs++;
  dom->raw_bytes += size - HEADER;
  charge(h, d, size - HEADER, less);
  return at(c + HEADER);
}

/* Whoever calls gives a block back or resizes it. */
HOT u32 verified_block(const struct pym_heap *h, unsigned d, const void *p) {
  u32 c = off(p) - HEADER;
  if (UNLIKELY(!in_memory(c) || !is_sound(h, c))) pym__corrupt(CAUSE_NOT_OURS, off(p), d);
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

/* Of a block of any heap: only those of the default heap have a key that is known here. */
u32 pym__raw_usable(const void *p) {
  const u32 c = off(p) - HEADER;
  if (UNLIKELY(!in_memory(c) || (!is_sound(&pym__main, c) && pym__space.heaps == 1)))
    pym__corrupt(CAUSE_NOT_OURS, off(p), INTERNAL);
  const u32 head = chunk_at(c)->head;
  if (UNLIKELY(!(head & IN_USE) || domain_of_head(head) == INTERNAL))
    pym__corrupt(CAUSE_FREED_USED, off(p), INTERNAL);
  if (UNLIKELY(!in_memory(c + (head & ~FLAGS)))) pym__corrupt(CAUSE_NOT_OURS, off(p), INTERNAL);
  return (head & ~FLAGS) - HEADER;
}

TIDY unsigned pym__raw_domain(const struct pym_heap *h, const void *p) {
  const u32 c = off(p) - HEADER;
  if (UNLIKELY(!in_memory(c) || !is_sound(h, c))) pym__corrupt(CAUSE_NOT_OURS, off(p), INTERNAL);
  const u32 head = chunk_at(c)->head;
  if (UNLIKELY(!(head & IN_USE) || domain_of_head(head) == INTERNAL))
    pym__corrupt(CAUSE_RAW_TWICE, off(p), INTERNAL);
  return domain_of_head(head);
}

void pym__raw_free(struct pym_heap *h, unsigned d, void *p) {
  u32 usable = verified_block(h, d, p), c = off(p) - HEADER;
  struct domain *dom = &h->domains[d];
  h->raw_chunks--;
  dom->raw_frees++;
  dom->raw_freed += usable;
  if (usable + HEADER >= CACHED_MAX || !cache_push(h, c, chunk_at(c)->head)) free_chunk(h, c);
  else if (UNLIKELY(h->raw_cached > CACHE_MOST)) pym__raw_flush(h);
  discharge(h, d, usable);
}

/* Bytes of the chunk at c, if it is free. */
static u32 free_at(const struct pym_heap *h, u32 c) {
  u32 head = head_of(h, c);
  return head & IN_USE ? 0 : head;
}

/* Room behind the chunk for `more` bytes, if need be by more memory; 0: there is none. */
static u32 room_behind(struct pym_heap *h, unsigned d, u32 c, u32 old, u32 more) {
  const u32 behind = c + old, have = free_at(h, behind);
  if (have >= more) return have;
  /* At the end of linear memory, and no free chunk holds it: memory would grow anyway. */
  if (behind + have + HEADER != h->top_end || h->get_segment ||
      find_free(h, old + more, PYM_RAW_ALIGNMENT) || !pym__more(h, d, more))
    return 0;
  return free_at(h, behind) >= more ? free_at(h, behind) : 0;
}

TIDY int pym__raw_resize(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 c = off(p) - HEADER, head = chunk_at(c)->head, old = head & ~FLAGS;
  u32 size = chunk_size_for(n);
  struct domain *dom = &h->domains[d];
  if (size <= old && size > old - old / 4 && old < CACHED_MAX) return 1; /* as pool blocks stay */
  if (size < old) {
    set_head(h, c, size | (head & FLAGS));
    release(h, c + size, old - size, 0);
    dom->raw_freed += old - size;
    discharge(h, d, old - size);
  } else if (size > old) {
    const u32 have = room_behind(h, d, c, old, size - old);
    if (!have) return 0;
    remove_free(h, c + old, have);
    occupy(h, c, old + have, size | (chunk_at(c)->head & FLAGS));
    dom->raw_bytes += size - old;
    charge(h, d, size - old, 0);
  }
  return 1;
}
