/* The domain functions as far as the fast path of fast.h serves them, inlined into each public
 * function with a constant heap and domain, so that every address in it is a constant on wasm.
 *
 * NULL or 0: not here, take the slow way: zero or large requests, an empty list, a hook, a limit
 * that was passed, a raw block. */
#ifndef PYM_CORE_OBJECT_H
#define PYM_CORE_OBJECT_H

#include "core/pool.h"
#include "core/state.h"

/* pym__malloc_slow, pym__free_slow, pym__pool_spent: the default heap's; see pymalloc.h */
void *pym__calloc_slow(unsigned domain, size_t count, size_t size);
void *pym__realloc_slow(unsigned domain, void *block, size_t bytes);
void *pym__malloc_direct(struct pym_heap *heap, unsigned domain,
                         size_t bytes); /* below the hooks */
void *pym__calloc_direct(struct pym_heap *heap, unsigned domain, size_t count, size_t size);
void *pym__realloc_direct(struct pym_heap *heap, unsigned domain, void *block, size_t bytes);
void pym__free_direct(struct pym_heap *heap, unsigned domain, void *block);
void *pym__failed(struct pym_heap *heap, unsigned domain); /* NULL, counted */
void *pym__resize(struct pym_heap *heap, unsigned domain, void *block,
                  usize bytes); /* bytes >= 1, not counted */
/* pym__raw_alloc gave NULL: once more, if the callback may have freed something; or an event, NULL.
 */
void *pym__raw_again(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                     usize replaced);
/* Move a block of `old` bytes to its new place, of bytes, and free the old one.  NULL: there is
 * none. */
void *pym__moved(struct pym_heap *heap, unsigned domain, void *block, usize old, void *to,
                 usize bytes);

usize pym__usable(struct pym_heap *heap, unsigned domain, const void *block);
#if PYM_DEBUG >= 1
void pym__check_offset(addr offset, const struct pym__pool *pool, unsigned domain);
void pym__check_block(struct pym_heap *heap, unsigned domain, addr offset,
                      const struct pym__pool *pool);
#endif

/* For the estimate of what rounding costs. */
HOT void note_size(struct pym_heap *heap, u32 size, usize bytes) {
  heap->sampled[size / 8]++;
  heap->slow_requests++;
  heap->sampled_bytes[size / 8] += bytes;
}

/* May the fast path free the block at block, of this pool?  It is in use as far as this build can
 * tell; no: the fast path is closed, or the block is free already. */
HOT int is_free_open(struct pym_heap *heap, unsigned domain, const void *block,
                     const struct pym__pool *pool) {
  if (UNLIKELY(!is_owner(heap, pool))) return 0;
  if (UNLIKELY((*(const pym__word *)block ^ pym__key) <=
               PYM__READ(heap->hot.closed[domain - PYM_MEM])))
    return 0;
#if PYM_DEBUG >= 1
  pym__check_block(heap, domain, off(block), pool);
#else
  (void)pool;
#endif
  return 1;
}

/* The pool of the block at block; NULL: it lies in none, or the fast path may not free it. */
HOT struct pym__pool *open_pool(struct pym_heap *heap, unsigned domain, const void *block) {
  struct pym__pool *pool = pym__pool_at(off(block));
  return LIKELY(pool != NULL) && LIKELY(is_free_open(heap, domain, block, pool)) ? pool : NULL;
}

HOT void put_block(struct pym_heap *heap, unsigned domain, struct pym__pool *pool, void *block) {
  if (UNLIKELY(!pym__push(&heap->hot, domain, pool, block, off(block))))
    pym__pool_transition(heap, domain, off(block));
}

HOT void *try_malloc(struct pym_heap *heap, unsigned domain, size_t bytes) {
  if (UNLIKELY(bytes - 1 >= PYM_SMALL_MAX)) return NULL;
  return pym__pop(&heap->hot, domain, rounded_small(bytes));
}

/* count * size was found not to wrap. */
HOT void *try_calloc(struct pym_heap *heap, unsigned domain, size_t count, size_t size) {
  size_t bytes = count * size;
  void *block = try_malloc(heap, domain, bytes);
  if (LIKELY(block != NULL)) zero_words(block, rounded_small(bytes));
  return block;
}

HOT int try_free(struct pym_heap *heap, unsigned domain, void *block) {
  struct pym__pool *pool = open_pool(heap, domain, block);
  if (UNLIKELY(!pool)) return 0;
  put_block(heap, domain, pool, block);
  return 1;
}

/* Free a block of the default heap. */
HOT void free_on_main(unsigned domain, void *block) {
  struct pym__pool *pool = pym__pool_at(off(block));
  if (UNLIKELY(!pool)) pym__free_large(domain, block);
  else if (UNLIKELY(!is_free_open(&pym__main, domain, block, pool))) pym__free_slow(domain, block);
  else put_block(&pym__main, domain, pool, block);
}

/* Does a pool block of `old` bytes serve bytes where it is?  If bytes fits and fills three
 * quarters. */
HOT int fits_in_place(usize old, usize bytes) {
  return bytes <= old && (4 * bytes > 3 * old || ((bytes + 7) & ~(usize)7) == old);
}

HOT void *try_realloc(struct pym_heap *heap, unsigned domain, void *block, size_t bytes) {
  struct pym__pool *pool = open_pool(heap, domain, block);
  if (UNLIKELY(!pool) || UNLIKELY(bytes - 1 >= PYM_SMALL_MAX)) return NULL;
  const u32 old = pool->size, size = rounded_small(bytes);
  if (fits_in_place(old, (usize)bytes)) return block;
  void *to = pym__pop(&heap->hot, domain, size);
  if (UNLIKELY(!to)) return NULL;
  copy_words(to, block, size < old ? size : old);
  put_block(heap, domain, pool, block);
  return to;
}

#endif
