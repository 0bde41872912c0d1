/* The raw allocator: boundary-tagged chunks (chunk_layout.h has the drawing).  Blocks above 512
 * bytes, pools and what the library keeps for itself are chunks; everything else is free chunks, so
 * what one of them gives back serves any other.
 *
 * Of the free chunks the smallest that fits is taken (bins.c); the one at the end of memory,
 * heap->top, only if no other fits.  That and the one that changed last, heap->last, are in no
 * list: what is next to them joins them, and what is cut from them leaves the rest, at little cost.
 * For less than 1 KiB the latter is as good as others in the tree that it would be in.
 * A freed block below 8 KiB is cached: it stays a chunk in use, for the next request of its size,
 * until the cache is full or memory would grow. */
#include "core/chunk.h"

#include "core/account.h"
#include "core/bins.h"
#include "core/corrupt.h"
#include "core/space.h"

/* A free chunk that is shorter does not become the one that changed last. */
#define LAST_LEAST 256u

/* Free chunks that a search for an aligned one looks at, before it asks for one that is longer. */
#define ALIGNED_LOOKS 8u

/* The header of a chunk, verified before its size is used. */
HOT usize head_with(u32 key, addr chunk) {
  if (UNLIKELY(!is_sound_with(key, chunk)))
    pym__corrupt(CAUSE_HEADER, chunk + CHUNK_HEADER, INTERNAL);
  return head_at(chunk);
}
HOT usize head_of(const struct pym_heap *heap, addr chunk) {
  return head_with(key_of(heap), chunk);
}

/* ---- Free chunks ---- */

/* Where the heap has the free chunk that is in no list, if this is one; NULL: it is not. */
HOT addr *loose_link(struct pym_heap *heap, addr chunk) {
  return chunk == heap->last ? &heap->last : chunk == heap->top ? &heap->top : NULL;
}

/* It has no links: a word tells whether its former owner has written to it. */
HOT u32 loose_word(u32 key, addr chunk) { return cache_link_with(key, chunk, 0); }

/* The free chunk at `link`, of `had` bytes until now, is this one. */
HOT void loose_set(struct pym_heap *heap, u32 key, addr *link, addr chunk, usize size, usize had) {
  set_head_with(key, chunk, size);
  set_footer(chunk, size);
  chunk_at(chunk)->next = loose_word(key, chunk);
  heap->raw_free += size - had;
  *link = chunk;
}

/* Its size, verified. */
HOT usize loose_size(u32 key, addr chunk) {
  const usize size = head_with(key, chunk);
  if (UNLIKELY(chunk_at(chunk)->next != loose_word(key, chunk)))
    pym__corrupt(CAUSE_LINKS, chunk, INTERNAL);
  return size;
}

/* It is found where all others are. */
static COLD void last_retire(struct pym_heap *heap) {
  const addr chunk = heap->last;
  if (!chunk) return;
  const usize size = loose_size(key_of(heap), chunk);
  heap->last = 0;
  heap->raw_free -= size;
  pym__bins_insert(heap, chunk, size);
}

/* [chunk, chunk + size) is free: the top chunk if the segment that may grow ends behind it. */
static COLD void free_insert(struct pym_heap *heap, addr chunk, usize size) {
  if (chunk + size + CHUNK_HEADER == heap->top_end) {
    loose_set(heap, key_of(heap), &heap->top, chunk, size, 0);
  } else if (size < LAST_LEAST) {
    pym__bins_insert(heap, chunk, size);
  } else {
    last_retire(heap);
    loose_set(heap, key_of(heap), &heap->last, chunk, size, 0);
  }
}

static COLD void free_remove(struct pym_heap *heap, addr chunk, usize size) {
  addr *link = loose_link(heap, chunk);
  if (!link) {
    pym__bins_remove(heap, chunk, size);
    return;
  }
  loose_size(key_of(heap), chunk);
  heap->raw_free -= size;
  *link = 0;
}

/* One of the smallest free chunks that hold `size` bytes, if such a block may begin at a multiple
 * of `align` in it; 0: in none of those that were looked at. */
static COLD addr find_aligned(const struct pym_heap *heap, usize size, usize align) {
  usize least = size;
  for (unsigned looks = 0; looks < ALIGNED_LOOKS; looks++) {
    const addr chunk = pym__bins_find(heap, least), have = chunk ? head_of(heap, chunk) : 0,
               lead = lead_of(chunk, align);
    if (!chunk) return 0;
    if (have >= size && have - size >= lead) return chunk;
    least = have + 16;
  }
  return 0;
}

/* Bytes that memory has to grow by for a block that begins at a multiple of `align`, if what comes
 * next lies where it should; 0: more than there is. */
static COLD usize aligned_growth(const struct pym_heap *heap, usize size, usize align,
                                 int in_vain) {
  const addr end = pym__linmem_end();
  usize extra = align, bytes;
  if (!in_vain && !heap->segment_alloc) {
    const addr chunk = heap->top_end != end ? end + SEGMENT_BYTES
                       : heap->top          ? heap->top
                                            : end - CHUNK_HEADER;
    extra = lead_of(chunk, align);
  }
  return __builtin_add_overflow(size, extra, &bytes) ? 0 : bytes;
}

/* The smallest free chunk of at least `size` bytes that is not the top chunk; 0: there is none. */
static COLD addr smallest_fit(const struct pym_heap *heap, usize size) {
  const addr last = heap->last;
  const usize have = last ? loose_size(key_of(heap), last) : 0;
  if (have == size) return last;
  if (have < size) return pym__bins_find(heap, size);
  const addr chunk = pym__bins_may_hold_below(heap, size, have) ? pym__bins_find(heap, size) : 0;
  return chunk && size_of(chunk) < have ? chunk : last;
}

/* Does the chunk that changed last fit such a block, and no other better? */
static COLD int last_fits(const struct pym_heap *heap, usize size, usize align) {
  const usize have = loose_size(key_of(heap), heap->last);
  if (is_pool_shaped(heap->last, have) && size == have && align == have) return 1;
  return have >= size && have - size >= lead_of(heap->last, align) &&
         !pym__bins_may_hold_below(heap, size, have);
}

/* A free chunk with room for `size` bytes at a multiple of `align`; 0: there is none. */
static COLD addr free_find(struct pym_heap *heap, usize size, usize align) {
  usize largest = size;
  addr chunk;
  if (align > PYM_RAW_ALIGNMENT) {
    const int is_pool_size = size == POOL_BYTES && align == POOL_BYTES;
    if (heap->last && last_fits(heap, size, align)) return heap->last;
    last_retire(heap);
    if ((chunk = is_pool_size ? bins_pool_shaped(heap) : find_aligned(heap, size, align)))
      return chunk;
    if (__builtin_add_overflow(size, align - PYM_RAW_ALIGNMENT, &largest)) return 0;
  }
  if ((chunk = smallest_fit(heap, largest))) return chunk;
  chunk = heap->top;
  return chunk && head_of(heap, chunk) >= size + lead_of(chunk, align) ? chunk : 0;
}

/* The first `size` bytes of the chunk that changed last, if no other is a better fit, or of the top
 * chunk, if no other serves; 0: neither. */
HOT addr loose_split(struct pym_heap *heap, usize size, u32 flags) {
  const u32 key = key_of(heap);
  addr *link = &heap->last;
  usize have = *link ? loose_size(key, *link) : 0;
  if (have <= size || pym__bins_may_hold_below(heap, size, have)) {
    if (have >= size || pym__bins_may_hold(heap, size)) return 0;
    link = &heap->top;
    have = *link ? loose_size(key, *link) : 0;
    if (have <= size) return 0;
  }
  const addr chunk = *link;
  loose_set(heap, key, link, chunk + size, have - size, have);
  set_head_with(key, chunk, size | flags);
  return chunk;
}

/* The chunk in use before such a chunk, behind one that is in use, is part of it; 0: it is not. */
HOT int loose_coalesce(struct pym_heap *heap, addr chunk, usize head) {
  const usize size = head & ~CHUNK_FLAGS;
  addr *link = head & CHUNK_PREV_FREE ? NULL : loose_link(heap, chunk + size);
  if (!link) return 0;
  const u32 key = key_of(heap);
  const usize had = loose_size(key, chunk + size);
  loose_set(heap, key, link, chunk, size + had, had);
  return 1;
}

/* [chunk, chunk + size) holds nothing now: join it with free neighbours.  prev_free tells of the
 * chunk before; the one behind is told. */
static COLD addr chunk_coalesce(struct pym_heap *heap, addr chunk, usize size, usize prev_free) {
  addr behind = chunk + size;
  usize head = head_of(heap, behind);
  if (prev_free) {
    const usize before = footer_before(chunk);
    if (UNLIKELY(before >= chunk || before & CHUNK_FLAGS ||
                 head_of(heap, chunk - before) != before))
      pym__corrupt(CAUSE_FREE_MEMORY, chunk, INTERNAL);
    set_head(heap, chunk, 0); /* a second free of this block finds it not in use */
    chunk -= before;
    size += before;
    free_remove(heap, chunk, before);
  }
  if (head & CHUNK_IN_USE) {
    set_head(heap, behind, head | CHUNK_PREV_FREE);
  } else {
    free_remove(heap, behind, head);
    size += head;
  }
  free_insert(heap, chunk, size);
  return chunk;
}

/* The same for a chunk in use whose header was verified.  Segments from elsewhere go back whole. */
COLD void pym__chunk_release(struct pym_heap *heap, addr chunk) {
  const usize head = head_at(chunk);
  if (!heap->segment_free && loose_coalesce(heap, chunk, head)) return;
  chunk = chunk_coalesce(heap, chunk, head & ~CHUNK_FLAGS, head & CHUNK_PREV_FREE);
  if (LIKELY(!heap->segment_free)) return;
  const addr s = chunk - SEGMENT_BYTES, size = size_of(chunk), end = chunk + size + CHUNK_HEADER;
  const struct segment *segment = at(s);
  if (size_of(end - CHUNK_HEADER) || segment->end != end || segment->check != segment_check(s, end))
    return;
  free_remove(heap, chunk, size);
  pym__segment_remove(heap, s);
  heap->segment_free(heap, s);
}

/* Make the unlinked free bytes [chunk, chunk + have) a chunk with this head, the rest a free chunk.
 * The chunk behind believes that the one before it is free. */
static COLD void chunk_split(struct pym_heap *heap, addr chunk, usize have, usize head) {
  const usize size = head & ~CHUNK_FLAGS;
  const addr behind = chunk + have;
  set_head(heap, chunk, head);
  if (have > size) free_insert(heap, chunk + size, have - size);
  else set_head(heap, behind, head_of(heap, behind) & ~CHUNK_PREV_FREE);
}

/* The same when there was none: in more memory.  0: there is no more. */
static COLD addr find_in_more(struct pym_heap *heap, unsigned domain, usize size, usize align) {
  const u32 owned = pym__space.pages_owned;
  usize bytes = size;
  addr chunk;
  do {
    if (align > PYM_RAW_ALIGNMENT)
      bytes = aligned_growth(heap, size, align, pym__space.pages_owned != owned);
    if (!bytes || !pym__heap_extend(heap, domain, bytes)) return 0;
  } while (!(chunk = free_find(heap, size, align)));
  return chunk;
}

addr pym__chunk_alloc(struct pym_heap *heap, unsigned domain, usize size, usize align, u32 flags) {
  usize head_flags = flags;
  addr chunk;
  if (align <= PYM_RAW_ALIGNMENT && (chunk = loose_split(heap, size, flags))) return chunk;
  chunk = free_find(heap, size, align);
  if (UNLIKELY(!chunk) && !(chunk = find_in_more(heap, domain, size, align))) return 0;
  usize have = head_of(heap, chunk), lead = lead_of(chunk, align);
  if (UNLIKELY(have & CHUNK_FLAGS)) pym__corrupt(CAUSE_LINKS, chunk, INTERNAL); /* it is in use */
  free_remove(heap, chunk, have);
  if (lead) {
    pym__bins_insert(heap, chunk, lead);
    head_flags |= CHUNK_PREV_FREE;
    chunk += lead;
  }
  chunk_split(heap, chunk, have - lead, size | head_flags);
  return chunk;
}

COLD void pym__chunk_free(struct pym_heap *heap, addr chunk) {
  head_of(heap, chunk);
  pym__chunk_release(heap, chunk);
}

/* ---- Cached chunks ---- */

/* The first chunk of the list of this size becomes free memory. */
static COLD void cache_evict(struct pym_heap *heap, u32 *list, usize size) {
  const addr chunk = from_link(*list);
  verify_cached(heap, chunk, header_at(chunk), size);
  heap->raw_cached -= size;
  *list = cache_next(key_of(heap), chunk);
  pym__chunk_release(heap, chunk);
}

COLD int pym__cache_flush(struct pym_heap *heap) {
  const int any = heap->raw_cached != 0;
  for (u32 i = 0; any && i < CACHE_LISTS; i++) {
    u32 *list = &heap->cached[i];
    while (*list > CACHE_REQUESTED) cache_evict(heap, list, (usize)i << 4);
    *list = 0;
  }
  if (UNLIKELY(heap->raw_cached))
    pym__corrupt(CAUSE_FREED_WRITTEN, off(heap), INTERNAL); /* a lost link */
  last_retire(heap);
  return any;
}

/* ---- Segments ---- */

/* The top chunk is one like others. */
static void top_retire(struct pym_heap *heap) {
  const addr chunk = heap->top;
  heap->top_end = 0;
  if (!chunk) return;
  free_remove(heap, chunk, size_of(chunk));
  free_insert(heap, chunk, size_of(chunk));
}

COLD void pym__segment_add(struct pym_heap *heap, addr from, addr to) {
  addr chunk = from - CHUNK_HEADER;
  usize prev_free;
  struct segment *segment;
  heap->raw_bytes += to - from;
  if (from == heap->top_end) { /* what ended the segment is part of the new chunk */
    prev_free = head_of(heap, chunk) & CHUNK_PREV_FREE;
  } else {
    top_retire(heap);
    *(struct segment *)at(from) = (struct segment){.next = heap->segments};
    if (heap->segments) ((struct segment *)at(heap->segments))->prev = from;
    heap->segments = from;
    heap->raw_segments++;
    chunk = from + SEGMENT_BYTES;
    prev_free = 0;
  }
  segment = at(heap->segments);
  segment->end = heap->top_end = to;
  segment->check = segment_check(heap->segments, to);
  set_head(heap, to - CHUNK_HEADER, chunk_flags(INTERNAL)); /* nobody's block */
  chunk_coalesce(heap, chunk, to - CHUNK_HEADER - chunk, prev_free);
}

COLD void pym__segment_remove(struct pym_heap *heap, addr segment) {
  const struct segment gone = *(struct segment *)at(segment);
  if (gone.next) ((struct segment *)at(gone.next))->prev = gone.prev;
  if (gone.prev) ((struct segment *)at(gone.prev))->next = gone.next;
  else heap->segments = gone.next;
  ((struct segment *)at(segment))->check = 0;
  heap->raw_segments--;
  heap->raw_bytes -= gone.end - segment;
  if (heap->top_end == gone.end) heap->top_end = 0; /* another segment may begin there one day */
}

usize pym__top_bytes(const struct pym_heap *heap) { return heap->top ? size_of(heap->top) : 0; }

/* ---- The interface ---- */

usize pym__raw_usable_for(usize bytes) { return chunk_size_for(bytes) - CHUNK_HEADER; }

/* May the list of chunks of this size be asked for one at a multiple of `align`?  An empty one may:
 * what is freed is cached from then on. */
static COLD int cached_fits(const struct pym_heap *heap, usize size, usize align) {
  const u32 first = heap->cached[cache_of(size)];
  return first <= CACHE_REQUESTED || !lead_of(from_link(first), align);
}

void *pym__raw_cached(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  return bytes > CACHED_BYTES_MAX ? NULL : take_cached(heap, domain, bytes, replaced);
}

void *pym__raw_new(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                   usize replaced) {
  if (UNLIKELY(is_above_memory(bytes))) return NULL;
  const usize size = chunk_size_for(bytes);
  const addr chunk = pym__chunk_alloc(heap, domain, size, align, chunk_flags(domain));
  return LIKELY(chunk) ? count_new(heap, domain, chunk, size, replaced) : NULL;
}

COLD void *pym__raw_alloc(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                          usize replaced) {
  void *block = NULL;
  if (align <= PYM_RAW_ALIGNMENT ||
      (bytes <= CACHED_BYTES_MAX && cached_fits(heap, chunk_size_for(bytes), align)))
    block = pym__raw_cached(heap, domain, bytes, replaced);
  if (!block) block = pym__raw_new(heap, domain, bytes, align, replaced);
  if (block && !replaced) limits_update(heap);
  return block;
}

/* A block is not one that its owner may give back or resize. */
COLD _Noreturn void pym__refuse(const struct pym_heap *heap, unsigned domain, const void *block) {
  const addr chunk = off(block) - CHUNK_HEADER;
  enum cause cause = CAUSE_NOT_OURS;
  if (in_memory(chunk) && is_sound(heap, chunk)) {
    const usize head = head_at(chunk);
    const int is_free = !(head & CHUNK_IN_USE) || domain_of_head(head) == INTERNAL;
    cause = is_free || is_held(block) ? CAUSE_RAW_TWICE : CAUSE_DOMAIN;
  }
  pym__corrupt(cause, off(block), domain);
}

COLD usize pym__raw_verified_size(const struct pym_heap *heap, unsigned domain, const void *block) {
  return (verified_head(heap, domain, block) & ~CHUNK_FLAGS) - CHUNK_HEADER;
}

/* Of a block of any heap: only those of the default heap have a key that is known here. */
usize pym__raw_usable(const void *block) {
  const addr chunk = off(block) - CHUNK_HEADER;
  if (UNLIKELY(!in_memory(chunk))) pym__corrupt(CAUSE_NOT_OURS, off(block), INTERNAL);
  const usize head = head_at(chunk), size = head & ~CHUNK_FLAGS;
  if (UNLIKELY(!is_sound(&pym__main, chunk)) && (pym__space.heaps == 1 || !in_memory(chunk + size)))
    pym__corrupt(CAUSE_NOT_OURS, off(block), INTERNAL);
  if (UNLIKELY(!(head & CHUNK_IN_USE) || domain_of_head(head) == INTERNAL || is_held(block)))
    pym__corrupt(CAUSE_FREED_USED, off(block), INTERNAL);
  return size - CHUNK_HEADER;
}

COLD unsigned pym__raw_domain(const struct pym_heap *heap, const void *block) {
  const addr chunk = off(block) - CHUNK_HEADER;
  if (UNLIKELY(!in_memory(chunk) || !is_sound(heap, chunk)))
    pym__corrupt(CAUSE_NOT_OURS, off(block), INTERNAL);
  const usize head = head_at(chunk);
  if (UNLIKELY(!(head & CHUNK_IN_USE) || domain_of_head(head) == INTERNAL || is_held(block)))
    pym__corrupt(CAUSE_RAW_TWICE, off(block), INTERNAL);
  return domain_of_head(head);
}

void pym__raw_free(struct pym_heap *heap, unsigned domain, void *block) {
  const usize usable = release_raw(heap, domain, block);
  if (UNLIKELY(pym__limits != NULL)) pym__limits->freed(heap, domain, block, usable);
}

/* Bytes of the chunk, if it is free. */
static usize free_bytes_at(const struct pym_heap *heap, addr chunk) {
  usize head = head_of(heap, chunk);
  return head & CHUNK_IN_USE ? 0 : head;
}

/* Room behind the chunk for `more` bytes, if need be by more memory; 0: there is none. */
static usize room_behind(struct pym_heap *heap, unsigned domain, addr chunk, usize old,
                         usize extra) {
  const addr behind = chunk + old;
  usize have;
  /* At the end of linear memory, and no free chunk holds it: memory would grow anyway. */
  while ((have = free_bytes_at(heap, behind)) < extra)
    if (behind + have + CHUNK_HEADER != heap->top_end || heap->segment_alloc ||
        free_find(heap, old + extra, PYM_RAW_ALIGNMENT) || !pym__heap_extend(heap, domain, extra))
      return 0;
  return have;
}

int pym__raw_resize(struct pym_heap *heap, unsigned domain, void *block, usize bytes) {
  const addr chunk = off(block) - CHUNK_HEADER;
  const usize head = verified_head(heap, domain, block), old = head & ~CHUNK_FLAGS;
  if (UNLIKELY(is_above_memory(bytes))) return 0;
  const usize size = chunk_size_for(bytes);
  struct domain *counters = counters_of(heap, domain);
  if (size == old || (size < old && size > old - old / 4 && old < CACHED_CHUNK_MAX))
    return 1; /* as pool blocks stay */
  const u32 key = key_of(heap);
  addr *link = SMALL_BUILD ? NULL : loose_link(heap, chunk + old);
  const usize have = link ? loose_size(key, chunk + old) : 0;
  if (have && old + have > size) {
    loose_set(heap, key, link, chunk + size, old + have - size, have);
    set_head_with(key, chunk, size | (head & CHUNK_FLAGS));
  } else if (size < old) {
    set_head(heap, chunk, size | (head & CHUNK_FLAGS));
    chunk_coalesce(heap, chunk + size, old - size, 0);
  } else {
    const usize room = room_behind(heap, domain, chunk, old, size - old);
    if (!room) return 0;
    free_remove(heap, chunk + old, room);
    chunk_split(heap, chunk, old + room, size | (head_at(chunk) & CHUNK_FLAGS));
  }
  if (size < old) {
    counters->raw_freed += old - size;
    counters->charged -= old - size;
  } else {
    counters->raw_bytes += size - old;
    charge_unlimited(heap, domain, counters, size - old, 0);
  }
  limits_update(heap);
  return 1;
}
