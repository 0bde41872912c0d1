/* What the files of the core share.  The way of one allocation:
 *
 *   domain.c   pym_obj_malloc  ->  object.h  fast path: pop a block of the size class
 *                                  object.c  everything else: limits, hooks, large requests
 *                                  pool.c    refill a class from its pools; arenas
 *                                  raw.c     blocks above 512 bytes
 *                                  space.c   the page pool: who owns each wasm page
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
#define POOLS_PER_PAGE 16u
#define WINDOW_PAGES 4u /* an arena: 256 KiB, aligned */
#define PAGE_HEADER 40u /* struct page lies before the descriptors of its pools */
#define MAX_PAGES 65536u
_Static_assert(WINDOW_PAGES *PAGE_BYTES == PYM_ARENA_BYTES, "an arena is four pages");
_Static_assert(POOLS_PER_PAGE *POOL_BYTES == PAGE_BYTES, "a page is sixteen pools");
_Static_assert(CLASSES *PYM_ALIGNMENT == PYM_SMALL_MAX, "one class every 8 bytes");

/* Domain of what the library keeps for itself in raw blocks: heaps, records of hooked arenas.  It
 * has counters and no limits. */
#define INTERNAL 3u

#define LOWEST_OFFSET 16u

#define SPACE_MAGIC 0x43505350u
#define HEAP_MAGIC 0x50414548u
#define PAGE_MAGIC 0x45474150u

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#if defined(__OPTIMIZE_SIZE__) || !defined(__OPTIMIZE__)
#define HOT static inline __attribute__((unused))
#else
#define HOT static inline __attribute__((always_inline))
#endif
/* What runs once a page or less: as small as it can be, wherever it is called from. */
#if defined(__clang__)
#define COLD __attribute__((noinline, cold, minsize))
#define TIDY __attribute__((noinline, minsize)) /* not rare, but its own work is not what costs */
#else
#define COLD __attribute__((noinline, cold))
#define TIDY __attribute__((noinline))
#endif

/* Raw bins: exact ones for chunks of 16*u bytes, u < 64, then 8 to a doubling. */
#define RAW_EXACT 64u
#define RAW_BINS 240u
#define RAW_WORDS 8u
_Static_assert(RAW_EXACT + 22 * 8 == RAW_BINS, "chunks below 4 GiB");
_Static_assert(RAW_WORDS * 32 >= RAW_BINS, "one bit a bin");

struct space {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
  /* Not for readers: */
  u32 runs[17];   /* heads of the lists of free page runs, by log2 of their length */
  u32 heap_ids;   /* ids given out */
  u32 first_byte; /* nothing below it is ours, even in a page that is */
  _Alignas(8) u32 first_table[256]; /* the page table while memory is below 16 MiB */
};

struct pym_heap {
  /* What the fast path uses comes first, at offsets that pymalloc.h knows. */
  struct bin mem[CLASS_SLOTS];
  struct bin obj[CLASS_SLOTS];
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: INTERNAL */
  /* Not for readers: */
  u32 usable[CLASS_SLOTS]; /* ring of the class's usable pools: the first; its prev is the last */
  u32 closed;              /* a limit was passed: every call is slow, nothing is at hand */
  u32 unseen[PYM_DOMAINS + 1];     /* bytes that left the pools since the peak was looked at */
  u32 small_seen[PYM_DOMAINS + 1]; /* bytes of small blocks that lived then */
  u32 discount;                    /* bytes that the call under way will free: realloc that moves */
  u32 page_lists[POOLS_PER_PAGE + 1]; /* pages with k pools not in use, k = 1..16; [0] unused */
  u32 all_pages;                      /* every pool page */
  u32 descriptors;                    /* of pages, not in use: linked by next */
  u32 last_page;                      /* page number last taken for pools, 0: none */
  u32 segments;                       /* every raw segment */
  u32 top_segment;                    /* the one that was last extended, or 0 */
  u32 raw_map[RAW_WORDS];             /* bit b: raw_bins[b] is not empty */
  u32 raw_bins[RAW_BINS];
  pym_limit_fn *limit_fn;
  void *limit_ctx;
  u32 in_limit_fn;
};

/* The one space and the default heap, at static addresses. */
#if defined(__wasm__)
extern struct space pym__space;
#if PYM_DEBUG >= 1
/* Another name for the linker: callers that inlined the unchecked fast path do not link. */
#define pym__main pym__main_checked
#endif
extern struct pym_heap pym__main;
#else
/* Natively both lie in the simulated linear memory, as data segments do in wasm. */
#define pym__space (*(struct space *)at(LINMEM_DATA))
#define pym__main (*(struct pym_heap *)at(LINMEM_DATA + 4096))
_Static_assert(sizeof(struct space) <= 4096, "the heap lies behind the space");
_Static_assert(sizeof(struct pym_heap) <= LINMEM_DATA_BYTES - 4096, "room for the heap");
#endif

/* pymalloc.h inlines the fast path with these. */
_Static_assert(offsetof(struct pym_heap, mem) == PYM__MEM_BINS, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, obj) == PYM__OBJ_BINS, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, mem_mallocs) == PYM__MEM_MALLOCS, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, mem_frees) == PYM__MEM_FREES, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, obj_mallocs) == PYM__OBJ_MALLOCS, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, obj_frees) == PYM__OBJ_FREES, "pymalloc.h");
#if defined(__wasm__)
_Static_assert(offsetof(struct pym_heap, domains[PYM_MEM].gate) == PYM__MEM_GATE, "pymalloc.h");
_Static_assert(offsetof(struct pym_heap, domains[PYM_OBJ].gate) == PYM__OBJ_GATE, "pymalloc.h");
#endif
_Static_assert(offsetof(struct space, page_table) == PYM__PAGE_TABLE, "pymalloc.h");
_Static_assert(offsetof(struct pool, size) == PYM__POOL_SIZE, "pymalloc.h");

/* Entry of the page that o lies in; o of memory that the table covers. */
HOT u32 entry_at(u32 o) { return ((const u32 *)at(pym__space.page_table))[o >> 16]; }
HOT enum page_kind kind_of(u32 entry) {
  return entry < PAGE_POOL ? (enum page_kind)entry : PAGE_POOL;
}
#define GATE 15u /* entries above are offsets of descriptors */

/* Descriptor of the pool that o lies in, by the entry of its page. */
HOT struct pool *pool_in(u32 entry, u32 o) { return at(entry + ((o >> 7) & 0x1e0)); }
_Static_assert(POOL_BYTES >> 7 == sizeof(struct pool), "one descriptor a pool");
_Static_assert((PAGE_BYTES >> 7) - sizeof(struct pool) == 0x1e0, "sixteen of them");
HOT struct pool *pool_of(u32 o) { return pool_in(entry_at(o), o); }
HOT struct page *page_of_pool(const struct pool *pool) {
  return at(off(pool) - pool->index * (u32)sizeof(struct pool) - PAGE_HEADER);
}

/* Could `size` bytes of ours lie at o?  For links that a stray write may have changed. */
HOT int in_memory(u32 o, u32 size) {
  u32 last = o + (size - 1);
  return !(o & 7) && o >= LOWEST_OFFSET && last >= o && last >> 16 < pym__space.pages_memory;
}

/* ---- space.c ---- */
void pym__start(void);                    /* once, before anything else; later calls do nothing */
u32 pym__pages_find(u32 n, int thorough); /* n adjacent pages without growth: first one, or 0 */
u32 pym__pages_grow(struct pym_heap *h, unsigned d, u32 n, u32 bytes); /* n new ones, or 0 */
int pym__pages_at(struct pym_heap *h, unsigned d, u32 page, u32 n, u32 bytes, int grow);
void pym__pages_set(u32 page, u32 n, u32 entry);       /* what pages found or grown are now */
void pym__pages_give(u32 page, u32 n);                 /* back to the page pool */
int pym__cover(struct pym_heap *h, unsigned d, u32 n); /* the table reaches page n; 0: no memory */
enum page_kind pym__page_kind(u32 page); /* of a page number; foreign beyond the table */
void pym__event(struct pym_heap *h, enum event_kind kind, unsigned d, u32 bytes, u32 before);
void *pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind); /* event; NULL */

/* ---- raw.c ---- */
u32 pym__raw_size(u32 n);                                           /* usable size served for n */
void *pym__raw_take(struct pym_heap *h, unsigned d, u32 n);         /* not charged */
void *pym__raw_aligned_alloc(struct pym_heap *h, u32 align, u32 n); /* align > 16 */
void *pym__raw_realloc(struct pym_heap *h, unsigned d, void *p, u32 n);
void pym__raw_free(struct pym_heap *h, unsigned d, void *p);
u32 pym__raw_usable(const void *p);
unsigned pym__raw_domain(const void *p);
u32 pym__raw_reclaim(struct pym_heap *h, u32 n, int thorough); /* whole pages out of free chunks */
void pym__raw_add(struct pym_heap *h, u32 from, u32 to);       /* [from, to) becomes a segment */
void pym__raw_release_all(struct pym_heap *h);

/* ---- pool.c ---- */
u32 pym__pools_take(struct pym_heap *h, unsigned d, u32 s, u32 *n); /* list of up to *n, or 0 */
void pym__pools_give(struct pym_heap *h, u32 s, u32 list, u32 n);   /* n linked blocks of s bytes */
void pym__pools_release_all(struct pym_heap *h);
struct page *pym__descriptors_new(struct pym_heap *h); /* of one page; NULL: no memory */
void pym__descriptors_free(struct pym_heap *h, struct page *g);
void pym__page_add(struct pym_heap *h, u32 number, struct page *g, u32 hook);
void pym__page_remove(struct pym_heap *h, struct page *g, enum page_kind kind);
void pym__arena_opened(struct pym_heap *h);
struct page *pym__page_numbered(u32 n);
#define DESCRIPTORS (PAGE_HEADER + POOLS_PER_PAGE * (u32)sizeof(struct pool))

/* ---- arena_hook.c: linked only where an arena hook is set ---- */
struct arena_hook {
  int (*open)(struct pym_heap *h);               /* one more arena; 0: no memory */
  void (*page_used)(struct page *g, int in_use); /* its first pool is in use, or its last no more */
  pym_arena_allocator from;                      /* alloc is NULL: the page pool */
};
extern struct arena_hook pym__arena_hook;

/* ---- object.c ---- */
void *pym__malloc_slow(struct pym_heap *h, unsigned d, size_t n);
void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n); /* below the hooks */
void *pym__aligned_direct(struct pym_heap *h, size_t align, size_t n);
void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size);
void *pym__calloc_slow(struct pym_heap *h, unsigned d, size_t count, size_t size);
void *pym__realloc_slow(struct pym_heap *h, unsigned d, void *p, size_t n);
void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n);
void pym__free_slow(struct pym_heap *h, unsigned d, void *p);
void pym__free_direct(struct pym_heap *h, unsigned d, void *p);

/* ---- bins.c ---- */
u32 pym__refill(struct pym_heap *h, unsigned d, u32 s);            /* one block, charged; or 0 */
void pym__take_back(struct pym_heap *h, unsigned d, u32 s, u32 o); /* block o, to its pool */
void pym__flush(struct pym_heap *h);     /* all that is at hand: to the pools */
void pym__flush_all(void);               /* of every heap */
int pym__sweep(void);                    /* the same, if it may save a growth */
void pym__bins_open(struct pym_heap *h); /* or close, as limits and hooks ask */

/* ---- limits.c ---- */
u32 pym__room(const struct pym_heap *h, unsigned d); /* bytes until a limit must be looked at */
int pym__charge(struct pym_heap *h, unsigned d, u32 bytes); /* 1: granted and counted */
/* Set with the first limit, so that programs without limits do not link what they need. */
extern int (*pym__charge_at_limit)(struct pym_heap *h, unsigned d, u32 bytes);
void pym__charge_more(struct pym_heap *h, unsigned d, u32 bytes); /* granted before */
void pym__discharge(struct pym_heap *h, unsigned d, u32 bytes);
void pym__settle(struct pym_heap *h);           /* close the bins if a limit is passed */
void pym__look(struct pym_heap *h, unsigned d); /* note a new peak */
void pym__peak_small(struct pym_heap *h, unsigned d, u32 bytes); /* so many left the pools */
void pym__peak_raw(struct pym_heap *h, unsigned d);              /* a raw block is new or grew */
int pym__over_limit(const struct pym_heap *h); /* of any domain, or of the whole */
u32 pym__live(const struct pym_heap *h, unsigned d);

/* ---- domain.c ---- */
struct hook {
  pym_allocator fn;
  int on;
};
extern struct hook pym__hooks[PYM_DOMAINS];

/* ---- heap.c ---- */
void pym__heap_init(struct pym_heap *h);

/* ---- report.c ---- */
_Noreturn void pym__corrupt(const char *cause, u32 o, unsigned d); /* d >= 3: no domain */

/* One allocation's report is one line, so the pieces are put together here. */
struct line {
  char text[160];
  unsigned n;
};
void pym__put(struct line *l, const char *text);
void pym__put_number(struct line *l, uint64_t v, unsigned width);
void pym__put_hex(struct line *l, u32 v);

/* ---- host_*.c ---- */
void pym__host_write(const char *text, size_t n); /* standard error, or nothing */
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
HOT void copy_words(void *to, const void *from, u32 bytes) {
  uint64_t *t = to;
  const uint64_t *f = from;
  for (u32 i = 0; i < bytes / 8; i++) {
    t[i] = f[i];
    __asm__("" ::: "memory");
  }
}
HOT void zero_words(void *to, u32 bytes) {
  uint64_t *t = to;
  for (u32 i = 0; i < bytes / 8; i++) {
    t[i] = 0;
    __asm__("" ::: "memory");
  }
}

#endif
