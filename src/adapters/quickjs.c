#include "adapters/quickjs.h"

#include "core/chunk.h"
#include "core/object.h"

/* As quickjs.h has it; the functions keep the first two. */
struct JSMallocState {
  size_t malloc_count, malloc_size, malloc_limit;
  void *opaque;
};

HOT pym_heap *heap_of(const struct JSMallocState *s) { return s->opaque ? s->opaque : &pym__main; }

/* Does a block that lies in no pool have a header of the default heap's, and nobody looks at calls?
 * Then that tells its size. */
HOT int is_plain(const struct JSMallocState *s, const void *block) {
  return !s->opaque && is_unwatched() && !pym__pool_at(off(block));
}
static size_t usable_of(const struct JSMallocState *s, const void *block) {
  if (!is_plain(s, block)) return pym_usable_size(block);
  LOCKED();
  return pym__raw_usable(block);
}

/* The fast path inlined: it knows the usable size without a look at the block. */
void *pym_quickjs_malloc(struct JSMallocState *s, size_t bytes) {
  pym_heap *heap = heap_of(s);
  if (UNLIKELY(s->malloc_size + bytes > s->malloc_limit)) return NULL;
  size_t usable = rounded_small(bytes);
  void *block = try_malloc(heap, PYM_OBJ, bytes);
  if (UNLIKELY(!block)) {
    block = s->opaque ? pym_heap_malloc(heap, PYM_OBJ, bytes) : pym__malloc_slow(PYM_OBJ, bytes);
    if (UNLIKELY(!block)) return NULL;
    usable = usable_of(s, block);
  }
  s->malloc_count++;
  s->malloc_size += usable;
  return block;
}

void pym_quickjs_free(struct JSMallocState *s, void *block) {
  pym_heap *heap = heap_of(s);
  if (!block) return;
  s->malloc_count--;
  struct pym__pool *pool = open_pool(heap, PYM_OBJ, block);
  if (LIKELY(pool != NULL)) {
    s->malloc_size -= pool->size;
    put_block(heap, PYM_OBJ, pool, block);
    return;
  }
  if (is_plain(s, block)) {
    LOCKED();
    s->malloc_size -= release_raw(&pym__main, PYM_OBJ, block);
    return;
  }
  s->malloc_size -= pym_usable_size(block);
  if (s->opaque) pym_heap_free(heap, PYM_OBJ, block);
  else pym__free_slow(PYM_OBJ, block);
}

/* Of 0 bytes it frees: QuickJS's own does. */
void *pym_quickjs_realloc(struct JSMallocState *s, void *block, size_t bytes) {
  if (!block) return bytes ? pym_quickjs_malloc(s, bytes) : NULL;
  if (!bytes) {
    pym_quickjs_free(s, block);
    return NULL;
  }
  struct pym__pool *pool = open_pool(heap_of(s), PYM_OBJ, block);
  const size_t old = pool ? pool->size : usable_of(s, block);
  if (UNLIKELY(s->malloc_size + bytes - old > s->malloc_limit)) return NULL;
  void *q = try_realloc(heap_of(s), PYM_OBJ, block, bytes);
  if (LIKELY(q != NULL)) {
    if (q != block) s->malloc_size += rounded_small(bytes) - old;
    return q;
  }
  q = s->opaque ? pym_heap_realloc(s->opaque, PYM_OBJ, block, bytes)
                : pym__realloc_slow(PYM_OBJ, block, bytes);
  if (LIKELY(q != NULL)) s->malloc_size += usable_of(s, q) - old;
  return q;
}

size_t pym_quickjs_usable_size(const void *block) { return pym_usable_size(block); }
