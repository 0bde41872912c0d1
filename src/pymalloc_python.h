/* CPython's names for the domains, for programs that were written against its C API and are linked
 * without CPython.  CPython itself defines these names: there, install the functions of pymalloc.h
 * with PyMem_SetAllocator instead.
 *
 * Source of the semantics: CPython C API, "Memory Management". */
#ifndef PYMALLOC_PYTHON_H
#define PYMALLOC_PYTHON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PY_SSIZE_T_MAX
typedef ptrdiff_t Py_ssize_t;
#define PY_SSIZE_T_MAX PTRDIFF_MAX
#endif

/* The twelve functions: the contract of pym_raw_*, pym_mem_* and pym_obj_* in pymalloc.h. */
void *PyMem_RawMalloc(size_t n);
void *PyMem_RawCalloc(size_t nelem, size_t elsize);
void *PyMem_RawRealloc(void *p, size_t n);
void PyMem_RawFree(void *p);

void *PyMem_Malloc(size_t n);
void *PyMem_Calloc(size_t nelem, size_t elsize);
void *PyMem_Realloc(void *p, size_t n);
void PyMem_Free(void *p);

void *PyObject_Malloc(size_t n);
void *PyObject_Calloc(size_t nelem, size_t elsize);
void *PyObject_Realloc(void *p, size_t n);
void PyObject_Free(void *p);

/* n elements of TYPE, or NULL: no memory, or n * sizeof(TYPE) > PY_SSIZE_T_MAX. */
#define PyMem_New(TYPE, n)                             \
  ((size_t)(n) > (size_t)PY_SSIZE_T_MAX / sizeof(TYPE) \
       ? (TYPE *)NULL                                  \
       : (TYPE *)PyMem_Malloc((size_t)(n) * sizeof(TYPE)))

/* p, an lvalue of type TYPE *, becomes the resized block, or NULL as above: keep the old pointer
 * elsewhere to free it then. */
#define PyMem_Resize(p, TYPE, n)                             \
  ((p) = (size_t)(n) > (size_t)PY_SSIZE_T_MAX / sizeof(TYPE) \
             ? (TYPE *)NULL                                  \
             : (TYPE *)PyMem_Realloc((p), (size_t)(n) * sizeof(TYPE)))

#define PyMem_Del(p) PyMem_Free(p)
#define PyMem_NEW(TYPE, n) PyMem_New(TYPE, n)
#define PyMem_RESIZE(p, TYPE, n) PyMem_Resize(p, TYPE, n)
#define PyMem_DEL(p) PyMem_Free(p)

typedef struct {
  void *ctx;
  void *(*malloc)(void *ctx, size_t size);
  void *(*calloc)(void *ctx, size_t nelem, size_t elsize);
  void *(*realloc)(void *ctx, void *ptr, size_t new_size);
  void (*free)(void *ctx, void *ptr);
} PyMemAllocatorEx;

typedef enum { PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ } PyMemAllocatorDomain;

void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator);
void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator);

/* Debug hooks over the three allocators that are set now: pym_debug_hooks of pymalloc.h. */
void PyMem_SetupDebugHooks(void);

/* Count memory that others handed out.  0; -1: no memory to note it; -2: nothing is traced, which
 * is so until pym_trace_start of pymalloc.h is called: it stands for tracemalloc.start(). */
int PyTraceMalloc_Track(unsigned int domain, uintptr_t ptr, size_t size);
int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t ptr);

typedef struct {
  void *ctx;
  void *(*alloc)(void *ctx, size_t size);
  void (*free)(void *ctx, void *ptr, size_t size);
} PyObjectArenaAllocator;

void PyObject_GetArenaAllocator(PyObjectArenaAllocator *allocator);
void PyObject_SetArenaAllocator(PyObjectArenaAllocator *allocator);

#ifdef __cplusplus
}
#endif
#endif
