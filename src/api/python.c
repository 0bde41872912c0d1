/* CPython's names: a thin layer, with the fast path of malloc and free inlined as in domain.c. */
#include "pymalloc_python.h"

#include "core/object.h"

#define PYTHON_DOMAIN(prefix, name, d)                                                             \
  void *prefix##Malloc(size_t bytes) {                                                             \
    void *block = d == PYM_RAW ? NULL : try_malloc(&pym__main, d, bytes);                          \
    return LIKELY(block != NULL) ? block : pym__malloc_slow(d, bytes);                             \
  }                                                                                                \
  void *prefix##Calloc(size_t nelem, size_t elsize) { return pym_##name##_calloc(nelem, elsize); } \
  void *prefix##Realloc(void *block, size_t bytes) { return pym_##name##_realloc(block, bytes); }  \
  void prefix##Free(void *block) {                                                                 \
    if (d == PYM_RAW || UNLIKELY(!try_free(&pym__main, d, block))) pym__free_slow(d, block);       \
  }
PYTHON_DOMAIN(PyMem_Raw, raw, PYM_RAW)
PYTHON_DOMAIN(PyMem_, mem, PYM_MEM)
PYTHON_DOMAIN(PyObject_, obj, PYM_OBJ)

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
