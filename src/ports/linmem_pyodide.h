/* What the two files of the side module for Pyodide share (adapters/pyodide.c and
 * linmem_pyodide.c), and what they import: from Pyodide's own module, and from
 * js/src/pyodide/module.js. */
#ifndef PYM_PORTS_LINMEM_PYODIDE_H
#define PYM_PORTS_LINMEM_PYODIDE_H

#include <stddef.h>
#include <stdint.h>

#define FROM_PYODIDE(name) __attribute__((import_module("env"), import_name(#name)))

/* Its malloc, and its break. */
FROM_PYODIDE(sbrk) void *sbrk(intptr_t bytes);
FROM_PYODIDE(memalign) void *memalign(size_t align, size_t n);
FROM_PYODIDE(free) void free(void *p);
FROM_PYODIDE(malloc_footprint) size_t malloc_footprint(void);
FROM_PYODIDE(malloc_footprint_limit) size_t malloc_footprint_limit(void);
FROM_PYODIDE(malloc_set_footprint_limit) size_t malloc_set_footprint_limit(size_t bytes);

/* Make linear memory so large, by Emscripten's own function, which renews its views. */
FROM_PYODIDE(pym_host_resize) void pym_host_resize(size_t bytes);
FROM_PYODIDE(pym_host_random) int pym_host_random(void *out, size_t n); /* 0: there is none */
FROM_PYODIDE(pym_host_profile)
int pym_host_profile(uint32_t what, uint32_t size, uint32_t block,
                     uint32_t heap); /* profile_host.h */
FROM_PYODIDE(pym_host_write) void pym_host_write(const char *text, size_t n);

/* Is the 4 KiB unit that offset lies in memory that this library took?  Reads nothing at o. */
int pym__unit_is_ours(uint32_t offset);

#endif
