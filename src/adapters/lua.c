#include "adapters/lua.h"

#include "core/corrupt.h"
#include "core/object.h"

/* The fast path inlined: Lua makes every request through this one function. */
static void *on_default_heap(void *ptr, size_t osize, size_t nsize) {
  void *block;
  if (nsize == 0) {
    PYM_ASSERT(!ptr || osize <= pym_usable_size(ptr), CAUSE_SIZED, off(ptr));
    (void)osize;
    free_on_main(PYM_OBJ, ptr);
    return NULL;
  }
  if (!ptr) {
    block = try_malloc(&pym__main, PYM_OBJ, nsize);
    return LIKELY(block != NULL) ? block : pym__malloc_slow(PYM_OBJ, nsize);
  }
  block = try_realloc(&pym__main, PYM_OBJ, ptr, nsize);
  return LIKELY(block != NULL) ? block : pym__realloc_slow(PYM_OBJ, ptr, nsize);
}

void *pym_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  pym_heap *heap = ud;
  if (!heap) return on_default_heap(ptr, osize, nsize);
  if (nsize == 0) {
    pym_heap_free_sized(heap, PYM_OBJ, ptr, osize);
    return NULL;
  }
  return pym_heap_realloc(heap, PYM_OBJ, ptr, nsize);
}
