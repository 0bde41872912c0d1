/* The start of it all, and more linear memory for the default heap. */
#ifndef PYM_CORE_SPACE_H
#define PYM_CORE_SPACE_H

#include "core/state.h"

/* Both once, before anything else; later calls do nothing.  Init makes the root structure and the
 * default heap, and calls no host, so that a host may look and set limits before the program runs;
 * start draws the keys and takes the first memory: whatever allocates has called it. */
void pym__init(void);
void pym__start(void);
void pym__heap_init(struct pym_heap *heap);
void pym__memory_changed(void); /* linear memory may be longer than it was */
int pym__heap_extend(struct pym_heap *heap, unsigned domain,
                     usize bytes); /* a try to find so many; 0: no memory */

/* ---- Called upwards ----------------------------------------------------------------------- */

/* Memory that comes: chunk.c makes free chunks of it. */
void pym__segment_add(struct pym_heap *heap, addr from, addr to); /* [from, to) is h's now */
usize pym__top_bytes(const struct pym_heap *heap); /* bytes free where the newest segment ends */

/* Before memory grows: chunk.c and reclaim.c give back what nobody uses. */
int pym__cache_flush(
    struct pym_heap *heap); /* cached chunks become free memory; 0: there was none */
/* Cached chunks, pools that are whole; 0: there was nothing. */
int pym__reclaim(struct pym_heap *heap);
int pym__was_reclaimed_in_vain(const struct pym_heap *heap); /* by the call before */
int pym__reclaim_others(void);                               /* the same of any heap */

#endif
