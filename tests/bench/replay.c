/* Replays an allocation trace as fast as it can.  One source, one module an allocator:
 *
 *   REPLAY_PYM      wasm-pymalloc, each record to its own domain
 *   REPLAY_LIBC     libc's malloc serves all three
 *   REPLAY_RECORD   as REPLAY_PYM, and writes down the address that each record came to
 *   REPLAY_FLOOR    no allocator: the same touches at the addresses written down before
 *
 * A touch is what the owner of a block does at the least: writes its first word when it is new,
 * reads it before it is freed or resized.  The host puts the trace in place (bench.mjs). */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

#if defined(REPLAY_LIBC)
#include <stdlib.h>
#elif !defined(REPLAY_FLOOR)
#include "pymalloc.h"
#endif

enum { MARK, MALLOC, CALLOC, REALLOC, REALLOC_NULL, FREE };
enum { MAX_RECORDS = 4700000, MAX_IDS = 1400000 };

struct record {
  uint32_t word, id;
};
static struct record trace[MAX_RECORDS];
static uint32_t addresses[MAX_RECORDS];
static uint32_t *blocks[MAX_IDS];

uint32_t EXPORT(trace_at)(void) { return (uint32_t)(uintptr_t)trace; }
uint32_t EXPORT(trace_room)(void) { return MAX_RECORDS; }
uint32_t EXPORT(addresses_at)(void) { return (uint32_t)(uintptr_t)addresses; }

#if defined(REPLAY_LIBC)
static inline void *get(uint32_t d, size_t n) { return (void)d, malloc(n); }
static inline void *get_zeroed(uint32_t d, size_t n) { return (void)d, calloc(1, n); }
static inline void *resize(uint32_t d, void *p, size_t n) { return (void)d, realloc(p, n); }
static inline void put(uint32_t d, void *p) { (void)d, free(p); }
#elif !defined(REPLAY_FLOOR)
static inline void *get(uint32_t d, size_t n) {
  return d == 2 ? pym_obj_malloc(n) : d == 1 ? pym_mem_malloc(n) : pym_raw_malloc(n);
}
static inline void *get_zeroed(uint32_t d, size_t n) {
  return d == 2 ? pym_obj_calloc(1, n) : d == 1 ? pym_mem_calloc(1, n) : pym_raw_calloc(1, n);
}
static inline void *resize(uint32_t d, void *p, size_t n) {
  return d == 2 ? pym_obj_realloc(p, n) : d == 1 ? pym_mem_realloc(p, n) : pym_raw_realloc(p, n);
}
static inline void put(uint32_t d, void *p) {
  if (d == 2) pym_obj_free(p);
  else if (d == 1) pym_mem_free(p);
  else pym_raw_free(p);
}
#endif

/* Returns 0, or the number of the first record that found no memory or a changed block. */
uint32_t EXPORT(replay)(uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t op = trace[i].word & 7, id = trace[i].id;
    uint32_t *p = NULL;
    if (op == MARK) continue;
    if (op == REALLOC || op == FREE) {
      p = blocks[id];
      if (*p != id) return i + 1;
    }
#if defined(REPLAY_FLOOR)
    p = (uint32_t *)(uintptr_t)addresses[i];
#else
    uint32_t d = trace[i].word >> 3 & 3, size = trace[i].word >> 5;
    switch (op) {
      case MALLOC: p = get(d, size < 4 ? 4 : size); break;
      case CALLOC: p = get_zeroed(d, size < 4 ? 4 : size); break;
      case REALLOC: p = resize(d, p, size < 4 ? 4 : size); break;
      case REALLOC_NULL: p = resize(d, NULL, size < 4 ? 4 : size); break;
      case FREE: put(d, p); break;
    }
#endif
#if defined(REPLAY_RECORD)
    addresses[i] = (uint32_t)(uintptr_t)p;
#endif
    if (op == FREE) continue;
    if (!p) return i + 1;
    *p = id;
    blocks[id] = p;
  }
  return 0;
}
