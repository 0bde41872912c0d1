/* The mem and object domains of a running Pyodide: what its side module has beside the core.
 *
 * CPython calls these functions through PyMemAllocatorEx.  Blocks from before belong to the
 * allocator that was there, so a free and a realloc first find out whose the block is:
 *
 *   the pool table has an entry   ours, a small block: the fast path, which looks it up anyway
 *   unit of 4 KiB is ours         ours, a raw block
 *   neither                       the previous allocator's; nothing at the address was read */
#include "core/account.h"
#include "core/object.h"
#include "core/reclaim.h"
#include "core/space.h"
#include "inspect/report.h"
#include "ports/host.h"
#include "ports/linmem_pyodide.h"
#include "ports/profile_host.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* What served the domains before.  pym_allocator has the layout of PyMemAllocatorEx. */
static pym_allocator previous[PYM_DOMAINS];
_Static_assert(sizeof(pym_allocator) == 20, "as module.js writes it");

/* New blocks are the previous allocator's; ours are served until the last is freed. */
static int detached;

static int is_ours(const void *block) {
  return class_of(off(block)) || pym__unit_is_ours(off(block));
}

/* A block of each domain that is set aside for what follows a refusal: Python makes an exception
 * and its traceback, Pyodide an error in JavaScript of them, and dies if it cannot.  They count as
 * live, so limits stay exact.  Both are freed when a request is refused, and set aside again once
 * there is room. */
#define RESERVE (128u << 10)
#define REFILL_CALLS 256u /* slow calls between two attempts */
static void *reserve[PYM_DOMAINS];
static unsigned calls_to_refill;

static void reserve_take(void) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    if (!reserve[domain]) reserve[domain] = pym__malloc_direct(&pym__main, domain, RESERVE);
  calls_to_refill = REFILL_CALLS;
}

static void reserve_release(void) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) {
    if (reserve[domain]) pym__free_direct(&pym__main, domain, reserve[domain]);
    reserve[domain] = NULL;
  }
  calls_to_refill = REFILL_CALLS;
}

/* Are there `bytes` below the soft and the hard limit?  Nobody is told if not. */
static int has_room(unsigned which, u32 live, u32 bytes) {
  u32 soft, hard;
  pym_limit_get(&pym__main, which, &soft, &hard);
  const u32 limit = soft < hard ? soft : hard;
  return limit == PYM_UNLIMITED || (live < limit && limit - live >= bytes);
}

static COLD void reserve_refill(void) {
  if (calls_to_refill && --calls_to_refill) return;
  u32 sum = pym__live_bytes(&pym__main, PYM_RAW), room = 1;
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) {
    const u32 live = pym__live_bytes(&pym__main, domain);
    room &= (u32)has_room(domain, live, 2 * RESERVE);
    sum += live;
  }
  if (room && has_room(PYM_WHOLE_HEAP, sum, 4 * RESERVE)) reserve_take();
  calls_to_refill = REFILL_CALLS;
}

/* What a slow call returns. */
static void *settled(void *block) {
  if (UNLIKELY(!block)) reserve_release();
  else if (UNLIKELY(!reserve[PYM_MEM] || !reserve[PYM_OBJ])) reserve_refill();
  return block;
}

static COLD void *malloc_slow(unsigned domain, size_t bytes) {
  if (UNLIKELY(detached)) return previous[domain].malloc(previous[domain].ctx, bytes);
  return settled(pym__malloc_direct(&pym__main, domain, bytes));
}

static COLD void *calloc_slow(unsigned domain, size_t count, size_t size) {
  if (UNLIKELY(detached)) return previous[domain].calloc(previous[domain].ctx, count, size);
  return settled(pym__calloc_direct(&pym__main, domain, count, size));
}

static COLD void *realloc_slow(unsigned domain, void *block, size_t bytes) {
  if (!block) return malloc_slow(domain, bytes);
  if (!is_ours(block)) return previous[domain].realloc(previous[domain].ctx, block, bytes);
  void *resized = pym__realloc_direct(&pym__main, domain, block, bytes);
  return detached ? resized : settled(resized);
}

static COLD void free_slow(unsigned domain, void *block) {
  if (!block) return;
  if (is_ours(block)) pym__free_direct(&pym__main, domain, block);
  else previous[domain].free(previous[domain].ctx, block);
}

#define DOMAIN_FUNCTIONS(name, d)                                       \
  static void *name##_malloc(void *ctx, size_t bytes) {                 \
    (void)ctx;                                                          \
    void *block = try_malloc(&pym__main, d, bytes);                     \
    return LIKELY(block != NULL) ? block : malloc_slow(d, bytes);       \
  }                                                                     \
  static void *name##_calloc(void *ctx, size_t count, size_t size) {    \
    (void)ctx;                                                          \
    void *block = try_calloc(&pym__main, d, count, size);               \
    return LIKELY(block != NULL) ? block : calloc_slow(d, count, size); \
  }                                                                     \
  static void *name##_realloc(void *ctx, void *block, size_t bytes) {   \
    (void)ctx;                                                          \
    void *q = try_realloc(&pym__main, d, block, bytes);                 \
    return LIKELY(q != NULL) ? q : realloc_slow(d, block, bytes);       \
  }                                                                     \
  static void name##_free(void *ctx, void *block) {                     \
    (void)ctx;                                                          \
    if (UNLIKELY(!try_free(&pym__main, d, block))) free_slow(d, block); \
  }
DOMAIN_FUNCTIONS(mem, PYM_MEM)
DOMAIN_FUNCTIONS(obj, PYM_OBJ)

/* Take down what serves mem and obj now, and write what is to serve them in its place. */
EXPORT(pym_pyodide_attach) void pym_pyodide_attach(pym_allocator *mem, pym_allocator *obj) {
  pym__start();
  previous[PYM_MEM] = *mem;
  previous[PYM_OBJ] = *obj;
  *mem = (pym_allocator){NULL, mem_malloc, mem_calloc, mem_realloc, mem_free};
  *obj = (pym_allocator){NULL, obj_malloc, obj_calloc, obj_realloc, obj_free};
  reserve_take();
}

/* No block is cached any more, frees take the slow way and no limit is left; or all is as after
 * attach. */
EXPORT(pym_pyodide_detach) void pym_pyodide_detach(int off) {
  detached = off;
  if (off) {
    pym_profile_stop();
    reserve_release();
  }
  for (unsigned domain = 0; domain <= PYM_WHOLE_HEAP; domain++)
    pym_limit_set(&pym__main, domain, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_limit_set(&pym__main, PYM_ALL_HEAPS, PYM_UNLIMITED, PYM_UNLIMITED);
  pym__limits = NULL;
  pym__lists_return(&pym__main);
  pym__main.over_limit = off != 0; /* the lists stay empty: malloc finds nothing in them */
  pym__open(&pym__main);
  if (!off) reserve_take();
}

void pym__host_write(const char *text, size_t bytes) { pym_host_write(text, bytes); }
int pym__profile_tell(const struct profile_message *m) {
  return pym_host_profile(m->what, m->size, m->block, m->heap);
}
int pym__host_random(u64 out[2]) { return pym_host_random(out, 2 * sizeof *out); }
void pym__host_tell(enum cause cause, u32 offset, unsigned domain) {
  pym__say_fault(cause, offset, domain);
}
void pym__host_trap(void) { __builtin_trap(); }

/* ---- What pymalloc.snapshot() tells Python ---- */

struct item {
  u32 address, size;
  u16 count;
  u8 what, domain;
};
_Static_assert(sizeof(struct item) == 12, "as python.js reads it");

struct items {
  u32 n, room;
  struct item at[];
};

static int note(void *ctx, enum pym_what what, void *block, size_t size, unsigned count,
                enum pym_domain domain) {
  struct items *all = ctx;
  if (what == PYM_WALK_BLOCK) return 0;
  if (all->n < all->room)
    all->at[all->n] = (struct item){off(block), (u32)size, (u16)count, (u8)what, (u8)domain};
  all->n++;
  return 0;
}

/* Everything but small blocks, in a block for pym_pyodide_forget; NULL: no memory.  The block
 * changes the heap a little, hence the room to spare. */
EXPORT(pym_pyodide_items) const struct items *pym_pyodide_items(void) {
  struct items none = {0, 0}, *all = &none;
  do {
    pym_walk(&pym__main, note, all);
    if (all != &none && all->n <= all->room) break;
    u32 room = all->n + 16;
    if (all != &none) pym__free_direct(&pym__main, PYM_MEM, all);
    all = pym__malloc_direct(&pym__main, PYM_MEM, sizeof *all + room * sizeof all->at[0]);
    if (all) *all = (struct items){0, room};
  } while (all);
  return all;
}

EXPORT(pym_pyodide_forget) void pym_pyodide_forget(void *items) {
  pym__free_direct(&pym__main, PYM_MEM, items);
}
