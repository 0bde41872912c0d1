/* CPython's names: a thin layer, one call each. */
#include "pymalloc_python.h"

#include "pymalloc.h"

void *PyMem_RawMalloc(size_t n) { return pym_raw_malloc(n); }
void *PyMem_RawCalloc(size_t nelem, size_t elsize) { return pym_raw_calloc(nelem, elsize); }
void *PyMem_RawRealloc(void *p, size_t n) { return pym_raw_realloc(p, n); }
void PyMem_RawFree(void *p) { pym_raw_free(p); }

void *PyMem_Malloc(size_t n) { return pym_mem_malloc(n); }
void *PyMem_Calloc(size_t nelem, size_t elsize) { return pym_mem_calloc(nelem, elsize); }
void *PyMem_Realloc(void *p, size_t n) { return pym_mem_realloc(p, n); }
void PyMem_Free(void *p) { pym_mem_free(p); }

void *PyObject_Malloc(size_t n) { return pym_obj_malloc(n); }
void *PyObject_Calloc(size_t nelem, size_t elsize) { return pym_obj_calloc(nelem, elsize); }
void *PyObject_Realloc(void *p, size_t n) { return pym_obj_realloc(p, n); }
void PyObject_Free(void *p) { pym_obj_free(p); }

/* A domain that does not exist: CPython reports no functions, and ignores a set. */
static int known(PyMemAllocatorDomain domain) { return (unsigned)domain < PYM_DOMAINS; }

void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator) {
  pym_allocator a = {0};
  if (known(domain)) pym_allocator_get((enum pym_domain)domain, &a);
  *allocator = (PyMemAllocatorEx){a.ctx, a.malloc, a.calloc, a.realloc, a.free};
}

void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator) {
  if (!known(domain)) return;
  pym_allocator a = {allocator->ctx, allocator->malloc, allocator->calloc, allocator->realloc,
                     allocator->free};
  pym_allocator_set((enum pym_domain)domain, &a);
}

void PyObject_GetArenaAllocator(PyObjectArenaAllocator *allocator) {
  pym_arena_allocator a;
  pym_arena_allocator_get(&a);
  *allocator = (PyObjectArenaAllocator){a.ctx, a.alloc, a.free};
}

void PyObject_SetArenaAllocator(PyObjectArenaAllocator *allocator) {
  pym_arena_allocator a = {allocator->ctx, allocator->alloc, allocator->free};
  pym_arena_allocator_set(&a);
}
