/* The allocator that serves a module of the benchmark: ALLOC(domain, function), domain one of raw,
 * mem, obj.  One source is built once a peer, see peers.cmake:
 *
 *   PEER_PYM        wasm-pymalloc, each domain its own
 *   PEER_LIBC       malloc, whoever's it is, serves all three
 *   PEER_OBMALLOC   CPython's own: PyMem_RawMalloc, PyMem_Malloc, PyObject_Malloc
 *   PEER_FLOOR      none: ALLOC is not there */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

#if defined(PEER_PYM)
#include "pymalloc.h"
#define ALLOC(domain, function) pym_##domain##_##function
#elif defined(PEER_LIBC)
#include <stdlib.h>
#define ALLOC(domain, function) function
#elif defined(PEER_OBMALLOC)
#include "obmalloc/names.h"
#define ALLOC(domain, function) ob_##domain##_##function
#elif !defined(PEER_FLOOR)
#error "define the peer"
#endif

#endif
