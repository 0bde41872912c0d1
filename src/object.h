/* The fast path of the mem and object domains, inlined into each public function with a constant
 * heap and domain, so that every address in it is a constant on wasm.
 *
 * malloc   pop the class's first block at hand
 * free     push it there: what was freed last is the next to go out, while the cache holds it
 * What is rare leaves by one comparison: zero or large requests, nothing at hand, a hook, a limit
 * that was passed, a raw block.  Limits are looked at when a bin is refilled (limits.c). */
#ifndef PYM_OBJECT_H
#define PYM_OBJECT_H

#include "internal.h"

u32 pym__usable(struct pym_heap *h, unsigned d, const void *p);
#if PYM_DEBUG >= 1
void pym__check_block(struct pym_heap *h, unsigned d, u32 o);
#endif

/* Lists and counters of the mem domain; those of the object domain lie as far behind each. */
HOT u64 *mallocs_of(struct pym_heap *h, unsigned d, u32 s) {
  return (u64 *)((char *)h->mem_mallocs + (d - PYM_MEM) * (2 * sizeof h->mem_mallocs) + s);
}
HOT u64 *frees_of(struct pym_heap *h, unsigned d, u32 s) {
  return (u64 *)((char *)h->mem_frees + (d - PYM_MEM) * (2 * sizeof h->mem_frees) + s);
}
HOT struct bin *bin_of_size(struct pym_heap *h, unsigned d, u32 s) {
  return (struct bin *)((char *)h->mem + (d - PYM_MEM) * sizeof h->mem + s);
}
_Static_assert(sizeof(u64) == PYM_ALIGNMENT && sizeof(struct bin) == PYM_ALIGNMENT,
               "a block size is an offset in these arrays");

/* A block of s bytes that is at hand, or 0. */
HOT u32 pop(struct pym_heap *h, unsigned d, u32 s) {
  struct bin *bin = bin_of_size(h, d, s);
  u32 b = bin->free;
  if (UNLIKELY(!b)) return 0;
  bin->free = *(u32 *)at(b);
  ++*mallocs_of(h, d, s);
  return b;
}

HOT void push(struct pym_heap *h, unsigned d, u32 s, u32 o) {
  struct bin *bin = bin_of_size(h, d, s);
  *(u32 *)at(o) = bin->free;
  bin->free = o;
  ++*frees_of(h, d, s);
}

/* Size of the pool block at o, or 0: not one, or the fast path is closed. */
HOT u32 open_block(struct pym_heap *h, unsigned d, u32 o) {
  u32 s = class_in(h->domains[d].gate, o) * PYM_ALIGNMENT;
#if PYM_DEBUG >= 1
  if (s) pym__check_block(h, d, o);
#endif
  return s;
}

/* ---- The domain functions; NULL or 0: not here, take the slow way ---- */

HOT void *try_malloc(struct pym_heap *h, unsigned d, size_t n) {
  if (UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return NULL;
  u32 b = pop(h, d, ((u32)n + 7) & ~7u);
  return b ? at(b) : NULL;
}

/* count * size was found not to wrap. */
HOT void *try_calloc(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  size_t n = count * size;
  void *p = try_malloc(h, d, n);
  if (LIKELY(p != NULL)) zero_words(p, ((u32)n + 7) & ~7u);
  return p;
}

HOT int try_free(struct pym_heap *h, unsigned d, void *p) {
  u32 o = off(p), s = open_block(h, d, o);
  if (UNLIKELY(!s)) return 0;
  push(h, d, s, o);
  return 1;
}

/* Does a pool block of `old` bytes serve n where it is?  If n fits and fills three quarters. */
HOT int stays(u32 old, u32 n) { return n <= old && (4 * n > 3 * old || ((n + 7) & ~7u) == old); }

HOT void *try_realloc(struct pym_heap *h, unsigned d, void *p, size_t n) {
  u32 o = off(p), old = open_block(h, d, o);
  if (UNLIKELY(!old) || UNLIKELY(n - 1 >= PYM_SMALL_MAX)) return NULL;
  if (stays(old, (u32)n)) return p;
  u32 s = ((u32)n + 7) & ~7u, b = pop(h, d, s);
  if (UNLIKELY(!b)) return NULL;
  copy_words(at(b), p, s < old ? s : old);
  push(h, d, old, o);
  return at(b);
}

#endif
