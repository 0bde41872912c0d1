/* The raw allocator: chunks for blocks above 512 bytes, for pools and for the library itself. */
#ifndef PYM_CORE_CHUNK_H
#define PYM_CORE_CHUNK_H

#include "core/account.h"
#include "core/chunk_layout.h"
#include "core/corrupt.h"
#include "core/space.h"

usize pym__raw_usable_for(usize bytes); /* usable size served for bytes */
/* A block that is counted and charged; limits are not asked, and no event tells of failure.
 * replaced  bytes that the same call will free */
/* The same in two parts, where no limit is set: of a cached chunk; of free memory. */
void *pym__raw_cached(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced);
void *pym__raw_new(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                   usize replaced);
void *pym__raw_alloc(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                     usize replaced);
int pym__raw_resize(struct pym_heap *heap, unsigned domain, void *block,
                    usize bytes); /* in place; 0: it cannot */
void pym__raw_free(struct pym_heap *heap, unsigned domain, void *block);
usize pym__raw_verified_size(const struct pym_heap *heap, unsigned domain,
                             const void *block); /* usable; verified */
usize pym__raw_usable(const void *block);
unsigned pym__raw_domain(const struct pym_heap *heap, const void *block); /* verified */
addr pym__chunk_alloc(struct pym_heap *heap, unsigned domain, usize size, usize align, u32 flags);
/* A chunk in use becomes free memory; release: its header was verified. */
void pym__chunk_free(struct pym_heap *heap, addr chunk);
void pym__chunk_release(struct pym_heap *heap, addr chunk);
/* A block is not one that its owner may give back or resize. */
_Noreturn void pym__refuse(const struct pym_heap *heap, unsigned domain, const void *block);
void pym__segment_remove(struct pym_heap *heap,
                         addr segment); /* out of h's list: segment holds nothing */

/* ---- The fast path: a block from a cached chunk, and a block that becomes one --------------- */

/* Bytes of cached chunks.  When there are more, all of them are flushed: 500 chunks at the most, so
 * that no call takes long.  They cost no memory: before it grows they are flushed as well. */
#define CACHE_BYTES_MAX 262144u

/* What is the first of its list once this chunk is not.  A link that leads out of memory is found
 * here: so a list always leads into it. */
HOT u32 cache_next(u32 key, addr chunk) {
  const u32 next = cache_link_with(key, chunk, chunk_at(chunk)->next);
  if (next > CACHE_REQUESTED && UNLIKELY(!in_memory(from_link(next))))
    pym__corrupt(CAUSE_FREED_WRITTEN, chunk + CHUNK_HEADER, INTERNAL);
  return next;
}

/* Is this a cached chunk of `size` bytes?  Its former owner may still write to it. */
HOT void verify_cached(const struct pym_heap *heap, addr chunk, u64 header, usize size) {
  if (UNLIKELY(!says(header, key_of(heap), chunk, size | chunk_flags(INTERNAL))) ||
      UNLIKELY(size == POOL_BYTES && is_pool(chunk)))
    pym__corrupt(CAUSE_FREED_WRITTEN, chunk + CHUNK_HEADER, INTERNAL);
}

/* One of exactly `size` bytes for a domain, or 0. */
HOT addr cache_pop(struct pym_heap *heap, unsigned domain, usize size) {
  u32 *list = &heap->cached[cache_of(size)];
  if (*list <= CACHE_REQUESTED) {
    *list = CACHE_REQUESTED;
    return 0;
  }
  const addr chunk = from_link(*list);
  const u64 header = header_at(chunk);
  verify_cached(heap, chunk, header, size);
  *list = cache_next(key_of(heap), chunk);
  change_flags(chunk, header, chunk_flags(INTERNAL) ^ chunk_flags(domain));
  heap->raw_cached -= size;
  return chunk;
}

/* 0: it is not to be cached: nobody has asked for this size. */
HOT int cache_push(struct pym_heap *heap, unsigned domain, addr chunk, u64 header, usize size) {
  u32 *list = &heap->cached[cache_of(size)];
  const u32 first = *list;
  if (!first) return 0;
  chunk_at(chunk)->next = cache_link(heap, chunk, first);
  change_flags(chunk, header, chunk_flags(INTERNAL) ^ chunk_flags(domain));
  *list = to_link(chunk);
  heap->raw_cached += size;
  if (UNLIKELY(!heap->is_reclaimable)) pym__reclaimable(heap);
  return 1;
}

/* The block of a new chunk in use: it is counted and charged. */
HOT void *count_new(struct pym_heap *heap, unsigned domain, addr chunk, usize size,
                    usize replaced) {
  struct domain *counters = counters_of(heap, domain);
  counters->raw_mallocs++;
  counters->raw_bytes += size - CHUNK_HEADER;
  charge_unlimited(heap, domain, counters, size - CHUNK_HEADER, replaced);
  return at(chunk + CHUNK_HEADER);
}

/* A block that is a cached chunk of its size; NULL: there is none.  At most CACHED_BYTES_MAX. */
HOT void *take_cached(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  const usize size = chunk_size_for(bytes);
  const addr chunk = cache_pop(heap, domain, size);
  return LIKELY(chunk) ? count_new(heap, domain, chunk, size, replaced) : NULL;
}

/* The header of a block that its owner gives back or resizes. */
HOT u64 verified_header(const struct pym_heap *heap, unsigned domain, const void *block) {
  const addr chunk = off(block) - CHUNK_HEADER;
  if (UNLIKELY(!in_memory(chunk))) pym__refuse(heap, domain, block);
  const u64 header = header_at(chunk);
  const usize head = head_in(header);
  if (UNLIKELY(header != header_with(key_of(heap), chunk, head)) ||
      UNLIKELY((head & (CHUNK_DOMAIN | CHUNK_IN_USE)) != chunk_flags(domain)) ||
      UNLIKELY(is_held(block)))
    pym__refuse(heap, domain, block);
  return header;
}
HOT usize verified_head(const struct pym_heap *heap, unsigned domain, const void *block) {
  return head_in(verified_header(heap, domain, block));
}

/* Limits are told by the caller.  Returns the usable size that the block had. */
HOT usize release_raw(struct pym_heap *heap, unsigned domain, void *block) {
  const addr chunk = off(block) - CHUNK_HEADER;
  const u64 header = verified_header(heap, domain, block);
  const usize size = head_in(header) & ~CHUNK_FLAGS, usable = size - CHUNK_HEADER;
  struct domain *counters = counters_of(heap, domain);
  counters->raw_frees++;
  counters->raw_freed += usable;
  counters->charged -= usable;
  if (size >= CACHED_CHUNK_MAX || !cache_push(heap, domain, chunk, header, size))
    pym__chunk_release(heap, chunk);
  else if (UNLIKELY(heap->raw_cached > CACHE_BYTES_MAX)) pym__cache_flush(heap);
  return usable;
}

#endif
