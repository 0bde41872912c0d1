/* What CPython 3.11's Objects/obmalloc.c takes from Python.h, and no more: it is compiled alone, as
 * a release build for wasm32-wasi has it (pymalloc, radix tree, arenas from malloc). */
#ifndef BENCH_PYTHON_H
#define BENCH_PYTHON_H

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "names.h"

#define WITH_PYMALLOC 1
#define SIZEOF_VOID_P 4
#define SIZEOF_SIZE_T 4
#define SIZEOF_INT 4

typedef ptrdiff_t Py_ssize_t;
#define PY_SSIZE_T_MAX PTRDIFF_MAX
#define Py_ALWAYS_INLINE __attribute__((always_inline))
#define Py_MIN(x, y) ((x) > (y) ? (y) : (x))
#define _Py_ALIGN_DOWN(p, a) ((void *)((uintptr_t)(p) & ~(uintptr_t)((a) - 1)))
#define _Py_ALIGN_UP(p, a) ((void *)(((uintptr_t)(p) + ((a) - 1)) & ~(uintptr_t)((a) - 1)))
#define _Py_SIZE_ROUND_UP(n, a) (((size_t)(n) + ((a) - 1)) & ~(size_t)((a) - 1))
#define PyOS_snprintf snprintf
#define Py_GETENV(name) ((const char *)NULL) /* as with python3 -E */

/* The debug hooks are compiled and never called. */
#define Py_FatalError(text) __builtin_trap()
#define _Py_FatalErrorFunc(name, text) __builtin_trap()
#define _Py_FatalErrorFormat(...) __builtin_trap()
#define PyGILState_Check() 1

typedef enum { PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ } PyMemAllocatorDomain;

typedef struct {
  void *ctx;
  void *(*malloc)(void *ctx, size_t size);
  void *(*calloc)(void *ctx, size_t nelem, size_t elsize);
  void *(*realloc)(void *ctx, void *ptr, size_t new_size);
  void (*free)(void *ctx, void *ptr);
} PyMemAllocatorEx;

typedef struct {
  void *ctx;
  void *(*alloc)(void *ctx, size_t size);
  void (*free)(void *ctx, void *ptr, size_t size);
} PyObjectArenaAllocator;

void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator);
void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx *allocator);
void PyMem_SetupDebugHooks(void);
int _PyObject_DebugMallocStats(FILE *out);

#endif
