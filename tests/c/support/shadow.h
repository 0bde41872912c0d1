/* The shadow model: what the library should hold, kept apart from it in static memory.
 *
 * Every block given out is entered, every block given back is struck off; each time its place,
 * its contents and the counters that must follow are checked. */
#ifndef SHADOW_H
#define SHADOW_H

#include <stdint.h>

#include "pymalloc.h"

#define SHADOW_HEAPS 3

struct shadow_block {
  void *p; /* NULL: the slot is empty */
  uint64_t seed;
  uint32_t n;
  pym_size usable;
  uint8_t heap; /* index in shadow_heaps */
  uint8_t domain;
  uint8_t pooled; /* lies in a pool */
};

struct shadow_heap {
  pym_heap *h;
  pym_domain_stats domain[PYM_DOMAINS];
  uint64_t peak_seen[PYM_DOMAINS]; /* at the comparisons: the library looked then */
  pym_size soft[PYM_DOMAINS + 1], hard[PYM_DOMAINS + 1]; /* last: the whole heap */
  uint64_t class_live[PYM_SMALL_MAX / 8], class_total[PYM_SMALL_MAX / 8];
  uint64_t blocks_sum; /* over live blocks: a hash of place and size */
  unsigned soft_calls, soft_expected;
};
extern struct shadow_heap shadow_heaps[SHADOW_HEAPS];
extern pym_size shadow_all_soft, shadow_all_hard; /* limits of all heaps */

/* Forget everything; heap 0 is the default heap with whatever it holds already. */
void shadow_start(void);
/* A heap of its own at index i; and its end.  Blocks that it still holds must be struck off. */
void shadow_heap_open(unsigned i);
void shadow_heap_close(unsigned i);

/* Sum of live bytes that limit `which` counts; s does not matter for PYM_ALL_HEAPS. */
uint64_t shadow_live(const struct shadow_heap *s, unsigned which);
pym_size shadow_soft(const struct shadow_heap *s, unsigned which);
pym_size shadow_hard(const struct shadow_heap *s, unsigned which);
/* The limits that bind a block of a domain: i = 0 .. 2. */
#define SHADOW_LIMITS 3u
unsigned shadow_limit(unsigned d, unsigned i);

/* A call returned p for n bytes: enter it and write its pattern. */
void shadow_enter(struct shadow_block *b, void *p, uint32_t n);
/* The contents are what was written, in the first n bytes. */
void shadow_verify(const struct shadow_block *b, uint32_t n);
/* The block is about to be freed: verify it and strike it off. */
void shadow_strike(struct shadow_block *b);
/* A realloc of b to n bytes returned p, not NULL. */
void shadow_move(struct shadow_block *b, void *p, uint32_t n);
/* A call in domain d returned NULL. */
void shadow_failure(struct shadow_heap *s, unsigned d);

/* The callbacks of soft limits so far are those that were due. */
void shadow_check_soft(int was_out); /* memory was out: what is tried again tells again */
/* Compare all counters and walk every heap. */
void shadow_check(void);

#endif
