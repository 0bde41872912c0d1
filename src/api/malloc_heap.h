/* Which heap malloc is on: the default one, or with threads the thread's own. */
#ifndef PYM_MALLOC_HEAP_H
#define PYM_MALLOC_HEAP_H

#include "core/chunk.h"
#include "core/domain.h"
#include "core/object.h"

/* What malloc serves at most.  PY_SSIZE_T_MAX is the domains' limit, not C's. */
#define MALLOC_MAX ((size_t)(PYM__MEMORY64 ? MEMORY_MAX : 0xfffd0000))

static int is_hooked(void);

static size_t rounded(size_t bytes) {
  const int wide = _Alignof(max_align_t) > PYM_ALIGNMENT;
  return wide && bytes > 8 && bytes <= PYM_SMALL_MAX ? (bytes + 15) & ~(size_t)15 : bytes;
}

/* The debug hooks align every block and should see the first byte behind it. */
static size_t asked(size_t bytes) { return is_hooked() ? bytes : rounded(bytes); }

/* huge_malloc: more than the domains serve, a raw block.  Hooks were promised smaller sizes. */
#if PYM_THREADS

HOT struct pym_heap *malloc_heap(void) { return pym__thread_heap; }
/* Hooks serve the domains' own functions only. */
static int is_hooked(void) { return 0; }
HOT void *malloc_slow(size_t bytes) { return pym__thread_malloc(bytes); }
HOT void free_slow(void *block) { pym__thread_free(block); }
HOT void *calloc_of(size_t bytes) {
  void *block = try_malloc(malloc_heap(), PYM_OBJ, bytes);
  if (UNLIKELY(!block)) block = malloc_slow(bytes);
  if (block && bytes <= PYM_SMALL_MAX) zero_words(block, bytes ? rounded_small(bytes) : 8);
  else if (block) __builtin_memset(block, 0, bytes);
  return block;
}

static COLD void *huge_malloc(size_t bytes) {
  return pym__aligned(&pym__main, PYM_RAW, PYM_RAW_ALIGNMENT, bytes, MALLOC_MAX);
}

static COLD void *huge_realloc(void *block, size_t bytes) {
  const struct pym__pool *pool = pym__pool_at(off(block));
  void *to = NULL;
  LOCKED();
  if (pool) {
    to = huge_malloc(bytes);
    if (!to) return NULL;
    __builtin_memcpy(to, block, pool->size);
    pym__thread_free(block);
    return to;
  }
  const unsigned domain = pym__raw_domain(&pym__main, block);
  if (bytes <= MALLOC_MAX) to = pym__resize(&pym__main, domain, block, (usize)bytes);
  return to ? to : pym__failed(&pym__main, domain);
}

HOT void *realloc_moving(void *block, size_t bytes) { /* block is not NULL */
  if (bytes > PYM_SIZE_MAX) return huge_realloc(block, bytes);
  return pym__thread_realloc(block, asked(bytes));
}

#else

HOT struct pym_heap *malloc_heap(void) { return &pym__main; }
static int is_hooked(void) { return UNLIKELY(pym__debug != NULL) && pym__debug->are_on(PYM_OBJ); }
/* Raw blocks of either domain come here: the block says which. */
static unsigned domain_of_block(void *block) {
  if (UNLIKELY(pym__debug != NULL) && pym__debug->is_debug_block(block)) return PYM_OBJ;
  return class_of(off(block)) ? PYM_OBJ : pym__raw_domain(&pym__main, block);
}
HOT void *malloc_slow(size_t bytes) { return pym__malloc_slow(PYM_OBJ, bytes); }
HOT void free_slow(void *block) { pym__free_slow(block ? domain_of_block(block) : PYM_OBJ, block); }
HOT void *calloc_of(size_t bytes) { return pym_obj_calloc(1, bytes); }

static COLD void *huge_malloc(size_t bytes) {
  if (pym__hooks[PYM_OBJ].on) return pym__failed(&pym__main, PYM_OBJ);
  return pym__aligned(&pym__main, PYM_OBJ, PYM_RAW_ALIGNMENT, bytes, MALLOC_MAX);
}

static COLD void *huge_realloc(void *block, unsigned domain, size_t bytes) {
  void *q = NULL;
  if (bytes <= MALLOC_MAX && !pym__hooks[domain].on)
    q = pym__resize(&pym__main, domain, block, (usize)bytes);
  return q ? q : pym__failed(&pym__main, domain);
}

HOT void *realloc_moving(void *block, size_t bytes) { /* block is not NULL */
  const unsigned domain = domain_of_block(block);
  if (bytes > PYM_SIZE_MAX) return huge_realloc(block, domain, bytes);
  return domain == PYM_RAW ? pym_raw_realloc(block, bytes) : pym_obj_realloc(block, asked(bytes));
}

#endif
#endif
