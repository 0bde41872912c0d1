#include "adapters/quickjs_ng.h"

void *pym_quickjs_ng_calloc(void *heap, size_t count, size_t size) {
  return heap ? pym_heap_calloc(heap, PYM_OBJ, count, size) : pym_obj_calloc(count, size);
}

void *pym_quickjs_ng_malloc(void *heap, size_t bytes) {
  return heap ? pym_heap_malloc(heap, PYM_OBJ, bytes) : pym_obj_malloc(bytes);
}

void pym_quickjs_ng_free(void *heap, void *block) {
  if (heap) pym_heap_free(heap, PYM_OBJ, block);
  else pym_obj_free(block);
}

void *pym_quickjs_ng_realloc(void *heap, void *block, size_t bytes) {
  return heap ? pym_heap_realloc(heap, PYM_OBJ, block, bytes) : pym_obj_realloc(block, bytes);
}

size_t pym_quickjs_ng_usable_size(const void *block) { return pym_usable_size(block); }
