/* What the files of the core share.  The way of one allocation:
 *
 *   domain.c   pym_obj_malloc  ->  object.h  fast path: pop a block of the size class
 *                                  object.c  everything else: limits, hooks, large requests
 *                                  bins.c    refill a class from its pools
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
#define POOL_HEADER 32u
#define POOL_ROOM (POOL_BYTES - POOL_HEADER - 8) /* less the header of the chunk behind */
#define MAX_PAGES 65536u
_Static_assert(POOL_BYTES == 1u << POOL_SHIFT, "a shift");
_Static_assert(CLASSES *PYM_ALIGNMENT == PYM_SMALL_MAX, "one class every 8 bytes");

/* Domain of what the library keeps for itself in raw blocks: heaps, segments of other heaps, the
 * map of pools.  It has counters and no limits. */
#define INTERNAL 3u

#define SPACE_MAGIC 0x43505350u
#define HEAP_MAGIC 0x50414548u
#define POOL_KEY 0x4c4f4f50u

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

/* Raw bins: exact ones for chunks of 16*u bytes, u < 64, then 8 to a doubling. */
#define RAW_EXACT 64u
#define RAW_BINS 240u
#define RAW_WORDS 8u
_Static_assert(RAW_EXACT + 22 * 8 == RAW_BINS, "chunks below 4 GiB");
#define RAW_HAND_BINS 88u
#define HAND_LISTS 4u /* that a request looks at, from that of its size on */
_Static_assert(RAW_EXACT + 3 * 8 == RAW_HAND_BINS, "chunks below 8192 bytes");
_Static_assert(RAW_WORDS * 32 > RAW_BINS, "one bit a bin, and one behind the last");

/* A ring of pools or of free chunks: its head lies in the heap, its links in what it holds. */
struct link {
  u32 next, prev; /* offsets of links */
};

/* The map of pools before it needs a block: memory up to 4 MiB. */
#define FIRST_UNITS 1024u

struct space {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
  /* Not for readers: */
  u32 heap_ids; /* ids given out */
  u32 swept_at; /* mallocs of small blocks until the last sweep */
  u8 first_map[FIRST_UNITS];
};

struct pym_heap {
  /* What the fast path uses comes first, at offsets that pymalloc.h knows. */
  struct bin mem[CLASS_SLOTS];
  struct bin obj[CLASS_SLOTS];
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: INTERNAL */
  /* Not for readers: */
  struct link rings[CLASS_SLOTS + RAW_BINS]; /* usable pools by class; free chunks by bin */
  u32 raw_map[RAW_WORDS];                    /* bit b: bin b holds something */
  /* Chunks at hand: the one freed last; behind the last list some that stay empty. */
  u32 raw_hands[RAW_HAND_BINS + HAND_LISTS - 1];
  u32 top_end;  /* where the segment ends that may grow; 0: none */
  u32 discount; /* bytes that the call under way will free: realloc that moves */
  u32 closed;   /* a limit was passed: every call is slow, nothing is at hand */
  u32 in_limit_fn;
  pym_limit_fn *limit_fn;
  void *limit_ctx;
  /* Where segments come from and go to; NULL in the default heap, whose are linear memory. */
  int (*more)(struct pym_heap *h, u32 bytes); /* one that has so many; 0: refused */
  void (*less)(struct pym_heap *h, u32 c);    /* free chunk c ends a segment */
};

/* A heap's raw block: no shorter, see is_at_hand in raw.h. */
#define HEAP_BYTES 8192u
_Static_assert(sizeof(struct pym_heap) <= HEAP_BYTES, "room for a heap");

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
_Static_assert(offsetof(struct space, pool_map) == PYM__POOL_MAP, "pymalloc.h");

/* Class of the pool that o lies in; 0: in none, or not in the first `units` 4 KiB of memory. */
HOT u32 class_in(u32 units, u32 o) {
  u32 unit = o >> POOL_SHIFT;
  return LIKELY(unit < units) ? ((const u8 *)at(pym__space.pool_map))[unit] : 0;
}
HOT u32 class_of(u32 o) { return class_in(pym__space.pool_map_len, o); }
HOT struct pool *pool_of(u32 o) { return at(o & ~(POOL_BYTES - 1)); }

/* Could two words of ours lie at o?  For links that a stray write may have changed.  An address
 * that is no multiple of 8 turns into one above all memory, and so does 0. */
HOT int in_memory(u32 o) { return (o >> 3 | o << 29) - 1 < (pym__space.pages_memory << 13) - 1; }

HOT struct link *link_at(u32 o) { return at(o); }
HOT u32 ring_of_pools(const struct pym_heap *h, u32 s) { return off(&h->rings[s / PYM_ALIGNMENT]); }
HOT u32 ring_of_bin(const struct pym_heap *h, u32 b) { return off(&h->rings[CLASS_SLOTS + b]); }
/* First, or last, in the ring: nothing is believed but its head. */
HOT void link_first(u32 ring, u32 o) {
  u32 next = link_at(ring)->next;
  *link_at(o) = (struct link){next, ring};
  link_at(next)->prev = link_at(ring)->next = o;
}
HOT void link_last(u32 ring, u32 o) {
  u32 prev = link_at(ring)->prev;
  *link_at(o) = (struct link){ring, prev};
  link_at(prev)->next = link_at(ring)->prev = o;
}

/* ---- space.c ---- */
void pym__start(void); /* once, before anything else; later calls do nothing */
int pym__more(struct pym_heap *h, unsigned d, u32 bytes); /* a try to find so many; 0: no memory */
int pym__cover(u32 unit); /* the map of pools covers it; 0: no memory */
void pym__event(struct pym_heap *h, enum event_kind kind, unsigned d, u32 bytes, u32 before);
void *pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind); /* event; NULL */

/* ---- raw.c ---- */
u32 pym__raw_size(u32 n); /* usable size served for n */
void *pym__raw_new(struct pym_heap *h, unsigned d, u32 n,
                   u32 align);                                       /* counted; limits not asked */
int pym__raw_resize(struct pym_heap *h, unsigned d, void *p, u32 n); /* in place; 0: it cannot */
void pym__raw_free(struct pym_heap *h, unsigned d, void *p);
u32 pym__raw_block(const struct pym_heap *h, unsigned d, const void *p); /* usable; verified */
u32 pym__raw_usable(const void *p);
unsigned pym__raw_domain(const void *p);
void pym__raw_add(struct pym_heap *h, u32 from, u32 to); /* [from, to) is h's now */
u32 pym__chunk_take(struct pym_heap *h, unsigned d, u32 size, u32 align, u32 flags);
void pym__chunk_release(struct pym_heap *h, u32 c); /* a chunk in use becomes free memory */
int pym__raw_flush(struct pym_heap *h); /* chunks at hand become free memory; 0: there was none */
u32 pym__raw_tail(const struct pym_heap *h); /* bytes free where the newest segment ends */
void pym__unbin(struct pym_heap *h, u32 c, u32 size);
void pym__unlink(u32 o); /* out of its ring, verified */

/* ---- pool.c ---- */
u32 pym__pools_take(struct pym_heap *h, unsigned d, u32 s, u32 *n); /* list of up to *n, or 0 */
void pym__pools_give(struct pym_heap *h, u32 s, u32 list, u32 n);   /* n linked blocks of s bytes */
int pym__has_usable(const struct pym_heap *h, u32 s);               /* a pool of the class */
/* Where pools of the default heap lie that are in arenas from a hook; linked with the hook.  New
 * ones come out of it while it has a function `more`. */
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
/* pym__malloc_slow, pym__free_slow: the default heap's, hooks asked; see pymalloc.h */
void *pym__calloc_slow(unsigned d, size_t count, size_t size);
void *pym__realloc_slow(unsigned d, void *p, size_t n);
void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n); /* below the hooks */
void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size);
void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n);
void pym__free_direct(struct pym_heap *h, unsigned d, void *p);
void *pym__failed(struct pym_heap *h, unsigned d); /* NULL, counted */

/* ---- bins.c ---- */
u32 pym__refill(struct pym_heap *h, unsigned d, u32 s); /* one block, charged; or 0 */
u32 pym__borrow(struct pym_heap *h, unsigned d, u32 s); /* one of a larger class, as refill */
void pym__take_back(struct pym_heap *h, unsigned d, u32 s, u32 o); /* block o, to its pool */
int pym__flush(struct pym_heap *h); /* all that is at hand: to the pools; 0: there was nothing */
int pym__flush_all(void);           /* of every heap */
int pym__sweep(u32 wanted);         /* the same, if it may save a growth */
u32 pym__live(const struct pym_heap *h, unsigned d);
void pym__look(struct pym_heap *h, unsigned d); /* note a new peak */
void pym__charge(struct pym_heap *h, unsigned d,
                 u32 bytes);        /* charge, below, where it is not hot */
void pym__open(struct pym_heap *h); /* or close the fast path, as limits and hooks ask */

/* ---- limits.c: linked with the first limit ---- */
struct limits {
  u32 (*ask)(struct pym_heap *h, unsigned d, u32 bytes, u32 n); /* how many of n pieces; 0: none */
  void (*settle)(struct pym_heap *h);                           /* what is charged has changed */
};
extern const struct limits *pym__limits; /* NULL: no limit was ever set */

/* The block was counted, here or in the lists at hand. */
HOT void charge(struct pym_heap *h, unsigned d, u32 bytes) {
  struct domain *dom = &h->domains[d];
  dom->charged += bytes;
  if (UNLIKELY(dom->charged > dom->look_at)) pym__look(h, d);
  if (UNLIKELY(pym__limits != NULL)) pym__limits->settle(h);
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
struct pym_heap *pym__heap_block(void); /* a heap with nothing in it but its rings; or NULL */
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
  X(POOL, "pool's header overwritten, or block of another heap")                        \
  X(NOT_BLOCK, "pointer is not a block")                                                \
  X(TWICE, "double free")                                                               \
  X(TWICE_OR_WRITTEN, "double free, or freed block written to")                         \
  X(HEAP, "heap cannot be destroyed: not a heap, the default one, or destroyed before") \
  X(ROOT, "root structure overwritten")                                                 \
  X(SIZED, "wrong size given to a sized free")
/* Found by the debug hooks, which bring the texts. */
#define DEBUG_CAUSES(X)                  \
  X(FREED_USED, "use of a freed block")  \
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
