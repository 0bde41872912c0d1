/* SQLite on wasm-pymalloc.  Source of the semantics: sqlite3.h of 3.46, sqlite3_mem_methods. */
#ifndef PYMALLOC_ADAPTERS_SQLITE_H
#define PYMALLOC_ADAPTERS_SQLITE_H

#include "pymalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Initializer of a sqlite3_mem_methods that serves SQLite from `heap`, a pym_heap * or NULL: the
 * default heap.  Give it to sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) before anything else of
 * SQLite is called.
 *
 * Blocks are of the object domain.  A request is rounded up to what its block holds, so that SQLite
 * uses all of it. */
#define PYM_SQLITE_MEM_METHODS(heap)                                          \
  {pym_sqlite_malloc,  pym_sqlite_free, pym_sqlite_realloc,  pym_sqlite_size, \
   pym_sqlite_roundup, pym_sqlite_init, pym_sqlite_shutdown, heap}

/* SQLite gives pAppData to xInit and xShutdown only: one heap serves all of it. */
void *pym_sqlite_malloc(int n);
void pym_sqlite_free(void *p);
void *pym_sqlite_realloc(void *p, int n);
int pym_sqlite_size(void *p);
int pym_sqlite_roundup(int n);
int pym_sqlite_init(void *heap);
void pym_sqlite_shutdown(void *heap);

#ifdef __cplusplus
}
#endif
#endif
