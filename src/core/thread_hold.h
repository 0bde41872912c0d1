/* Freed memory that a thread holds. */
#ifndef PYM_CORE_THREAD_HOLD_H
#define PYM_CORE_THREAD_HOLD_H

#include "core/state.h"

/* For the thread's next requests: raw blocks by size, eight sizes to a doubling from
 * 512 bytes to CACHED_CHUNK_MAX, and chunks of former pools. */
#define HELD_SIZES 32u
#define HELD_LARGER 8u /* how many sizes larger a block may be than what it serves */
/* How many bytes of blocks: LEAST, and twice that up to MOST_DOUBLED times, as long as what it
 * holds is what it requests. */
#define HELD_BYTES_LEAST 32768u
#define HELD_MOST_DOUBLED 2u
#define HELD_BYTES_MUCH 32768u
#define HELD_POOLS_MOST 8u
struct hold {
  u32 first[HELD_SIZES]; /* links to blocks */
  u32 sizes;             /* bit i: there are blocks of size i */
  u32 blocks, bytes;     /* usable bytes of those blocks */
  u64 reused_blocks, reused_bytes;
  addr pools[HELD_POOLS_MOST]; /* off: chunks */
  u32 n_pools;
  u32 doubled;     /* how often its most was */
  u64 reused_then; /* reused_bytes when it last held too much */
  u32 next_size;   /* whose blocks are freed next, where there are too many */
};

/* A raw block for n bytes, more than PYM_SMALL_MAX; NULL: none is held. */
void *pym__held_block(struct hold *hold, u32 n);
/* What to ask the default heap for instead of n, so that the block serves others of its size. */
u32 pym__holdable_size(u32 n);
int pym__hold_block(struct hold *hold, void *block); /* 0: it is not held */
int pym__hold_flush(struct hold *hold);              /* the lock is held; 0: nothing was */
/* The same before memory grows, if it is much. */
int pym__hold_flush_much(struct hold *hold);
/* A chunk for a pool; 0: none is held.  push: 0, it is not held. */
addr pym__hold_pop_pool(struct hold *hold);
int pym__hold_push_pool(struct hold *hold, addr chunk);
/* The first chunk of a run; the others are held, where none was. */
addr pym__hold_run(struct hold *hold, addr run);
/* Not 0: it is not sound, and where.  No thread runs. */
int pym__hold_check(const struct hold *hold, addr *where);

#endif
