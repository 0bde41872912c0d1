/* The raw allocator: chunks for blocks above 512 bytes, for pools and for the library itself. */
#ifndef PYM_CORE_CHUNK_H
#define PYM_CORE_CHUNK_H

#include "core/chunk_layout.h"

usize pym__raw_usable_for(usize bytes); /* usable size served for bytes */
/* A block that is counted and charged; limits are not asked, and no event tells of failure.
 * replaced  bytes that the same call will free */
/* The same in two parts, where no limit is set: of a cached chunk (cached.h); of free memory. */
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

#endif
