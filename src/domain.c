/* The domains: the public functions, on the default heap and on any heap, and the hooks. */
#include "object.h"

struct hook pym__hooks[PYM_DOMAINS];

#define DOMAIN_FUNCTIONS(name, d)                                                          \
  void *pym_##name##_malloc(size_t n) { return pym__malloc(&pym__main, d, n); }            \
  void *pym_##name##_calloc(size_t count, size_t size) { return calloc_hooked(d, count, size); } \
  void *pym_##name##_realloc(void *p, size_t n) { return realloc_hooked(d, p, n); }        \
  void pym_##name##_free(void *p) { pym__free(&pym__main, d, p); }

static void *calloc_hooked(unsigned d, size_t count, size_t size) {
  pym__start();
  const struct hook *k = &pym__hooks[d];
  if (UNLIKELY(k->on) && (size == 0 || count <= PYM_SIZE_MAX / size))
    return k->fn.calloc(k->fn.ctx, count, size);
  return pym__calloc(&pym__main, d, count, size);
}

static void *realloc_hooked(unsigned d, void *p, size_t n) {
  pym__start();
  const struct hook *k = &pym__hooks[d];
  if (UNLIKELY(k->on) && n <= PYM_SIZE_MAX) return k->fn.realloc(k->fn.ctx, p, n);
  return pym__realloc_direct(&pym__main, d, p, n);
}

DOMAIN_FUNCTIONS(raw, PYM_RAW)
DOMAIN_FUNCTIONS(mem, PYM_MEM)
DOMAIN_FUNCTIONS(obj, PYM_OBJ)

/* The size saves nothing here: a realloc that failed to find a smaller block may have left p in a
 * larger class, or in a raw block, so p is asked after all.  A debug build holds it against p. */
HOT void free_sized(pym_heap *h, unsigned d, void *p, size_t n) {
  PYM_ASSERT(n <= pym_usable_size(p), "wrong size given to a sized free", off(p));
  (void)n;
  pym__free(h, d, p);
}

void pym_obj_free_sized(void *p, size_t n) {
  if (p) free_sized(&pym__main, PYM_OBJ, p, n);
}

void *pym_raw_aligned_alloc(size_t align, size_t n) {
  return pym_heap_aligned_alloc(&pym__main, align, n);
}

/* ---- Any heap ---- */

void *pym_heap_malloc(pym_heap *h, enum pym_domain d, size_t n) {
  if (d == PYM_OBJ && h != &pym__main) return pym__malloc(h, PYM_OBJ, n);
  pym__start();
  return pym__malloc_direct(h, d, n);
}

void *pym_heap_calloc(pym_heap *h, enum pym_domain d, size_t count, size_t size) {
  pym__start();
  return pym__calloc(h, d, count, size);
}

void *pym_heap_realloc(pym_heap *h, enum pym_domain d, void *p, size_t n) {
  pym__start();
  return pym__realloc_direct(h, d, p, n);
}

void pym_heap_free(pym_heap *h, enum pym_domain d, void *p) {
  if (d == PYM_OBJ && h != &pym__main) pym__free(h, PYM_OBJ, p);
  else pym__free_direct(h, d, p);
}

void pym_heap_free_sized(pym_heap *h, enum pym_domain d, void *p, size_t n) {
  if (!p) return;
  PYM_ASSERT(n <= pym_usable_size(p), "wrong size given to a sized free", off(p));
  (void)n;
  pym_heap_free(h, d, p);
}

void *pym_heap_aligned_alloc(pym_heap *h, size_t align, size_t n) {
  pym__start();
  return pym__aligned_direct(h, align, n);
}

size_t pym_usable_size(const void *p) {
  if (!p) return 0;
  u32 o = off(p);
  if (pym__page_kind(o >> 16) == PAGE_POOL) return pool_of(o)->size;
  return pym__raw_usable(p);
}

int pym_owns(const void *p) {
  u32 o = off(p);
  if (at(o) != p) return 0; /* natively: not linear memory at all */
  enum page_kind kind = pym__page_kind(o >> 16);
  return kind == PAGE_POOL || (kind == PAGE_RAW && o >= pym__space.first_byte);
}

/* ---- Hooks ---- */

/* What pym_allocator_get hands out when no hook is installed; ctx is the domain's number. */
static unsigned domain_of(void *ctx) { return (unsigned)(uintptr_t)ctx; }
static void *base_malloc(void *ctx, size_t n) {
  return pym__malloc_direct(&pym__main, domain_of(ctx), n);
}
static void *base_calloc(void *ctx, size_t count, size_t size) {
  return pym__calloc(&pym__main, domain_of(ctx), count, size);
}
static void *base_realloc(void *ctx, void *p, size_t n) {
  return pym__realloc_direct(&pym__main, domain_of(ctx), p, n);
}
static void base_free(void *ctx, void *p) { pym__free_direct(&pym__main, domain_of(ctx), p); }

void pym_allocator_get(enum pym_domain d, pym_allocator *out) {
  pym__start();
  *out = pym__hooks[d].on ? pym__hooks[d].fn
                          : (pym_allocator){(void *)(uintptr_t)d, base_malloc, base_calloc,
                                            base_realloc, base_free};
}

void pym_allocator_set(enum pym_domain d, const pym_allocator *a) {
  pym__start();
  int base = a->malloc == base_malloc && domain_of(a->ctx) == (unsigned)d;
  pym__hooks[d] = (struct hook){.fn = *a, .on = !base};
  pym__main.domains[d].gate = base ? GATE : ~0u; /* no entry is above that */
  pym__flush(&pym__main);
  pym__magazines_open(&pym__main);
}
