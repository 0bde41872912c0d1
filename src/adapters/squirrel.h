/* Squirrel on wasm-pymalloc.  Source of the semantics: squirrel/sqmem.cpp of Squirrel 3.1. */
#ifndef PYMALLOC_ADAPTERS_SQUIRREL_H
#define PYMALLOC_ADAPTERS_SQUIRREL_H

#include <stddef.h>

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Definitions of the three functions that Squirrel takes its memory by.  They stand in one C++ file
 * of the program, outside of every function, after <squirrel.h>; Squirrel is compiled with
 * SQ_EXCLUDE_DEFAULT_MEMFUNCTIONS, which takes out its own.
 *
 * They know no virtual machine, so all of them are served from the object domain of the default
 * heap. Every free has its size. */
#define PYM_SQUIRREL_MEMORY_FUNCTIONS                                        \
  void *sq_vm_malloc(SQUnsignedInteger n) { return pym_squirrel_malloc(n); } \
  void *sq_vm_realloc(void *p, SQUnsignedInteger old, SQUnsignedInteger n) { \
    return pym_squirrel_realloc(p, old, n);                                  \
  }                                                                          \
  void sq_vm_free(void *p, SQUnsignedInteger n) { pym_squirrel_free(p, n); }

/* Squirrel uses what it asked for without a look at it, and on wasm address 0 is memory: out of
 * memory, or at a limit, a line on the host's standard error and a trap. */
void *pym_squirrel_malloc(size_t n);
void *pym_squirrel_realloc(void *p, size_t old, size_t n);
void pym_squirrel_free(void *p, size_t n);

#ifdef __cplusplus
}
#endif
#endif
