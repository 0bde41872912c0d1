#include "lua.h"

#include "object.h"

/* The fast path inlined: Lua makes every request through this one function. */
static void *on_default_heap(void *ptr, size_t osize, size_t nsize) {
  void *p;
  if (nsize == 0) {
    PYM_ASSERT(!ptr || osize <= pym_usable_size(ptr), CAUSE_SIZED, off(ptr));
    (void)osize;
    if (UNLIKELY(!try_free(&pym__main, PYM_OBJ, ptr))) pym__free_slow(PYM_OBJ, ptr);
    return NULL;
  }
  if (!ptr) {
    p = try_malloc(&pym__main, PYM_OBJ, nsize);
    return LIKELY(p != NULL) ? p : pym__malloc_slow(PYM_OBJ, nsize);
  }
  p = try_realloc(&pym__main, PYM_OBJ, ptr, nsize);
  return LIKELY(p != NULL) ? p : pym__realloc_slow(PYM_OBJ, ptr, nsize);
}

void *pym_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  pym_heap *h = ud;
  if (!h) return on_default_heap(ptr, osize, nsize);
  if (nsize == 0) {
    pym_heap_free_sized(h, PYM_OBJ, ptr, osize);
    return NULL;
  }
  return pym_heap_realloc(h, PYM_OBJ, ptr, nsize);
}
