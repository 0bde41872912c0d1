/* The mem and object domains of a running Pyodide: what its side module has beside the core.
 *
 * CPython calls these functions through PyMemAllocatorEx.  Blocks from before belong to the
 * allocator that was there, so a free and a realloc first find out whose the block is:
 *
 *   the pool table has an entry   ours, a small block: the fast path, which looks it up anyway
 *   unit of 4 KiB is ours         ours, a raw block
 *   neither                       the previous allocator's; nothing at the address was read */
#include "pyodide.h"

#include "object.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* What served the domains before.  pym_allocator has the layout of PyMemAllocatorEx. */
static pym_allocator previous[PYM_DOMAINS];
_Static_assert(sizeof(pym_allocator) == 20, "as module.js writes it");

/* New blocks are the previous allocator's; ours are served until the last is freed. */
static int detached;

static int is_ours(const void *p) { return class_of(off(p)) || pym__unit_is_ours(off(p)); }

static APART void *malloc_slow(unsigned d, size_t n) {
  if (UNLIKELY(detached)) return previous[d].malloc(previous[d].ctx, n);
  return pym__malloc_direct(&pym__main, d, n);
}

static APART void *calloc_slow(unsigned d, size_t count, size_t size) {
  if (UNLIKELY(detached)) return previous[d].calloc(previous[d].ctx, count, size);
  return pym__calloc_direct(&pym__main, d, count, size);
}

static APART void *realloc_slow(unsigned d, void *p, size_t n) {
  if (!p) return malloc_slow(d, n);
  if (is_ours(p)) return pym__realloc_direct(&pym__main, d, p, n);
  return previous[d].realloc(previous[d].ctx, p, n);
}

static APART void free_slow(unsigned d, void *p) {
  if (!p) return;
  if (is_ours(p)) pym__free_direct(&pym__main, d, p);
  else previous[d].free(previous[d].ctx, p);
}

#define DOMAIN_FUNCTIONS(name, d)                                    \
  static void *name##_malloc(void *ctx, size_t n) {                  \
    (void)ctx;                                                       \
    void *p = try_malloc(&pym__main, d, n);                          \
    return LIKELY(p != NULL) ? p : malloc_slow(d, n);                \
  }                                                                  \
  static void *name##_calloc(void *ctx, size_t count, size_t size) { \
    (void)ctx;                                                       \
    void *p = try_calloc(&pym__main, d, count, size);                \
    return LIKELY(p != NULL) ? p : calloc_slow(d, count, size);      \
  }                                                                  \
  static void *name##_realloc(void *ctx, void *p, size_t n) {        \
    (void)ctx;                                                       \
    void *q = try_realloc(&pym__main, d, p, n);                      \
    return LIKELY(q != NULL) ? q : realloc_slow(d, p, n);            \
  }                                                                  \
  static void name##_free(void *ctx, void *p) {                      \
    (void)ctx;                                                       \
    if (UNLIKELY(!try_free(&pym__main, d, p))) free_slow(d, p);      \
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
}

/* No block is cached any more, frees take the slow way and no limit is left; or all is as after
 * attach. */
EXPORT(pym_pyodide_detach) void pym_pyodide_detach(int off) {
  detached = off;
  for (unsigned d = 0; d <= PYM_WHOLE_HEAP; d++)
    pym_limit_set(&pym__main, d, PYM_UNLIMITED, PYM_UNLIMITED);
  pym__limits = NULL;
  pym__flush(&pym__main);
  pym__main.over_limit = off != 0; /* the lists stay empty: malloc finds nothing in them */
  pym__open(&pym__main);
}

void pym__host_write(const char *text, size_t n) { pym_host_write(text, n); }
int pym__host_random(u64 out[2]) { return pym_host_random(out, 2 * sizeof *out); }
void pym__host_tell(enum cause cause, u32 o, unsigned d) { pym__say_fault(cause, o, d); }
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

static int note(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                enum pym_domain domain) {
  struct items *all = ctx;
  if (what == PYM_WALK_BLOCK) return 0;
  if (all->n < all->room)
    all->at[all->n] = (struct item){off(p), (u32)size, (u16)count, (u8)what, (u8)domain};
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
