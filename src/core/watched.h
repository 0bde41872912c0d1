/* The slow path while limits or a profile look at every call: as the functions of object.c and
 * chunk.c. */
#ifndef PYM_CORE_WATCHED_H
#define PYM_CORE_WATCHED_H

#include "core/state.h"

void *pym__small_new(struct pym_heap *heap, unsigned domain, usize n, u32 most,
                     usize replaced); /* not sampled */
void *pym__watched_small(struct pym_heap *heap, unsigned domain, usize n, u32 most, usize replaced);
void *pym__watched_raw(struct pym_heap *heap, unsigned domain, usize n, usize replaced);
void *pym__watched_resize(struct pym_heap *heap, unsigned domain, void *block, usize old, usize n);
void pym__watched_free(struct pym_heap *heap, unsigned domain, const void *block, usize usable);
int pym__watched_stays(const void *block, usize n);

#endif
