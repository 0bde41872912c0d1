#include "lua.h"

static void *on_default_heap(void *ptr, size_t osize, size_t nsize) {
  if (nsize == 0) {
    pym_obj_free_sized(ptr, osize);
    return NULL;
  }
  return ptr ? pym_obj_realloc(ptr, nsize) : pym_obj_malloc(nsize);
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
