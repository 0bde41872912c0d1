/* The state that all layers share, in two structures at static addresses: the space, which is the
 * program's linear memory as this library owns it, and the heap, one allocator instance. */
#ifndef PYM_CORE_STATE_H
#define PYM_CORE_STATE_H

#include "core/base.h"
#include "core/layout.h"
#include "ports/linmem.h"

#define POOL_BYTES 4096u
#define POOL_SHIFT 12
#define POOL_HEADER 16u
#define POOL_ROOM (POOL_BYTES - POOL_HEADER - 8) /* less the header of the chunk behind */
_Static_assert(POOL_BYTES == 1u << POOL_SHIFT, "a shift");
_Static_assert(CLASSES *PYM_ALIGNMENT == PYM_SMALL_MAX, "one class every 8 bytes");

/* Domain of what the library keeps for itself in raw blocks: heaps, segments of other heaps, leaves
 * of the pool table.  It has counters and no limits. */
#define INTERNAL 3u

#define SPACE_MAGIC 0x43505350u
#define HEAP_MAGIC 0x50414548u

/* Free chunks: lists of one size each below 8 KiB, search trees above, two to a doubling. */
#define BIN_LISTS 512u
#define LIST_WORDS (BIN_LISTS / 64)
#define BIN_TREES (PYM__MEMORY64 ? 44u : 38u)
/* Chunks below this are cached when they are freed, in a list for each size. */
#define CACHED_CHUNK_MAX 8192u
#define CACHE_LISTS (CACHED_CHUNK_MAX / 16)

struct space {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
  /* Not for readers: */
  u32 is_started;
  u32 unwatched;    /* UNWATCHED: it is, and nobody looks at calls, pym__watchers_changed */
  u32 last_word;    /* that begins in linear memory when last looked at, by number: in_memory */
  u32 heap_ids;     /* ids given out */
  addr reclaimable; /* off: first of the heaps that may hold memory which others could use */
  u32 limited;      /* a limit was set once */
  u32 over_limit;   /* that of all heaps was passed: every call is slow, the lists are empty */
  u64 charged;      /* the sum of what is settled of each heap, limits.c */
};

struct pym_heap {
  struct pym__hot hot; /* what the fast path uses */
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: INTERNAL */
  /* Not for readers: */
  u32 charged_blocks[2][CLASS_SLOTS]; /* of each class, in domains[].charged */
  u32 sample_at[2][CLASS_SLOTS];      /* mallocs of each class when its next sample is due */
  u32 profiled;                       /* the profile that they were drawn for */
  addr prev;                          /* off: the heap before */
  addr reclaim_next, reclaim_prev;    /* off: in the list of reclaimable heaps */
  u32 is_reclaimable;
  u32 slow_requests;   /* small ones that the fast path did not serve */
  u64 reclaimed[2];    /* bit c: a reclaim took the class's pool, and it has had no new one since */
  u32 reclaimed_pools; /* how many the last one took; 0: memory has grown since */
  u32 restored_pools;  /* new pools of such classes since then */
#if PYM_THREADS
  u32 last_usable[CLASS_SLOTS]; /* of a thread's heap: the pool that `usable` leads to at last */
#endif
  /* Free chunks, by their links (chunk_layout.h); bins.c and chunk.c. */
  u64 trees_map, lists_map[LIST_WORDS]; /* bit b: tree or list b holds something */
  u32 lists_words;                      /* bit w: a bit of lists_map[w] is set */
  u32 lists[BIN_LISTS]; /* by size / 16; list 0: chunks that a pool fits into exactly */
  u32 trees[BIN_TREES];
  u32 cached[CACHE_LISTS];
  addr top;       /* the free chunk that ends the segment that may grow, in no list; 0: none */
  addr last;      /* the free chunk that changed last, in no list either; 0: none */
  addr top_end;   /* where that segment ends; 0: there is none */
  u64 look_at;    /* what is charged in all domains, for the next look at the peak of all */
  u64 settled;    /* what is charged in the three domains, as far as the space has it */
  u32 over_limit; /* a limit was passed: every call is slow, the lists are empty */
  u32 in_limit_fn;
  pym_limit_fn *limit_fn;
  void *limit_ctx;
  /* Where segments come from and go to; NULL in the default heap, whose are linear memory.
   * get  one with room for a chunk so large; 0: refused
   * put  segment segment holds one free chunk, in no list */
  int (*segment_alloc)(struct pym_heap *heap, usize bytes);
  void (*segment_free)(struct pym_heap *heap, addr segment);
};

/* A heap's raw block: no shorter, see is_cached_head in chunk_layout.h. */
#define HEAP_BYTES (PYM__MEMORY64 ? 13760u : PYM_THREADS ? 13248u : 12992u)
_Static_assert(sizeof(struct pym_heap) <= HEAP_BYTES, "room for a heap");
_Static_assert(offsetof(struct pym_heap, hot) == 0 && offsetof(struct space, leaves) == 0,
               "fast.h");

/* The one space and the default heap, at static addresses. */
#if defined(__wasm__)
extern struct space pym__space __asm__(PYM__SYMBOL("pym__space"));
extern struct pym_heap pym__main __asm__(PYM__SYMBOL("pym__main"));
#else
/* Natively both lie in the simulated linear memory, as data segments do in wasm. */
#define pym__space (*(struct space *)at(LINMEM_DATA))
#define LINMEM_MAIN (PYM__MEMORY64 ? 40960u : 8192u)
#define pym__main (*(struct pym_heap *)at(LINMEM_DATA + LINMEM_MAIN))
_Static_assert(sizeof(struct space) <= LINMEM_MAIN, "the heap lies behind the space");
_Static_assert(sizeof(struct pym_heap) <= LINMEM_DATA_BYTES - LINMEM_MAIN, "room for the heap");
#endif

/* The key of free blocks until one is drawn (pym__key: ports/link_pymalloc_threads_instead.c).  It
 * has a high half that no word of the allocator's own has (links of pools are below 2^20), so what
 * is no link never decodes to one. */
#define FIRST_KEY 0x9e3779b97f4a7c15u

/* Where pools of the default heap lie that are in arenas from a hook; linked with the hook.  New
 * ones come out of it while it has a function segment_alloc. */
extern struct pym_heap *pym__hooked;

/* ---- What is over the domains, and what only some programs link --------------------------- */

struct hook {
  pym_allocator fn;
  int on;
};
extern struct hook pym__hooks[PYM_DOMAINS];

/* debug_hooks.c: linked with the debug hooks */
struct debug {
  int (*is_debug_block)(
      const void *block);           /* 0: a block of ours just as it is, not one of theirs */
  usize (*size)(const void *block); /* bytes asked for of a block they made, which is verified */
  int (*quarantine_flush)(void);    /* what is held back; 0: nothing was */
  int (*are_on)(unsigned domain);   /* and nothing is over them in domain domain */
};
extern const struct debug *pym__debug; /* NULL: never installed */

/* limits.c: linked with the first limit */
struct limits {
  /* How many of n pieces may be had; 0: none.  less: bytes that the same call will free. */
  u32 (*grant)(struct pym_heap *heap, unsigned domain, usize bytes, u32 n, usize replaced);
  void (*update)(struct pym_heap *heap); /* what is charged has changed */
  int (*relieve)(struct pym_heap *heap, unsigned domain,
                 usize bytes); /* the callback for want of memory */
  /* A block needs bytes more than its class was granted: would that pass a limit? */
  int (*is_near)(struct pym_heap *heap, unsigned domain, usize bytes);
  void (*forget)(struct pym_heap *heap); /* it is destroyed */
  /* What object.c and chunk.c do meanwhile, watched.c. */
  void *(*small)(struct pym_heap *heap, unsigned domain, usize n, u32 most, usize replaced);
  void *(*raw)(struct pym_heap *heap, unsigned domain, usize n, usize replaced);
  void *(*resize)(struct pym_heap *heap, unsigned domain, void *block, usize old, usize n);
  void (*freed)(struct pym_heap *heap, unsigned domain, const void *block, usize usable);
  int (*fits_in_place)(
      const void *block,
      usize n); /* is block one that would serve n where it is, were it in a pool? */
};
extern const struct limits *pym__limits; /* NULL: no limit and no callback was ever set */

/* profile.h: while a profile is on */
struct profile;
extern const struct profile *pym__profile; /* NULL: off */

/* trace.c: linked with the first trace */
typedef void pym__say_fn(const void *o, const char *what, uint64_t v);
/* What it adds to a dump; NULL: nothing is traced. */
extern void (*pym__dump_extra)(pym__say_fn *say_number, const void *o);

/* allocators.c */
extern size_t (*pym__libc_size)(const void *block); /* not NULL: libc's malloc may serve domains */

/* ---- Offsets ------------------------------------------------------------------------------ */

HOT u32 unit_of(addr offset) { return (u32)(offset >> POOL_SHIFT); }
HOT addr unit_base(u32 unit) { return (addr)unit << POOL_SHIFT; }
HOT addr base_of(addr offset) { return offset & ~(addr)(POOL_BYTES - 1); }
/* Size class of the pool that an offset lies in; 0: in none.  Any offset may be asked. */
HOT u32 class_of(addr offset) {
  const struct pym__pool *pool = pym__pool_at(offset);
  return pool ? pool->size / PYM_ALIGNMENT : 0;
}

/* Could two words of ours lie there?  For links that a stray write may have changed.  An address
 * that is no multiple of 8 turns into one above all memory, and so does 0. */
HOT int in_memory(addr offset) {
  return (offset >> 3 | offset << (8 * sizeof offset - 3)) - 1 <
         (addr)PYM__READ(pym__space.last_word);
}

/* ---- Lists and counters of a class in the mem or object domain ---------------------------- */

HOT u32 rounded_small(size_t bytes) { return ((u32)bytes + 7) & ~7u; }

HOT struct list *list_of(struct pym_heap *heap, unsigned domain, u32 size) {
  return (struct list *)(void *)((char *)heap->hot.lists[domain - PYM_MEM] + size);
}
HOT u64 *frees_of(struct pym_heap *heap, unsigned domain, u32 size) {
  return &heap->hot.frees[domain - PYM_MEM][size / PYM_ALIGNMENT];
}
HOT u64 *filled_of(struct pym_heap *heap, unsigned domain, u32 size) {
  return &heap->filled[domain - PYM_MEM][size / PYM_ALIGNMENT];
}
HOT void filled_add(struct pym_heap *heap, unsigned domain, u32 size, u64 blocks) {
  PYM__WRITE(*filled_of(heap, domain, size), *filled_of(heap, domain, size) + blocks);
}
HOT int is_open(const struct pym_heap *heap, unsigned domain) {
  return PYM__READ(heap->hot.closed[domain - PYM_MEM]) == PYM__LINK_MAX;
}

/* ---- state.c ------------------------------------------------------------------------------ */

/* Has the library started, and is there no hook, limit or profile, and no block that is not just as
 * the allocator made it (of the debug hooks, or libc's)?  One question for the common case.  A root
 * structure that was written over leads to the long way, which reports it.  A small build has that
 * way alone. */
#define UNWATCHED SPACE_MAGIC
HOT int is_unwatched(void) { return !SMALL_BUILD && PYM__READ(pym__space.unwatched) == UNWATCHED; }
void pym__watchers_changed(void); /* one of these has changed */

void pym__open(struct pym_heap *heap); /* or close the fast path, as limits and hooks ask */
/* heap may hold memory that others could use, from now on, or not. */
void pym__reclaimable(struct pym_heap *heap);
void pym__not_reclaimable(struct pym_heap *heap);

#include "core/threads.h"

#endif
