#include "cpython.h"

#include "object.h"

void *pym_cpython_raw_malloc(void *ctx, size_t n) { return (void)ctx, pym_raw_malloc(n); }
void *pym_cpython_raw_calloc(void *ctx, size_t count, size_t size) {
  return (void)ctx, pym_raw_calloc(count, size);
}
void *pym_cpython_raw_realloc(void *ctx, void *p, size_t n) {
  return (void)ctx, pym_raw_realloc(p, n);
}
void pym_cpython_raw_free(void *ctx, void *p) { (void)ctx, pym_raw_free(p); }

/* The fast path inlined for each function: CPython calls it through a pointer, once is enough.
 * Lists start with a calloc and grow by realloc, in the mem domain.  A product that wraps was
 * refused by CPython. */
#define SMALL_DOMAIN(name, d)                                                   \
  void *pym_cpython_##name##_malloc(void *ctx, size_t n) {                      \
    void *p = try_malloc(&pym__main, d, n);                                     \
    return (void)ctx, LIKELY(p != NULL) ? p : pym__malloc_slow(d, n);           \
  }                                                                             \
  void *pym_cpython_##name##_calloc(void *ctx, size_t count, size_t size) {     \
    void *p = try_calloc(&pym__main, d, count, size);                           \
    return (void)ctx, LIKELY(p != NULL) ? p : pym__calloc_slow(d, count, size); \
  }                                                                             \
  void *pym_cpython_##name##_realloc(void *ctx, void *p, size_t n) {            \
    void *q = try_realloc(&pym__main, d, p, n);                                 \
    return (void)ctx, LIKELY(q != NULL) ? q : pym__realloc_slow(d, p, n);       \
  }                                                                             \
  void pym_cpython_##name##_free(void *ctx, void *p) {                          \
    (void)ctx;                                                                  \
    if (UNLIKELY(!try_free(&pym__main, d, p))) pym__free_slow(d, p);            \
  }
SMALL_DOMAIN(mem, PYM_MEM)
SMALL_DOMAIN(obj, PYM_OBJ)

void *pym_cpython_arena_alloc(void *ctx, size_t size) { return (void)ctx, pym_raw_malloc(size); }
void pym_cpython_arena_free(void *ctx, void *p, size_t size) {
  (void)ctx, (void)size;
  pym_raw_free(p);
}
