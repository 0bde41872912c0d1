/* A thread's heap. */
#ifndef PYM_CORE_THREAD_HEAP_H
#define PYM_CORE_THREAD_HEAP_H

#include "core/thread_hold.h"

#define BATCHES 8u     /* owners that a thread has batches for, by the low bits of their ids */
#define BATCH_MOST 64u /* blocks */

/* Blocks freed by this thread that go to one owner. */
struct batch {
  u32 owner;              /* id */
  u32 first, last, count; /* links to the first and the last of them */
};

struct thread_heap {
  struct pym_heap heap;
  addr next_orphan;            /* off */
  u64 sent_bytes, taken_bytes; /* to others; from the inbox */
  u64 sent_blocks, taken_blocks;
  struct batch batches[BATCHES];
  struct hold hold;
  _Alignas(CACHE_LINE) u32 inbox; /* link to the block sent last; what other threads write to */
};
/* Its raw block: no shorter than another heap's. */
#define THREAD_HEAP_BYTES (PYM__MEMORY64 ? 14464u : 13696u)
_Static_assert(sizeof(struct thread_heap) <= THREAD_HEAP_BYTES && HEAP_BYTES <= THREAD_HEAP_BYTES,
               "room for it");
_Static_assert(offsetof(struct thread_heap, heap) == 0, "one is the other");
_Static_assert(THREAD_HEAP_BYTES % CACHE_LINE == 0, "it ends with a cache line");

#endif
