/* The domains: the public functions, on the default heap and on any heap, and the hooks. */
#include "object.h"

struct hook pym__hooks[PYM_DOMAINS];
const struct debug *pym__debug;
size_t (*pym__libc_size)(const void *p);
void (*pym__dump_more)(pym__say_fn *say_number, const void *o);

void *pym_raw_malloc(size_t n) { return pym__malloc_slow(PYM_RAW, n); }
void *pym_raw_calloc(size_t count, size_t size) { return pym__calloc_slow(PYM_RAW, count, size); }
void *pym_raw_realloc(void *p, size_t n) { return pym__realloc_slow(PYM_RAW, p, n); }
void pym_raw_free(void *p) { pym__free_slow(PYM_RAW, p); }

/* mem and object: the fast path, then everything else. */
#define SMALL_DOMAIN(name, d)                                        \
  void *pym_##name##_malloc(size_t n) {                              \
    void *p = try_malloc(&pym__main, d, n);                          \
    return LIKELY(p != NULL) ? p : pym__malloc_slow(d, n);           \
  }                                                                  \
  void pym_##name##_free(void *p) {                                  \
    if (UNLIKELY(!try_free(&pym__main, d, p))) pym__free_slow(d, p); \
  }
SMALL_DOMAIN(mem, PYM_MEM)
SMALL_DOMAIN(obj, PYM_OBJ)

HOT void *small_calloc(unsigned d, size_t count, size_t size) {
  size_t n;
  void *p = NULL;
  if (!SMALL_BUILD && LIKELY(!__builtin_mul_overflow(count, size, &n)))
    p = try_calloc(&pym__main, d, 1, n);
  return LIKELY(p != NULL) ? p : pym__calloc_slow(d, count, size);
}
void *pym_mem_calloc(size_t count, size_t size) { return small_calloc(PYM_MEM, count, size); }
void *pym_mem_realloc(void *p, size_t n) { return pym__realloc_slow(PYM_MEM, p, n); }

void *pym_obj_calloc(size_t count, size_t size) { return small_calloc(PYM_OBJ, count, size); }
/* Objects are resized when they turn out shorter than was thought: often enough for a fast path. */
void *pym_obj_realloc(void *p, size_t n) {
  if (SMALL_BUILD) return pym__realloc_slow(PYM_OBJ, p, n);
  void *q = try_realloc(&pym__main, PYM_OBJ, p, n);
  return LIKELY(q != NULL) ? q : pym__realloc_slow(PYM_OBJ, p, n);
}

/* Can a block of this usable size be one of n bytes?  A block that was made smaller stays where it
 * fills three quarters, a small heap borrows from a class a quarter larger. */
int pym__sizes_known = 1; /* 0: a block could not be made smaller once, and stayed */
static int may_be_of(size_t n, u32 usable) {
  const size_t own = n <= PYM_SMALL_MAX ? (n + 7) & ~(size_t)7 : n + 24;
  return n <= usable && (!pym__sizes_known || 4 * n > 3 * usable || own + 8 + own / 4 >= usable);
}

/* The size saves nothing here: a realloc that failed to find a smaller block may have left p in a
 * larger class, or in a raw block, so p is asked after all.  A debug build holds it against p. */
void pym_obj_free_sized(void *p, size_t n) {
  PYM_ASSERT(!p || pym__hooks[PYM_OBJ].on || may_be_of(n, pym__usable(&pym__main, PYM_OBJ, p)),
             CAUSE_SIZED, off(p));
  (void)n, (void)may_be_of;
  pym_obj_free(p);
}

/* ---- Any heap ---- */

static int is_fast(const pym_heap *h, enum pym_domain d) { return d == PYM_OBJ && h != &pym__main; }

void *pym_heap_malloc(pym_heap *h, enum pym_domain d, size_t n) {
  void *p = is_fast(h, d) ? try_malloc(h, PYM_OBJ, n) : NULL;
  if (p) return p;
  pym__start();
  return pym__malloc_direct(h, d, n);
}

void *pym_heap_calloc(pym_heap *h, enum pym_domain d, size_t count, size_t size) {
  pym__start();
  return pym__calloc_direct(h, d, count, size);
}

void *pym_heap_realloc(pym_heap *h, enum pym_domain d, void *p, size_t n) {
  pym__start();
  return pym__realloc_direct(h, d, p, n);
}

void pym_heap_free(pym_heap *h, enum pym_domain d, void *p) {
  if (!is_fast(h, d) || !try_free(h, PYM_OBJ, p)) pym__free_direct(h, d, p);
}

void pym_heap_free_sized(pym_heap *h, enum pym_domain d, void *p, size_t n) {
  PYM_ASSERT(!p || may_be_of(n, pym__usable(h, d, p)), CAUSE_SIZED, off(p));
  (void)n;
  pym_heap_free(h, d, p);
}

void *pym_heap_aligned_alloc(pym_heap *h, size_t align, size_t n) {
  pym__start();
  if (!align || align & (align - 1) || align > PAGE_BYTES || n > PYM_SIZE_MAX)
    return pym__failed(h, PYM_RAW);
  if (!n) n = 1;
  if (align < PYM_RAW_ALIGNMENT) align = PYM_RAW_ALIGNMENT;
  if (!allowed(h, PYM_RAW, pym__raw_size((u32)n), 1, 0)) return pym__failed(h, PYM_RAW);
  void *p = pym__raw_new(h, PYM_RAW, (u32)n, (u32)align, 0);
  if (p) return p;
  pym__fail(h, PYM_RAW, (u32)n, EVENT_OOM);
  return pym__failed(h, PYM_RAW);
}

void *pym_raw_aligned_alloc(size_t align, size_t n) {
  return pym_heap_aligned_alloc(&pym__main, align, n);
}

size_t pym_usable_size(const void *p) {
  if (!p) return 0;
  if (UNLIKELY(pym__debug != NULL) && pym__debug->made(p)) return pym__debug->size(p);
  if (UNLIKELY(pym__libc_size != NULL) && !pym_owns(p)) return pym__libc_size(p);
  pym__init();
  const struct pym__pool *pool = pym__pool_at(off(p));
  if (!pool) return pym__raw_usable(p);
  if (UNLIKELY((*(const pym__word *)p ^ pym__key) <= PYM__LINK_MAX) &&
      pool->heap == (u16)pym__main.id && pym__pool_has_free(&pym__main, pool, off(p)))
    pym__corrupt(CAUSE_FREED_USED, off(p), PYM_DOMAINS);
#if PYM_DEBUG >= 1
  pym__check_offset(off(p), pool, PYM_DOMAINS);
#endif
  return pool->size;
}

int pym_owns(const void *p) {
  u32 o = off(p);
  if (at(o) != p) return 0; /* natively: not linear memory at all */
  for (u32 s = pym__main.segments; s; s = ((const struct segment *)at(s))->next)
    if (o > s && o < ((const struct segment *)at(s))->end) return 1;
  return class_of(o) != 0; /* of an arena that a hook gave */
}

/* ---- Hooks ---- */

/* What pym_allocator_get hands out when no hook is installed; ctx is the domain's number. */
static unsigned domain_of(void *ctx) { return (unsigned)(uintptr_t)ctx; }
static void *base_malloc(void *ctx, size_t n) {
  pym__start();
  return pym__malloc_direct(&pym__main, domain_of(ctx), n);
}
static void *base_calloc(void *ctx, size_t count, size_t size) {
  pym__start();
  return pym__calloc_direct(&pym__main, domain_of(ctx), count, size);
}
static void *base_realloc(void *ctx, void *p, size_t n) {
  pym__start();
  return pym__realloc_direct(&pym__main, domain_of(ctx), p, n);
}
static void base_free(void *ctx, void *p) { pym__free_direct(&pym__main, domain_of(ctx), p); }

pym_allocator pym__base(unsigned d) {
  return (pym_allocator){(void *)(uintptr_t)d, base_malloc, base_calloc, base_realloc, base_free};
}

void pym_allocator_get(enum pym_domain d, pym_allocator *out) {
  pym__init();
  *out = pym__hooks[d].on ? pym__hooks[d].fn : pym__base(d);
}

void pym_allocator_set(enum pym_domain d, const pym_allocator *a) {
  pym__init();
  const pym_allocator base = pym__base(d);
  const int is_base = a->ctx == base.ctx && a->malloc == base.malloc && a->calloc == base.calloc &&
                      a->realloc == base.realloc && a->free == base.free;
  pym__hooks[d] = (struct hook){.fn = *a, .on = !is_base};
  pym__flush(&pym__main);
  pym__open(&pym__main);
}
