/* CPython's PyObject_* and PyMem_* taken over at the link, so that a call is direct and the fast
 * path is in it: CPython reaches an allocator through a pointer and a context.  Needs the linker's
 * --wrap, which pymalloc::cpython_direct passes; libpython stays as it is.
 *
 * A domain is taken over while its allocator is the library's (pym_cpython_install).  Whatever may
 * change that is wrapped too, and then it is looked at again: hooks, tracemalloc, CPython's debug
 * hooks and PYTHONMALLOC get their calls as ever.  Source of the semantics: CPython C API, "Memory
 * Management"; the names that begin with an underscore: Objects/obmalloc.c of 3.11 to 3.13. */
#include "adapters/cpython.h"
#include "core/object.h"

/* PyMemAllocatorEx, as CPython has it since 3.5. */
struct allocator {
  void *ctx;
  void *(*malloc)(void *ctx, size_t bytes);
  void *(*calloc)(void *ctx, size_t count, size_t size);
  void *(*realloc)(void *ctx, void *block, size_t bytes);
  void (*free)(void *ctx, void *block);
};

void PyMem_GetAllocator(int domain, struct allocator *out);

static int is_direct[PYM_DOMAINS];

static COLD void look_again(void) {
  struct allocator now;
  PyMem_GetAllocator(PYM_MEM, &now); /* the domains have the numbers of PyMemAllocatorDomain */
  is_direct[PYM_MEM] = now.malloc == pym_cpython_mem_malloc && now.free == pym_cpython_mem_free;
  PyMem_GetAllocator(PYM_OBJ, &now);
  is_direct[PYM_OBJ] = now.malloc == pym_cpython_obj_malloc && now.free == pym_cpython_obj_free;
}

/* ---- What may change an allocator ---- */

void __real_PyMem_SetAllocator(int domain, struct allocator *allocator);
void __wrap_PyMem_SetAllocator(int domain, struct allocator *allocator);
void __wrap_PyMem_SetAllocator(int domain, struct allocator *allocator) {
  __real_PyMem_SetAllocator(domain, allocator);
  look_again();
}

void __real_PyMem_SetupDebugHooks(void);
void __wrap_PyMem_SetupDebugHooks(void);
void __wrap_PyMem_SetupDebugHooks(void) {
  __real_PyMem_SetupDebugHooks();
  look_again();
}

int __real__PyMem_SetDefaultAllocator(int domain, struct allocator *old);
int __wrap__PyMem_SetDefaultAllocator(int domain, struct allocator *old);
int __wrap__PyMem_SetDefaultAllocator(int domain, struct allocator *old) {
  const int result = __real__PyMem_SetDefaultAllocator(domain, old);
  look_again();
  return result;
}

int __real__PyMem_SetupAllocators(int name);
int __wrap__PyMem_SetupAllocators(int name);
int __wrap__PyMem_SetupAllocators(int name) {
  const int result = __real__PyMem_SetupAllocators(name);
  look_again();
  return result;
}

/* ---- The functions themselves ---- */

#define DIRECT(Name, d)                                                                       \
  void *__real_##Name##_Malloc(size_t bytes);                                                 \
  void *__real_##Name##_Calloc(size_t count, size_t size);                                    \
  void *__real_##Name##_Realloc(void *block, size_t bytes);                                   \
  void __real_##Name##_Free(void *block);                                                     \
  void *__wrap_##Name##_Malloc(size_t bytes);                                                 \
  void *__wrap_##Name##_Calloc(size_t count, size_t size);                                    \
  void *__wrap_##Name##_Realloc(void *block, size_t bytes);                                   \
  void __wrap_##Name##_Free(void *block);                                                     \
  void *__wrap_##Name##_Malloc(size_t bytes) {                                                \
    if (UNLIKELY(!is_direct[d])) return __real_##Name##_Malloc(bytes);                        \
    void *block = try_malloc(&pym__main, d, bytes);                                           \
    return LIKELY(block != NULL) ? block : pym__malloc_slow(d, bytes);                        \
  }                                                                                           \
  void *__wrap_##Name##_Calloc(size_t count, size_t size) {                                   \
    size_t bytes;                                                                             \
    if (UNLIKELY(!is_direct[d])) return __real_##Name##_Calloc(count, size);                  \
    void *block = NULL;                                                                       \
    if (LIKELY(!mul_wraps(count, size, &bytes))) block = try_calloc(&pym__main, d, 1, bytes); \
    return LIKELY(block != NULL) ? block : pym__calloc_slow(d, count, size);                  \
  }                                                                                           \
  void *__wrap_##Name##_Realloc(void *block, size_t bytes) {                                  \
    if (UNLIKELY(!is_direct[d])) return __real_##Name##_Realloc(block, bytes);                \
    void *q = try_realloc(&pym__main, d, block, bytes);                                       \
    return LIKELY(q != NULL) ? q : pym__realloc_slow(d, block, bytes);                        \
  }                                                                                           \
  void __wrap_##Name##_Free(void *block) {                                                    \
    if (UNLIKELY(!is_direct[d])) {                                                            \
      __real_##Name##_Free(block);                                                            \
      return;                                                                                 \
    }                                                                                         \
    free_on_main(d, block);                                                                   \
  }
DIRECT(PyMem, PYM_MEM)
DIRECT(PyObject, PYM_OBJ)
