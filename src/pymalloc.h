/* wasm-pymalloc: CPython's three allocator domains for WebAssembly.
 *
 *   raw     general buffers, served by the raw allocator (boundary tags)
 *   mem     buffers of the interpreter     } 1..512 bytes from pools of equal blocks,
 *   object  small short-lived objects      } larger ones from the raw allocator
 *
 * Contents: the domains · heaps · limits · hooks · inspection.
 *
 * Units are bytes unless a name says pages (64 KiB wasm pages), pools (4 KiB) or blocks.
 * Semantics follow the CPython C API, "Memory Management"; where they differ it is said.
 *
 * Thread rule: one thread at a time per program, for every function here.  In the archives for
 * threads, libpymalloc_threads*: the raw domain from any thread at any time, as is malloc with its
 * family; mem, object, the functions of one heap, statistics and hooks by one thread at a time, the
 * one that holds the interpreter's lock; pym_check, pym_walk and pym_dump while all others stand.
 *
 * Failure rule: out of memory is NULL, every invariant holds and a later call may succeed.  A bad
 * pointer that is noticed ends in one report on the host's standard error and a trap. */
#ifndef PYMALLOC_H
#define PYMALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PYM_VERSION "0.1.0"

/* Alignment of every pool block; raw blocks, and pool blocks of a size that is a multiple of 16,
 * are aligned to PYM_RAW_ALIGNMENT. */
#define PYM_ALIGNMENT 8
#define PYM_RAW_ALIGNMENT 16
/* Largest request that the object and mem domains serve from pools. */
#define PYM_SMALL_MAX 512
/* 1: linear memory has addresses of 64 bits (wasm64), as far as 16 GiB, the most that engines have.
 */
#if !defined(PYM__MEMORY64)
#if defined(__wasm64__)
#define PYM__MEMORY64 1
#else
#define PYM__MEMORY64 0
#endif
#endif
/* A number of bytes of this memory. */
#if PYM__MEMORY64
typedef uint64_t pym_size;
#else
typedef uint32_t pym_size;
#endif
/* Largest request of all: PY_SSIZE_T_MAX.  The native test build uses that of its memory. */
#define PYM_SIZE_MAX ((size_t)((pym_size) - 1 / 2))
/* Largest alignment: half of what a memory can be. */
#define PYM_ALIGN_MAX ((size_t)1 << (PYM__MEMORY64 ? 33 : 31))

enum pym_domain { PYM_RAW = 0, PYM_MEM = 1, PYM_OBJ = 2 };
#define PYM_DOMAINS 3
/* In the limit functions: the sum of the three domains of a heap. */
#define PYM_WHOLE_HEAP 3
/* In the limit callback: no limit, linear memory cannot grow. */
#define PYM_MEMORY 4
/* In the limit functions: the sum of all heaps; which heap is named does not matter. */
#define PYM_ALL_HEAPS 5

/* ---- The domains, on the default heap -----------------------------------------------------
 *
 * What holds for each of the twelve (X is raw, mem or obj):
 *
 *   malloc   n      0..PYM_SIZE_MAX; 0 is served as 1
 *            return block of usable size >= n, contents undefined; NULL if n > PYM_SIZE_MAX,
 *                   if a hard limit would be passed or if linear memory cannot grow
 *   calloc   as malloc(count * size) with the block zeroed; NULL too if the product overflows
 *   realloc  p      block of the same domain, or NULL (then this is malloc)
 *            n      as for malloc; 0 is served as 1, it does not free
 *            return the block, perhaps moved, its first min(old, n) bytes kept; NULL as for
 *                   malloc, and then p is untouched.  Making a block smaller never fails.
 *   free     p      block of the same domain, or NULL (nothing happens)
 *
 * Source: CPython C API, PyMem_RawMalloc, PyMem_Malloc, PyObject_Malloc and their families.
 * Interpreter lock held for mem and obj. */
void *pym_raw_malloc(size_t n);
void *pym_raw_calloc(size_t count, size_t size);
void *pym_raw_realloc(void *p, size_t n);
void pym_raw_free(void *p);

void *pym_mem_malloc(size_t n);
void *pym_mem_calloc(size_t count, size_t size);
void *pym_mem_realloc(void *p, size_t n);
void pym_mem_free(void *p);

void *pym_obj_malloc(size_t n);
void *pym_obj_calloc(size_t count, size_t size);
void *pym_obj_realloc(void *p, size_t n);
void pym_obj_free(void *p);

/* Free an object-domain block whose requested size the caller knows (C++ sized delete, Lua).
 *
 * n  the size last asked of malloc, calloc or realloc for p; another value is corruption (a debug
 *    build reports one that the block cannot have been asked for) */
void pym_obj_free_sized(void *p, size_t n);

/* Raw-domain block at an address that is a multiple of `align`; freed by pym_raw_free,
 * resized by pym_raw_realloc (which may then lose the alignment).
 *
 * align  power of two, 1..PYM_ALIGN_MAX; anything else returns NULL
 * n      as for malloc.  Source: C11 aligned_alloc, without its rule on multiples. */
void *pym_raw_aligned_alloc(size_t align, size_t n);

/* Bytes the caller may use at p, from the pointer alone; 0 for NULL.
 * p  live block of any domain and any heap of this library. */
size_t pym_usable_size(const void *p);

/* 1 if p lies in memory that this library hands blocks from, else 0.  Reads no memory at p:
 * any value may be passed. */
int pym_owns(const void *p);

/* ---- Heaps ------------------------------------------------------------------------------ */

/* One allocator instance: its memory, limits and counters. */
typedef struct pym_heap pym_heap;

/* The heap of the plain functions.  Never NULL; it cannot be destroyed. */
pym_heap *pym_heap_default(void);

/* New empty heap, or NULL (out of memory).  10 KiB, taken from the default heap. */
pym_heap *pym_heap_new(void);

/* Give all memory of h back to the default heap, live blocks and all, without a look at the blocks:
 * 8 bytes are written for every 4 KiB.  h and its blocks are then invalid.  NULL is nothing; the
 * default heap is an error. */
void pym_heap_destroy(pym_heap *h);

/* Give back what is cached for the next requests: free blocks of the lists that are allocated from
 * to their pools, cached raw blocks to free memory, so that pools and arenas that hold nothing else
 * are free for any use.  It happens by itself before linear memory grows; call it to see
 * arenas go back to a hook, or before looking at how full pools are. */
void pym_heap_trim(pym_heap *h);

/* The domain functions on a heap of the caller's choice: the contract above.
 * h  a live heap; d  PYM_RAW, PYM_MEM or PYM_OBJ.
 * A block goes back to the heap and the domain it came from.  Hooks do not apply here. */
void *pym_heap_malloc(pym_heap *h, enum pym_domain d, size_t n);
void *pym_heap_calloc(pym_heap *h, enum pym_domain d, size_t count, size_t size);
void *pym_heap_realloc(pym_heap *h, enum pym_domain d, void *p, size_t n);
void pym_heap_free(pym_heap *h, enum pym_domain d, void *p);
void pym_heap_free_sized(pym_heap *h, enum pym_domain d, void *p, size_t n);
void *pym_heap_aligned_alloc(pym_heap *h, size_t align, size_t n);

/* ---- Threads: only in the archives libpymalloc_threads* ------------------------------------- */

/* The calling thread will not allocate for a while, or ends: its heap, which malloc made, is for
 * the next thread that needs one.  With pthreads it happens by itself when a thread ends. */
void pym_thread_end(void);
/* Without pthreads: may the calling thread sleep while another one holds the lock?  1 in a worker;
 * 0, from the start, where memory.atomic.wait32 traps: then it spins. */
void pym_thread_may_wait(int may);

/* ---- Limits ----------------------------------------------------------------------------- */

/* No limit. */
#define PYM_UNLIMITED ((pym_size) - 1)

/* Set the limits of one domain (`which` = PYM_RAW..PYM_OBJ), of the sum (PYM_WHOLE_HEAP), or of all
 * heaps together (PYM_ALL_HEAPS): the callback is then that of the heap that is asked for a block.
 * Counted by usable size of live blocks, exactly, in every build.
 *
 * soft   an allocation that takes the sum from <= soft to above it calls the soft-limit callback
 *        first and is then served as usual; it may still meet the hard limit, counted with what
 *        the callback freed; PYM_UNLIMITED for none
 * hard   an allocation that would take the sum above it returns NULL, unless the callback frees
 *        enough; may be set below what is live: then nothing is granted until enough was freed;
 * PYM_UNLIMITED for none return 0, or -1 if `which` is out of range */
int pym_limit_set(pym_heap *h, unsigned which, pym_size soft, pym_size hard);

/* Read them back; either pointer may be NULL.  0, or -1 if `which` is out of range. */
int pym_limit_get(const pym_heap *h, unsigned which, pym_size *soft, pym_size *hard);

/* Called at a soft limit, and before a request fails: because of a hard limit, or because linear
 * memory cannot grow.  What it frees, a cache for example, may serve the request: that is tried
 * once more after it, then it is NULL; a soft limit that the request crosses is told again then.
 * It may free any block but the one being resized; it may
 * allocate (it is not called from within itself).
 *
 * which  as above; PYM_MEMORY: memory cannot grow
 * live   of that domain or heap, with the block being asked for: above the hard limit if that is in
 *        the way */
typedef void pym_limit_fn(void *ctx, pym_heap *h, unsigned which, pym_size live);
void pym_limit_callback(pym_heap *h, pym_limit_fn *fn, void *ctx);

/* ---- Hooks on the default heap ------------------------------------------------------------ */

/* One domain's allocator.  Source: CPython C API, PyMemAllocatorEx. */
typedef struct {
  void *ctx;
  void *(*malloc)(void *ctx, size_t n);
  void *(*calloc)(void *ctx, size_t count, size_t size);
  void *(*realloc)(void *ctx, void *p, size_t n);
  void (*free)(void *ctx, void *p);
} pym_allocator;

/* What serves domain d now.  The functions returned stay callable after another set: a hook calls
 * them to reach what was below it. */
void pym_allocator_get(enum pym_domain d, pym_allocator *out);

/* Let *a serve domain d from now on; blocks that live already will be passed to a->realloc and
 * a->free.  Sizes arrive checked (<= PYM_SIZE_MAX); 0 arrives as it is and must give a distinct
 * block.  free(NULL) reaches the hook.  Setting all that pym_allocator_get returned first takes
 * every hook off: a call is direct again.  Requests above 512 bytes of the mem and object domains
 * do not ask the raw domain's hook, as CPython's pymalloc does: here such a block is of the domain
 * that asked, so that limits and statistics by domain are true.  Source: PyMem_SetAllocator. */
void pym_allocator_set(enum pym_domain d, const pym_allocator *a);

/* Put CPython's debug hooks over what serves the three domains now; a domain that has them on top
 * already is left as it is.  Taken off by setting what was below again.
 *
 * Each block then has marks before and behind it: new memory is 0xCD, freed memory 0xDD, and every
 * free, realloc and pym_usable_size looks at the marks.  What is wrong ends in a report in
 * CPython's words on the host's standard error, and a trap: written before or behind the block,
 * another domain's block, a block freed twice, used or written to after it was freed.  Data keeps
 * the alignment it has below, pym_usable_size is the size asked for, a block takes 20 to 35 bytes
 * more.
 *
 * Blocks that the hooks did not make are served as they were: those that live already, aligned
 * ones, those of other heaps.  The pym_heap_* functions go past hooks, so for them a block of these
 * is none.  The last 64 freed blocks of 1 KiB and less are held back, so that a write to one is
 * noticed: they count as live until pym_heap_trim, or until memory is short; none is held back once
 * a limit was set.
 * return 0, or -1: there are 16 layers already, each over another allocator
 * Source: CPython C API, PyMem_SetupDebugHooks.  No lock is held, so none is checked. */
int pym_debug_hooks(void);

/* Choose what serves the three domains, by the names that the environment variable PYTHONMALLOC
 * knows.  To be called before there are other hooks: it takes them off.
 *
 * name   "default", "pymalloc"          this library, as without the call
 *        "malloc"                       libc's malloc if the program links one that is not this
 *                                       library, else raw memory; for all domains, no pools
 *        "debug", "pymalloc_debug",
 *        "malloc_debug"                 the same with pym_debug_hooks over it
 * return 0; -1: there is no such name, and nothing was changed
 * With pymalloc::pythonmalloc the variable is read before the program starts; where there is no
 * environment a host calls the export pym_pythonmalloc(i), i the place in the list default, malloc,
 * pymalloc, debug, malloc_debug, pymalloc_debug.  Source: CPython command line, PYTHONMALLOC. */
int pym_allocators_use(const char *name);

/* Where arenas come from.  Source: CPython C API, PyObjectArenaAllocator. */
typedef struct {
  void *ctx;
  void *(*alloc)(void *ctx, size_t size); /* size is PYM_ARENA_BYTES; NULL: no memory */
  void (*free)(void *ctx, void *p, size_t size);
} pym_arena_allocator;
#define PYM_ARENA_BYTES ((size_t)262144)

/* Pools of the default heap that exist already stay where they are; arenas go back to the allocator
 * that gave them, when nothing is left in them.  One holds 63 pools of 4 KiB, or 62 if it begins
 * just below a multiple of 4096. */
void pym_arena_allocator_get(pym_arena_allocator *out);
void pym_arena_allocator_set(const pym_arena_allocator *a);

/* ---- Inspection --------------------------------------------------------------------------- */

/* Counters of one domain of one heap.  All are exact but the peak: the fast path does not add up
 * what lives, so the peak is the most that was seen when it was looked at: when the bytes that left
 * the pools or live above 512 bytes are 4 KiB more than ever before, and here.  It is never above
 * the true peak. */
typedef struct {
  uint64_t live_blocks, live_bytes;   /* now; bytes are usable sizes */
  uint64_t peak_bytes;                /* high-water mark of live_bytes, as seen */
  uint64_t total_blocks, total_bytes; /* ever handed out; a realloc in place counts no block, and
                                         its growth as bytes */
  uint64_t failures;                  /* calls that returned NULL */
} pym_domain_stats;
void pym_domain_stats_get(const pym_heap *h, enum pym_domain d, pym_domain_stats *out);

/* Counters of one size class (mem and object together). */
typedef struct {
  uint32_t block_size;                /* 8, 16, .. 512 */
  uint64_t live_blocks, total_blocks; /* exact */
  uint64_t free_blocks;               /* in pools, and in the lists */
  uint32_t pools, peak_pools;         /* 4 KiB pools that the class holds */
} pym_class_stats;
/* index 0..63: block size 8 * (index + 1) */
void pym_class_stats_get(const pym_heap *h, unsigned index, pym_class_stats *out);

/* Pages of the program: all heaps together.  Counted when asked, by a walk. */
typedef struct {
  uint32_t memory;               /* size of linear memory */
  uint32_t owned;                /* with something of this library's: free + pool + raw */
  uint32_t pool;                 /* with a pool in it */
  uint32_t free;                 /* with nothing in it */
  uint32_t raw;                  /* the rest */
  uint32_t arenas;               /* 256 KiB windows, aligned, with a pool in them */
  uint64_t grows, grow_failures; /* memory.grow calls that gave memory; that did not */
} pym_page_stats;
void pym_page_stats_get(pym_page_stats *out);

/* What pym_walk meets, in address order within a segment. */
enum pym_what {
  PYM_WALK_SEGMENT,    /* a piece of linear memory: size = its bytes */
  PYM_WALK_POOL,       /* 4 KiB of equal blocks: size = block size, count = live blocks */
  PYM_WALK_BLOCK,      /* live pool block: size = usable size */
  PYM_WALK_CHUNK,      /* live raw block: p = what the caller holds, size = usable size */
  PYM_WALK_FREE_CHUNK, /* free raw memory: size = bytes with header */
};
/* Return nonzero to stop.  domain is meaningful for PYM_WALK_CHUNK only: pool blocks do not
 * record theirs. */
typedef int pym_walk_fn(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                        enum pym_domain domain);
/* Visit every segment, pool, live block and chunk of h.  The callback must not
 * allocate from h.  Returns what stopped it, or 0. */
int pym_walk(pym_heap *h, pym_walk_fn *fn, void *ctx);

/* Verify every invariant of h and of the pool table, and every counter against a recount.
 * Bounded and safe on a corrupted heap: it reads nothing outside linear memory and ends.
 * return 0 if sound; otherwise pym_check_message() says what was found first. */
int pym_check(pym_heap *h);
const char *pym_check_message(void);

/* Print a report in the manner of sys._debugmallocstats(), in pieces of text. */
typedef void pym_write_fn(void *ctx, const char *text, size_t n);
void pym_dump(pym_heap *h, pym_write_fn *write, void *ctx);
/* The same on the host's standard error; nothing where the host has none. */
void pym_dump_stderr(pym_heap *h);

/* ---- Profile ------------------------------------------------------------------------------ */

/* Who holds the memory: samples of what is allocated, one in so many bytes, and when each of the
 * sampled blocks is freed.  All heaps and domains; a realloc that changes a block's size or place
 * is a free and a malloc, one that keeps a small block where it is neither.  While no profile is on
 * it costs nothing on the fast path; then it costs what the samples do. */
enum pym_profile_what { PYM_PROFILE_ALLOC = 1, PYM_PROFILE_FREE = 2, PYM_PROFILE_UNSEEN = 3 };
typedef struct {
  enum pym_profile_what what;
  enum pym_domain domain;
  pym_heap *heap;
  void *p;
  size_t size; /* usable bytes, as a block has that is no sample.  It is one with the probability
                  1 - e^(-size / every), so it stands for 1 / that blocks of this size */
  uint32_t
      count; /* times that; above 1 where a limit was in the way of samples that were due.  What
                is left of such when the profile stops is PYM_PROFILE_UNSEEN, without a block */
} pym_profile_event;
/* Called in the midst of a malloc, realloc or free: it must not call the library. */
typedef void pym_profile_fn(void *ctx, const pym_profile_event *event);

#define PYM_PROFILE_EVERY 524288u
/* every   mean number of bytes between two samples; 0: PYM_PROFILE_EVERY
 * seed    of the random numbers; 0: another one each time
 * return  0, or -1: a profile is on already */
int pym_profile_start(uint32_t every, uint64_t seed, pym_profile_fn *fn, void *ctx);
void pym_profile_stop(void); /* nothing if none is on; the blocks live on */

/* ---- Memory of others --------------------------------------------------------------------- */

/* Blocks that somebody else handed out (a foreign malloc, a GPU, a host) and that are to show in
 * the report.  `domain` is any number of the caller's; a block is a domain and an address, which is
 * never read.  A note takes 16 bytes; the table of them is at most 4/3 to 8/3 as long, and doubles.
 * Source: CPython C API, PyTraceMalloc_Track; tracemalloc.start, stop.  Interpreter lock held. */
int pym_trace_start(void); /* 0, also if it was started; -1: no memory */
void pym_trace_stop(void); /* forgets all of them */
/* p has n bytes now.  0; -1: no memory to note it, nothing has changed; -2: not started */
int pym_trace(unsigned domain, uintptr_t p, size_t n);
/* p is gone, or was never noted.  0; -2: not started */
int pym_untrace(unsigned domain, uintptr_t p);
typedef struct {
  uint64_t blocks, bytes; /* of the domain */
  uint64_t peak_bytes;    /* high-water mark since the start; PYM_TRACE_ALL only, else 0 */
} pym_trace_stats;
#define PYM_TRACE_ALL (~0u)
int pym_trace_stats_get(unsigned domain, pym_trace_stats *out); /* 0; -2: not started, all zero */

/* Entry for readers outside the module: address of the root structure that the custom section
 * `pymalloc` describes (src/core/layout.h).  Exported from every wasm module that links the
 * library. */
const void *pym_root(void);

/* ---- The fast path, inlined ---------------------------------------------------------------
 *
 * In wasm that is not compiled for size, direct calls of malloc and free in the mem and object
 * domains do the common case at the place of the call: a call costs more than the work itself in
 * some engines.  Everything else, and every call through a pointer, is the function's.  Define
 * PYM_NO_INLINE to have calls only.  It does not link against a hardened or debug library, whose
 * checks it would pass by: compile with the same PYM_DEBUG as the library. */

/* What the fast path leaves, in domain d. */
void *pym__malloc_slow(unsigned d, size_t n);
void pym__free_slow(unsigned d, void *p);
void pym__free_large(unsigned d, void *p); /* p is not in a pool */

/* Of the pool of p, which was freed: it was full, or it is empty now. */
void pym__pool_spent(unsigned d, void *p);

#if defined(__wasm__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) && \
    !defined(PYM_NO_INLINE) && (!defined(PYM_DEBUG) || PYM_DEBUG == 0)
#include "fast.h"

PYM__FAST void *pym__malloc(unsigned d, size_t n) {
  void *p = NULL;
  if (!PYM__RARE(n - 1 >= PYM_SMALL_MAX)) p = pym__pop(&pym__main_hot, d, ((uint32_t)n + 7) & ~7u);
  return PYM__RARE(!p) ? pym__malloc_slow(d, n) : p;
}
PYM__FAST void pym__free(unsigned d, void *p) {
  pym__addr offset = (pym__addr)(uintptr_t)p;
  struct pym__pool *pool = pym__pool_at(offset);
  if (PYM__RARE(!pool)) pym__free_large(d, p);
  else if (PYM__RARE((*(pym__word *)p ^ pym__key) <= pym__main_hot.closed[d - PYM_MEM]))
    pym__free_slow(d, p);
  else if (PYM__RARE(!pym__push(&pym__main_hot, d, pool, p, offset))) pym__pool_spent(d, p);
}
#define pym_mem_malloc(n) pym__malloc(PYM_MEM, n)
#define pym_mem_free(p) pym__free(PYM_MEM, p)
#define pym_obj_malloc(n) pym__malloc(PYM_OBJ, n)
#define pym_obj_free(p) pym__free(PYM_OBJ, p)
#endif

#ifdef __cplusplus
}
#endif
#endif
