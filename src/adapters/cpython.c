#include "adapters/cpython.h"

#include "core/object.h"

void *pym_cpython_raw_malloc(void *ctx, size_t bytes) { return (void)ctx, pym_raw_malloc(bytes); }
void *pym_cpython_raw_calloc(void *ctx, size_t count, size_t size) {
  return (void)ctx, pym_raw_calloc(count, size);
}
void *pym_cpython_raw_realloc(void *ctx, void *block, size_t bytes) {
  return (void)ctx, pym_raw_realloc(block, bytes);
}
void pym_cpython_raw_free(void *ctx, void *block) { (void)ctx, pym_raw_free(block); }

/* The fast path inlined for each function: CPython calls it through a pointer, once is enough.
 * Lists start with a calloc and grow by realloc, in the mem domain.  A product that wraps was
 * refused by CPython. */
#define SMALL_DOMAIN(name, d)                                                           \
  void *pym_cpython_##name##_malloc(void *ctx, size_t bytes) {                          \
    void *block = try_malloc(&pym__main, d, bytes);                                     \
    return (void)ctx, LIKELY(block != NULL) ? block : pym__malloc_slow(d, bytes);       \
  }                                                                                     \
  void *pym_cpython_##name##_calloc(void *ctx, size_t count, size_t size) {             \
    void *block = try_calloc(&pym__main, d, count, size);                               \
    return (void)ctx, LIKELY(block != NULL) ? block : pym__calloc_slow(d, count, size); \
  }                                                                                     \
  void *pym_cpython_##name##_realloc(void *ctx, void *block, size_t bytes) {            \
    void *q = try_realloc(&pym__main, d, block, bytes);                                 \
    return (void)ctx, LIKELY(q != NULL) ? q : pym__realloc_slow(d, block, bytes);       \
  }                                                                                     \
  void pym_cpython_##name##_free(void *ctx, void *block) {                              \
    (void)ctx;                                                                          \
    free_on_main(d, block);                                                             \
  }
SMALL_DOMAIN(mem, PYM_MEM)
SMALL_DOMAIN(obj, PYM_OBJ)

void *pym_cpython_arena_alloc(void *ctx, size_t size) { return (void)ctx, pym_raw_malloc(size); }
void pym_cpython_arena_free(void *ctx, void *block, size_t size) {
  (void)ctx, (void)size;
  pym_raw_free(block);
}
