/* The functions of CPython's obmalloc.c, as ALLOC of ../peer.h names them. */
#ifndef BENCH_OBMALLOC_NAMES_H
#define BENCH_OBMALLOC_NAMES_H

#include <stddef.h>

void *PyMem_RawMalloc(size_t n);
void *PyMem_RawCalloc(size_t count, size_t n);
void *PyMem_RawRealloc(void *p, size_t n);
void PyMem_RawFree(void *p);
void *PyMem_Malloc(size_t n);
void *PyMem_Calloc(size_t count, size_t n);
void *PyMem_Realloc(void *p, size_t n);
void PyMem_Free(void *p);
void *PyObject_Malloc(size_t n);
void *PyObject_Calloc(size_t count, size_t n);
void *PyObject_Realloc(void *p, size_t n);
void PyObject_Free(void *p);

#define ob_raw_malloc PyMem_RawMalloc
#define ob_raw_calloc PyMem_RawCalloc
#define ob_raw_realloc PyMem_RawRealloc
#define ob_raw_free PyMem_RawFree
#define ob_mem_malloc PyMem_Malloc
#define ob_mem_calloc PyMem_Calloc
#define ob_mem_realloc PyMem_Realloc
#define ob_mem_free PyMem_Free
#define ob_obj_malloc PyObject_Malloc
#define ob_obj_calloc PyObject_Calloc
#define ob_obj_realloc PyObject_Realloc
#define ob_obj_free PyObject_Free

#endif
