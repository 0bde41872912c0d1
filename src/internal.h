/* What the files of the core share.  The way of one allocation:
 *
 *   domain.c   pym_obj_malloc  ->  fast.h    fast path: the first block of the class's list
 *                                  object.c  everything else: limits, hooks, large requests
 *                                  small.c   the next pool's blocks for the list
 *                                  pool.c    pools, each a chunk of raw memory
 *                                  raw.c     chunks: blocks above 512 bytes, pools, free memory
 *                                  space.c   more memory
 *                                  linmem_*  memory.grow */
#ifndef PYM_INTERNAL_H
#define PYM_INTERNAL_H

#include <stddef.h>

#include "layout.h"
#include "linmem.h"
#define PYM_NO_INLINE
#include "pymalloc.h"

#ifndef PYM_DEBUG
#define PYM_DEBUG 0 /* 0 release, 1 hardened, 2 debug */
#endif

#define PAGE_BYTES 65536u
#define POOL_BYTES 4096u
#define POOL_SHIFT 12
#define POOL_HEADER 16u
#define POOL_ROOM (POOL_BYTES - POOL_HEADER - 8) /* less the header of the chunk behind */
#define MAX_PAGES 65536u
_Static_assert(POOL_BYTES == 1u << POOL_SHIFT, "a shift");
_Static_assert(CLASSES *PYM_ALIGNMENT == PYM_SMALL_MAX, "one class every 8 bytes");

/* Domain of what the library keeps for itself in raw blocks: heaps, segments of other heaps, leaves
 * of the pool table.  It has counters and no limits. */
#define INTERNAL 3u

#define SPACE_MAGIC 0x43505350u
#define HEAP_MAGIC 0x50414548u

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#if defined(__OPTIMIZE_SIZE__) || !defined(__OPTIMIZE__)
#define HOT static inline __attribute__((unused))
#define SMALL_BUILD 1
#else
#define SMALL_BUILD 0
#define HOT static inline __attribute__((always_inline))
#endif
/* What runs once a page or less: as small as it can be, wherever it is called from. */
#if defined(__clang__)
#define COLD __attribute__((noinline, cold, minsize))
#define TIDY __attribute__((noinline, minsize)) /* not rare, but its own work is not what costs */
#define APART __attribute__((noinline))         /* called from many places */
#else
#define COLD __attribute__((noinline, cold))
#define TIDY __attribute__((noinline))
#define APART TIDY
#endif

/* Free chunks: lists of one size each below 1 KiB, search trees above, two to a doubling. */
#define RAW_LISTS 64u
#define RAW_TREES 44u
/* Cached chunks: lists by size, each of one size at a time. */
#define RAW_CACHES 256u

struct space {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
  /* Not for readers: */
  u32 is_started;
  u32 heap_ids; /* ids given out */
  u32 reclaimable; /* off: first of the heaps that may hold memory which others could use */
};

struct pym_heap {
  struct pym__hot hot; /* what the fast path uses */
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: INTERNAL */
  /* Not for readers: */
  u32 charged_blocks[2][CLASS_SLOTS]; /* of each class, in domains[].charged */
  u32 prev;                           /* off: the heap before */
  u32 reclaim_next, reclaim_prev;     /* off: in the list of reclaimable heaps */
  u32 is_reclaimable;
  /* Free chunks, by offset; raw.c. */
  u64 lists_map, trees_map; /* bit b: list or tree b holds something */
  u32 lists[RAW_LISTS];     /* by size / 16; list 0: chunks that a pool fits into exactly */
  u32 trees[RAW_TREES];
  u32 cached[RAW_CACHES];
  u32 top;     /* the free chunk that ends the segment that may grow, in no list; 0: none */
  u32 top_end; /* where that segment ends; 0: there is none */
  u32 over_limit; /* a limit was passed: every call is slow, the lists are empty */
  u32 in_limit_fn;
  pym_limit_fn *limit_fn;
  void *limit_ctx;
  /* Where segments come from and go to; NULL in the default heap, whose are linear memory. */
  int (*get_segment)(struct pym_heap *h, u32 bytes); /* with room for a chunk so large; 0: refused */
  void (*put_segment)(struct pym_heap *h, u32 s);    /* segment s holds one free chunk, in no list */
};

/* A heap's raw block: no shorter, see is_cached in raw.h. */
#define HEAP_BYTES 8192u
_Static_assert(sizeof(struct pym_heap) <= HEAP_BYTES, "room for a heap");
_Static_assert(offsetof(struct pym_heap, hot) == 0 && offsetof(struct space, leaves) == 0, "fast.h");

/* The one space and the default heap, at static addresses. */
#if defined(__wasm__)
extern struct space pym__space __asm__(PYM__SYMBOL("pym__space"));
extern struct pym_heap pym__main __asm__(PYM__SYMBOL("pym__main"));
#else
/* Natively both lie in the simulated linear memory, as data segments do in wasm. */
#define pym__space (*(struct space *)at(LINMEM_DATA))
#define pym__main (*(struct pym_heap *)at(LINMEM_DATA + 8192))
_Static_assert(sizeof(struct space) <= 8192, "the heap lies behind the space");
_Static_assert(sizeof(struct pym_heap) <= LINMEM_DATA_BYTES - 8192, "room for the heap");
#endif

HOT u32 unit_of(u32 o) { return o >> POOL_SHIFT; }
HOT u32 base_of(u32 o) { return o & ~(POOL_BYTES - 1); }
/* Size class of the pool that o lies in; 0: in none.  Any offset may be asked. */
HOT u32 class_of(u32 o) {
  const struct pym__pool *pool = pym__pool_at(o);
  return pool ? pool->size / PYM_ALIGNMENT : 0;
}

/* Could two words of ours lie at o?  For links that a stray write may have changed.  An address
 * that is no multiple of 8 turns into one above all memory, and so does 0. */
HOT int in_memory(u32 o) { return (o >> 3 | o << 29) - 1 < (pym__space.pages_memory << 13) - 1; }

/* ---- space.c ---- */
/* Both once, before anything else; later calls do nothing.  Init makes the root structure and the
 * default heap, and calls no host, so that a host may look and set limits before the program runs;
 * start draws the keys and takes the first memory: whatever allocates has called it. */
void pym__init(void);
void pym__start(void);
int pym__more(struct pym_heap *h, unsigned d, u32 bytes); /* a try to find so many; 0: no memory */
void pym__event(struct pym_heap *h, enum event_kind kind, unsigned d, u32 bytes, u32 before);
void *pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind); /* event; NULL */

/* ---- raw.c ---- */
u32 pym__raw_size(u32 n); /* usable size served for n */
/* A block that is counted and charged; limits are not asked, and no event tells of failure.
 * less  bytes that the same call will free */
void *pym__raw_new(struct pym_heap *h, unsigned d, u32 n, u32 align, u32 less);
int pym__raw_resize(struct pym_heap *h, unsigned d, void *p, u32 n); /* in place; 0: it cannot */
void pym__raw_free(struct pym_heap *h, unsigned d, void *p);
u32 pym__raw_block(const struct pym_heap *h, unsigned d, const void *p); /* usable; verified */
u32 pym__raw_usable(const void *p);
unsigned pym__raw_domain(const struct pym_heap *h, const void *p); /* verified */
void pym__raw_add(struct pym_heap *h, u32 from, u32 to); /* [from, to) is h's now */
u32 pym__chunk_alloc(struct pym_heap *h, unsigned d, u32 size, u32 align, u32 flags);
void pym__chunk_free(struct pym_heap *h, u32 c); /* a chunk in use becomes free memory */
int pym__raw_flush(struct pym_heap *h); /* cached chunks become free memory; 0: there was none */
u32 pym__raw_tail(const struct pym_heap *h); /* bytes free where the newest segment ends */

/* ---- pool.c ---- */
HOT u32 pym__pool_capacity(u32 s) { return POOL_ROOM / s; } /* blocks of s bytes in a pool */
u32 pym__pool_used(const struct pym__pool *pool); /* blocks not in the pool's own list */
int pym__has_usable(const struct pym_heap *h, unsigned d, u32 s); /* a pool with free blocks */
/* The list of the class is empty.  One block, the others of its pool are the list where the fast
 * path is open; charged.  NULL: no memory.
 * most  1, or more if a whole pool may be taken; less: as for pym__raw_new */
void *pym__refill(struct pym_heap *h, unsigned d, u32 s, u32 most, u32 less);
void pym__list_return(struct pym_heap *h, unsigned d, u32 s); /* the list's blocks to their pool */
int pym__list_retire(struct pym_heap *h, unsigned d, u32 s);  /* if its pool is whole; 0: it is not */
int pym__pool_has_free(struct pym_heap *h, const struct pym__pool *pool, u32 o); /* is o free? */
/* Where pools of the default heap lie that are in arenas from a hook; linked with the hook.  New
 * ones come out of it while it has a function get_segment. */
extern struct pym_heap *pym__hooked;

/* Arenas for the report: 256 KiB of linear memory each, the last perhaps in part, and those from a
 * hook.  Of the hook's, raw_frees and peak of domain INTERNAL are arenas given back, and the most
 * that there were in all before one was. */
static inline u32 arenas_now(void) {
  const u32 size = (u32)PYM_ARENA_BYTES;
  return pym__main.raw_bytes / size + (pym__main.raw_bytes % size != 0) +
         (pym__hooked ? pym__hooked->raw_segments : 0);
}

/* ---- object.c ---- */
/* pym__malloc_slow, pym__free_slow, pym__pool_spent: the default heap's; see pymalloc.h */
void *pym__calloc_slow(unsigned d, size_t count, size_t size);
void *pym__realloc_slow(unsigned d, void *p, size_t n);
void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n); /* below the hooks */
void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size);
void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n);
void pym__free_direct(struct pym_heap *h, unsigned d, void *p);
void *pym__failed(struct pym_heap *h, unsigned d); /* NULL, counted */
extern int pym__sizes_known; /* domain.c */
/* o was freed in domain d, and left of its pool came to 0; pool.c */
void pym__pool_event(struct pym_heap *h, unsigned d, u32 o);

/* ---- small.c ---- */
#define SMALL_HEAP 64u /* pools: below it a class may borrow */
void *pym__borrow(struct pym_heap *h, unsigned d, u32 s, u32 less); /* of a larger class, or NULL */
void *pym__scrape(struct pym_heap *h, unsigned d, u32 n, u32 less); /* when memory is out */
void pym__flush(struct pym_heap *h);  /* all lists: to their pools */
int pym__reclaim(struct pym_heap *h); /* cached chunks, pools that are whole; 0: there was nothing */
int pym__reclaim_others(void);        /* the same of any heap */
void pym__reclaimable(struct pym_heap *h); /* h may hold such memory from now on */
void pym__not_reclaimable(struct pym_heap *h);
u32 pym__live(const struct pym_heap *h, unsigned d);
void pym__look(struct pym_heap *h, unsigned d, u32 less); /* count, note a new peak */
void pym__count_class(struct pym_heap *h, unsigned d, u32 s); /* so that charged is exact for it */
void pym__open(struct pym_heap *h); /* or close the fast path, as limits and hooks ask */

/* ---- limits.c: linked with the first limit ---- */
struct limits {
  /* How many of n pieces may be had; 0: none.  less: bytes that the same call will free. */
  u32 (*ask)(struct pym_heap *h, unsigned d, u32 bytes, u32 n, u32 less);
  void (*settle)(struct pym_heap *h); /* what is charged has changed */
};
extern const struct limits *pym__limits; /* NULL: no limit was ever set */
HOT u32 allowed(struct pym_heap *h, unsigned d, u32 bytes, u32 n, u32 less) {
  return LIKELY(!pym__limits) ? n : pym__limits->ask(h, d, bytes, n, less);
}

/* The block was counted. */
HOT void charge(struct pym_heap *h, unsigned d, u32 bytes, u32 less) {
  struct domain *dom = &h->domains[d];
  dom->charged += bytes;
  if (UNLIKELY(dom->charged > dom->look_at)) pym__look(h, d, less);
  if (UNLIKELY(pym__limits != NULL) && !less) pym__limits->settle(h);
}
HOT void discharge(struct pym_heap *h, unsigned d, u32 bytes) {
  h->domains[d].charged -= bytes;
  if (UNLIKELY(pym__limits != NULL)) pym__limits->settle(h);
}

/* ---- domain.c ---- */
struct hook {
  pym_allocator fn;
  int on;
};
extern struct hook pym__hooks[PYM_DOMAINS];
pym_allocator pym__base(unsigned d); /* the domain's own functions, below every hook */

/* ---- debug.c: linked with the debug hooks ---- */
struct debug {
  int (*made)(const void *p); /* 0: a block of ours just as it is, not one of theirs */
  u32 (*size)(const void *p); /* bytes asked for of a block they made, which is verified */
  int (*let_go)(void);        /* what is held back; 0: nothing was */
  int (*are_on)(unsigned d);  /* and nothing is over them in domain d */
};
extern const struct debug *pym__debug; /* NULL: never installed */

/* ---- trace.c: linked with the first trace ---- */
typedef void pym__say_fn(const void *o, const char *what, uint64_t v);
/* What it adds to a dump; NULL: nothing is traced. */
extern void (*pym__dump_more)(pym__say_fn *say_number, const void *o);

/* ---- allocators.c ---- */
int pym__allocators_use_nth(unsigned i); /* by place in the list of names; -1: there is none */
extern size_t (*pym__libc_size)(const void *p); /* not NULL: libc's malloc may serve domains */

/* ---- heap.c ---- */
void pym__heap_init(struct pym_heap *h);
struct pym_heap *pym__heap_block(void); /* a heap with nothing in it; or NULL */
void pym__drop_segment(struct pym_heap *h, u32 s); /* out of h's list: s holds nothing */

/* ---- report.c ---- */

/* What was found wrong with the heap. */
#define CAUSES(X)                                                                       \
  X(HEADER, "raw block header overwritten")                                             \
  X(LINKS, "list of free memory overwritten")                                           \
  X(FREE_MEMORY, "free raw memory overwritten")                                         \
  X(FREED_WRITTEN, "freed block written to")                                            \
  X(NOT_OURS, "not a block of this heap, or its header was overwritten")                \
  X(RAW_TWICE, "double free of a raw block")                                            \
  X(DOMAIN, "block belongs to another domain")                                          \
  X(POOL, "pool table overwritten, or block of another heap")                           \
  X(NOT_BLOCK, "pointer is not a block")                                                \
  X(TWICE, "double free")                                                               \
  X(TWICE_OR_WRITTEN, "double free, or freed block written to")                         \
  X(HEAP, "heap cannot be destroyed: not a heap, the default one, or destroyed before") \
  X(ROOT, "root structure overwritten")                                                 \
  X(SIZED, "wrong size given to a sized free")                                          \
  X(FREED_USED, "use of a freed block")
/* Found by the debug hooks, which bring the texts. */
#define DEBUG_CAUSES(X)                  \
  X(BAD_ID, "bad ID")                    \
  X(BAD_LEADING, "bad leading pad byte") \
  X(BAD_SIZE, "bad size field")          \
  X(BAD_TRAILING, "bad trailing pad byte")

#define CAUSE_NAME(name, text) CAUSE_##name,
enum cause { CAUSE_NONE, CAUSES(CAUSE_NAME) DEBUG_CAUSES(CAUSE_NAME) };

/* Write it down where readers find it, tell the host, trap. */
_Noreturn void pym__corrupt(enum cause cause, u32 o, unsigned d); /* d >= 3: no domain */

/* One allocation's report is one line, so the pieces are put together here. */
struct line {
  char text[160];
  unsigned n;
};
void pym__put(struct line *l, const char *text);
void pym__put_number(struct line *l, uint64_t v, unsigned width);
void pym__put_hex(struct line *l, u32 v);
void pym__say_fault(enum cause cause, u32 o,
                    unsigned d); /* the line on the host's standard error */

/* ---- host_*.c ---- */
int pym__host_random(u64 out[2]);                         /* 0: the host has no randomness */
void pym__host_write(const char *text, size_t n);         /* standard error, or nothing */
void pym__host_tell(enum cause cause, u32 o, unsigned d); /* of corruption; with pym__say_fault */
_Noreturn void pym__host_trap(void);

#if PYM_DEBUG >= 2
#define PYM_ASSERT(cond, cause, o)                    \
  do {                                                \
    if (UNLIKELY(!(cond))) pym__corrupt(cause, o, 3); \
  } while (0)
#else
#define PYM_ASSERT(cond, cause, o) ((void)0)
#endif

/* Copy and fill.  Small sizes go word by word: a wasm engine takes a call for memory.copy. */
#if defined(__clang__)
#define WORD_BY_WORD _Pragma("clang loop unroll(disable)")
#else
#define WORD_BY_WORD
#endif
HOT void copy_words(void *to, const void *from, u32 bytes) {
  uint64_t *t = to, *end = t + bytes / 8;
  const uint64_t *f = from;
  WORD_BY_WORD while (t < end) {
    *t++ = *f++;
    __asm__("" ::: "memory");
  }
}
HOT void zero_words(void *to, u32 bytes) {
  uint64_t *t = to, *end = t + bytes / 8;
  WORD_BY_WORD while (t < end) {
    *t++ = 0;
    __asm__("" ::: "memory");
  }
}

#endif
