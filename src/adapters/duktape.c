#include "duktape.h"

void *pym_duk_alloc(void *udata, size_t n) {
  return udata ? pym_heap_malloc(udata, PYM_OBJ, n) : pym_obj_malloc(n);
}

void *pym_duk_realloc(void *udata, void *p, size_t n) {
  if (!n) {
    pym_duk_free(udata, p);
    return NULL;
  }
  return udata ? pym_heap_realloc(udata, PYM_OBJ, p, n) : pym_obj_realloc(p, n);
}

void pym_duk_free(void *udata, void *p) {
  if (udata) pym_heap_free(udata, PYM_OBJ, p);
  else pym_obj_free(p);
}
