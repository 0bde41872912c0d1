/* Everything about a request that is not the fast path. */
#include "core/object.h"

#include <stdbool.h>

#include "core/account.h"
#include "core/chunk.h"
#include "core/corrupt.h"
#include "core/event.h"
#include "core/reclaim.h"
#include "core/space.h"

/* The hook that serves a domain, or NULL. */
HOT const pym_allocator *hook_of(unsigned domain) {
  return UNLIKELY(pym__hooks[domain].on) ? &pym__hooks[domain].fn : NULL;
}

HOT bool is_small(unsigned domain, usize bytes) {
  return domain != PYM_RAW && bytes <= PYM_SMALL_MAX;
}

/* A class that is much in demand has a pool of its own even in a small heap. */
HOT bool may_fall_back(const struct pym_heap *heap, u32 size) {
  const u64 requests = heap->sampled[size / 8];
  return requests <= FALLBACK_REQUESTS || requests * FALLBACK_SHARE <= heap->slow_requests;
}

/* The list is empty, or this call did not come by the fast path.
 * replaced  bytes that the same call will free: limits and peaks look at the difference */
static COLD void *allocate_small(struct pym_heap *heap, unsigned domain, usize bytes,
                                 usize replaced) {
  const u32 size = rounded_small(bytes);
  void *block = list_of(heap, domain, size)->count ? pym__pop(&heap->hot, domain, size) : NULL;
  if (block) return block;
  const u32 granted = is_open(heap, domain) ? POOL_BYTES : 1;
  if (UNLIKELY(PYM__READ(pym__limits) != NULL))
    return pym__limits->small(heap, domain, bytes, granted, replaced);
  note_size(heap, size, bytes);
  if (UNLIKELY(heap->pools_used < FALLBACK_POOLS) && granted > 1 && may_fall_back(heap, size))
    block = pym__alloc_larger_class(heap, domain, size, replaced);
  if (!block) block = pym__refill(heap, domain, size, granted, replaced);
  return LIKELY(block != NULL) ? block : pym__alloc_last_resort(heap, domain, bytes, replaced);
}

COLD void *pym__raw_again(struct pym_heap *heap, unsigned domain, usize bytes, usize align,
                          usize replaced) {
  void *block = NULL;
  if (pym__relieved(heap, domain, bytes)) {
    if (!limit_grant(heap, domain, pym__raw_usable_for(bytes), 1, replaced)) return NULL;
    block = pym__raw_alloc(heap, domain, bytes, align, replaced);
  }
  return block ? block : pym__fail(heap, domain, bytes, EVENT_OOM);
}

/* A new block above 512 bytes, or one of the raw domain, where none is cached and no limit is set.
 */
static void *allocate_chunk(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  void *block = pym__raw_new(heap, domain, bytes, PYM_RAW_ALIGNMENT, replaced);
  return LIKELY(block != NULL) ? block
                               : pym__raw_again(heap, domain, bytes, PYM_RAW_ALIGNMENT, replaced);
}

/* The same from the cache, or under limits. */
HOT void *allocate_raw(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  if (UNLIKELY(pym__limits != NULL)) return pym__limits->raw(heap, domain, bytes, replaced);
  void *block = pym__raw_cached(heap, domain, bytes, replaced);
  return block ? block : allocate_chunk(heap, domain, bytes, replaced);
}

/* At least one byte; it was checked. */
HOT void *allocate(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  return is_small(domain, bytes) ? allocate_small(heap, domain, bytes, replaced)
                                 : allocate_raw(heap, domain, bytes, replaced);
}

/* The count of calls that returned NULL. */
COLD void *pym__failed(struct pym_heap *heap, unsigned domain) {
  PYM__WRITE(heap->domains[domain].failures, heap->domains[domain].failures + 1);
  return NULL;
}
HOT void *or_failure(struct pym_heap *heap, unsigned domain, void *block) {
  return LIKELY(block != NULL) ? block : pym__failed(heap, domain);
}

void *pym__malloc_direct(struct pym_heap *heap, unsigned domain, size_t bytes) {
  LOCKED_FOR(heap);
  return or_failure(
      heap, domain,
      bytes > PYM_SIZE_MAX ? NULL : allocate(heap, domain, bytes ? (usize)bytes : 1, 0));
}

COLD void *pym__calloc_direct(struct pym_heap *heap, unsigned domain, size_t count, size_t size) {
  size_t bytes;
  if (mul_wraps(count, size, &bytes)) bytes = SIZE_MAX;
  void *block = pym__malloc_direct(heap, domain, bytes);
  if (!block) return NULL;
  if (bytes <= PYM_SMALL_MAX) zero_words(block, rounded_small(bytes));
  else __builtin_memset(block, 0, bytes);
  return block;
}

/* What the fast path did not serve: perhaps by a hook, perhaps nothing was started yet. */
void *pym__malloc_slow(unsigned domain, size_t bytes) {
  /* The common case of a larger block.  With threads the lock is taken first. */
  if (SMALL_BUILD + PYM_THREADS == 0 && bytes - 1 < PYM_SIZE_MAX &&
      !is_small(domain, (usize)bytes) && LIKELY(is_unwatched())) {
    void *block =
        bytes > CACHED_BYTES_MAX ? NULL : take_cached(&pym__main, domain, (usize)bytes, 0);
    if (LIKELY(block != NULL)) return block;
    return or_failure(&pym__main, domain, allocate_chunk(&pym__main, domain, (usize)bytes, 0));
  }
  if (UNLIKELY(!is_unwatched())) {
    const pym_allocator *hook = hook_of(domain);
    if (hook && bytes <= PYM_SIZE_MAX) return hook->malloc(hook->ctx, bytes);
    pym__start();
  }
  LOCKED();
  if (UNLIKELY(bytes - 1 >= PYM_SIZE_MAX)) return pym__malloc_direct(&pym__main, domain, bytes);
  return or_failure(&pym__main, domain, allocate(&pym__main, domain, (usize)bytes, 0));
}

COLD void *pym__calloc_slow(unsigned domain, size_t count, size_t size) {
  const pym_allocator *hook = hook_of(domain);
  if (hook && (size == 0 || count <= PYM_SIZE_MAX / size))
    return hook->calloc(hook->ctx, count, size);
  pym__start();
  return pym__calloc_direct(&pym__main, domain, count, size);
}

/* ---- Resizing ---- */

/* The pool of a block, which is in use as far as this build can tell; NULL: it is raw. */
HOT struct pym__pool *verified_pool(struct pym_heap *heap, unsigned domain, const void *block) {
  struct pym__pool *pool = pym__pool_at(off(block));
  if (!pool) return NULL;
  if (UNLIKELY(domain == PYM_RAW)) pym__corrupt(CAUSE_DOMAIN, off(block), domain);
  if (UNLIKELY(pool->heap != (u16)heap->id)) pym__corrupt(CAUSE_POOL, off(block), domain);
  /* It looks as if it were free; or memory that was never written to has been copied here. */
  if (UNLIKELY((*(const pym__word *)block ^ pym__key) <= PYM__LINK_MAX) &&
      pym__pool_has_free(heap, pool, off(block)))
    pym__corrupt(CAUSE_TWICE, off(block), domain);
#if PYM_DEBUG >= 1
  pym__check_block(heap, domain, off(block), pool);
#endif
  return pool;
}

COLD void *pym__moved(struct pym_heap *heap, unsigned domain, void *block, usize old, void *to,
                      usize n) {
  if (!to) return NULL;
  usize bytes = n < old ? n : old;
  if (bytes <= PYM_SMALL_MAX) copy_words(to, block, (bytes + 7) & ~(usize)7);
  else __builtin_memcpy(to, block, bytes);
  pym__free_direct(heap, domain, block);
  if (pym__limits) pym__limits->update(heap);
  return to;
}

/* A block above 512 bytes that stays above. */
static void *resize_raw(struct pym_heap *heap, unsigned domain, void *block, usize bytes) {
  if (LIKELY(pym__limits == NULL) && pym__raw_resize(heap, domain, block, bytes)) return block;
  const usize old = pym__raw_verified_size(heap, domain, block);
  if (UNLIKELY(pym__limits != NULL)) return pym__limits->resize(heap, domain, block, old, bytes);
  void *to = pym__raw_alloc(heap, domain, bytes, PYM_RAW_ALIGNMENT, old);
  if (!to) to = pym__raw_again(heap, domain, bytes, PYM_RAW_ALIGNMENT, old);
  return pym__moved(heap, domain, block, old, to, bytes);
}

void *pym__resize(struct pym_heap *heap, unsigned domain, void *block, usize bytes) {
  const struct pym__pool *in_pool = verified_pool(heap, domain, block);
  if (!in_pool && !is_small(domain, bytes)) return resize_raw(heap, domain, block, bytes);
  const usize old = in_pool ? in_pool->size : pym__raw_verified_size(heap, domain, block);
  if (in_pool ? fits_in_place(old, bytes)
              : UNLIKELY(pym__limits != NULL) && pym__limits->fits_in_place(block, bytes))
    return block;
  void *moved = pym__moved(heap, domain, block, old, allocate(heap, domain, bytes, old),
                           bytes); /* one of the two is in a pool */
  if (moved || bytes > old) return moved;
  if (!in_pool) pym__raw_resize(heap, domain, block, bytes);
  pym__sizes_known = 0;
  return block; /* there is no other place: making it smaller never fails */
}

COLD void *pym__realloc_direct(struct pym_heap *heap, unsigned domain, void *block, size_t bytes) {
  LOCKED();
  if (!block) return pym__malloc_direct(heap, domain, bytes);
  return or_failure(
      heap, domain,
      bytes > PYM_SIZE_MAX ? NULL : pym__resize(heap, domain, block, bytes ? (usize)bytes : 1));
}

COLD void *pym__realloc_slow(unsigned domain, void *block, size_t bytes) {
  if (UNLIKELY(!is_unwatched())) {
    const pym_allocator *hook = hook_of(domain);
    if (hook && bytes <= PYM_SIZE_MAX) return hook->realloc(hook->ctx, block, bytes);
    pym__start();
  } else if (!SMALL_BUILD && block && bytes > (domain == PYM_RAW ? 0 : PYM_SMALL_MAX) &&
             bytes <= PYM_SIZE_MAX && !pym__pool_at(off(block))) {
    LOCKED();
    return or_failure(&pym__main, domain, resize_raw(&pym__main, domain, block, (usize)bytes));
  }
  return pym__realloc_direct(&pym__main, domain, block, bytes);
}

/* ---- Freeing ---- */

/* Usable size of a block that its owner names, verified as far as the build goes. */
usize pym__usable(struct pym_heap *heap, unsigned domain, const void *block) {
  const struct pym__pool *pool = verified_pool(heap, domain, block);
  return pool ? pool->size : pym__raw_verified_size(heap, domain, block);
}

void pym__free_direct(struct pym_heap *heap, unsigned domain, void *block) {
  if (!block) return;
  LOCKED_FOR(heap);
  struct pym__pool *pool = verified_pool(heap, domain, block);
  if (!pool) {
    pym__raw_free(heap, domain, block);
    return;
  }
  const u32 size = pool->size;
  put_block(heap, domain, pool, block);
  if (LIKELY(is_open(heap, domain))) return;
  pym__count_class(heap, domain, size);
  uncharge(heap, domain, 0);
}

void pym__free_slow(unsigned domain, void *block) {
  const pym_allocator *hook = hook_of(domain);
  if (UNLIKELY(hook != NULL)) {
    hook->free(hook->ctx, block);
    return;
  }
  pym__init(); /* a first call may bring anything */
  pym__free_direct(&pym__main, domain, block);
}

void pym__free_large(unsigned domain, void *block) {
  LOCKED();
  if (LIKELY(is_unwatched()) && LIKELY(block != NULL)) {
    release_raw(&pym__main, domain, block);
    return;
  }
  if (!block || pym__hooks[domain].on || pym__space.magic != SPACE_MAGIC)
    pym__free_slow(domain, block);
  else pym__raw_free(&pym__main, domain, block);
}

void pym__pool_spent(unsigned domain, void *block) {
  pym__pool_transition(&pym__main, domain, off(block));
}

#if PYM_DEBUG >= 1
/* Rounded up 65536 / class: x / class for x below 1024 without a division. */
#define RECIPROCAL(c) (u16)((65536 + (c) - 1) / (c))
#define FOUR(c) RECIPROCAL(c), RECIPROCAL((c) + 1), RECIPROCAL((c) + 2), RECIPROCAL((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
static const u16 reciprocals[CLASS_SLOTS - 1] = {SIXTEEN(1), SIXTEEN(17), SIXTEEN(33), SIXTEEN(49)};

/* Does a block begin there?  Sizes and offsets are multiples of 8: all is in units of that. */
void pym__check_offset(addr offset, const struct pym__pool *pool, unsigned domain) {
  const u32 class = pool->size / PYM_ALIGNMENT, at = (u32)(offset & (POOL_BYTES - 1)) - POOL_HEADER;
  const u32 unit = at / PYM_ALIGNMENT;
  const u32 i = class == 1 ? unit : unit * reciprocals[class - 1] >> 16;
  if (UNLIKELY(at % PYM_ALIGNMENT || at >= POOL_ROOM || i * class != unit ||
               at + pool->size > POOL_ROOM))
    pym__corrupt(CAUSE_NOT_BLOCK, offset, domain);
}

/* Hardened and debug builds: is it a block of the heap?  Whether it is free its first word told. */
void pym__check_block(struct pym_heap *heap, unsigned domain, addr offset,
                      const struct pym__pool *pool) {
  if (UNLIKELY(pool->heap != (u16)heap->id)) pym__corrupt(CAUSE_POOL, offset, domain);
  pym__check_offset(offset, pool, domain);
}
#endif
