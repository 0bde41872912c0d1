/* CPython 3.8 and newer on wasm-pymalloc.  Source of the semantics: CPython C API, "Memory
 * Management" and "Python Initialization Configuration".
 *
 * Include Python.h first, and call pym_cpython_install before Py_PreInitialize:
 *
 *   pym_cpython_install();
 *   return Py_BytesMain(argc, argv);
 *
 * PYTHONMALLOC and -X dev make the pre-initialization put other allocators there;
 * examples/cpython/main.c shows how they keep their meaning.
 *
 * Linked as pymalloc::cpython_direct, CPython's PyObject_* and PyMem_* functions are taken over by
 * the linker while these allocators are installed: programs take one or two percent less time.
 * Hooks, tracemalloc and PYTHONMALLOC work as without it (adapters/cpython_direct.c).
 *
 * All domains are of the default heap.  Nothing here is for a free-threaded CPython. */
#ifndef PYMALLOC_ADAPTERS_CPYTHON_H
#define PYMALLOC_ADAPTERS_CPYTHON_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of a PyMemAllocatorEx; ctx is not looked at.  The contract of the twelve functions
 * in pymalloc.h, without the check of the largest size: CPython makes it. */
void *pym_cpython_raw_malloc(void *ctx, size_t n);
void *pym_cpython_raw_calloc(void *ctx, size_t count, size_t size);
void *pym_cpython_raw_realloc(void *ctx, void *p, size_t n);
void pym_cpython_raw_free(void *ctx, void *p);

void *pym_cpython_mem_malloc(void *ctx, size_t n);
void *pym_cpython_mem_calloc(void *ctx, size_t count, size_t size);
void *pym_cpython_mem_realloc(void *ctx, void *p, size_t n);
void pym_cpython_mem_free(void *ctx, void *p);

void *pym_cpython_obj_malloc(void *ctx, size_t n);
void *pym_cpython_obj_calloc(void *ctx, size_t count, size_t size);
void *pym_cpython_obj_realloc(void *ctx, void *p, size_t n);
void pym_cpython_obj_free(void *ctx, void *p);

/* The functions of a PyObjectArenaAllocator: raw blocks.  Arenas of CPython's own pymalloc, and the
 * frames of Python functions (since 3.11). */
void *pym_cpython_arena_alloc(void *ctx, size_t size);
void pym_cpython_arena_free(void *ctx, void *p, size_t size);

#ifdef Py_PYTHON_H
/* Let the library serve the three domains and the arenas, in place of what serves them now.  Only
 * while no block of those is alive: before Py_PreInitialize, or right after it. */
static inline void pym_cpython_install(void) {
#define PYM__ALLOCATOR(d)                                                               \
  {NULL, pym_cpython_##d##_malloc, pym_cpython_##d##_calloc, pym_cpython_##d##_realloc, \
   pym_cpython_##d##_free}
  PyMemAllocatorEx raw = PYM__ALLOCATOR(raw), mem = PYM__ALLOCATOR(mem), obj = PYM__ALLOCATOR(obj);
#undef PYM__ALLOCATOR
  PyObjectArenaAllocator arenas = {NULL, pym_cpython_arena_alloc, pym_cpython_arena_free};
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &raw);
  PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mem);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &obj);
  PyObject_SetArenaAllocator(&arenas);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
