/* Everything about a request that is not the fast path. */
#include "object.h"

#include <stdbool.h>

/* The hook that serves d, or NULL. */
HOT const pym_allocator *hook_of(unsigned d) {
  return UNLIKELY(pym__hooks[d].on) ? &pym__hooks[d].fn : NULL;
}

HOT bool is_small(unsigned d, u32 n) { return d != PYM_RAW && n <= PYM_SMALL_MAX; }

/* The list is empty, or this call did not come by the fast path.
 * less  bytes that the same call will free: limits and peaks look at the difference */
static APART void *take_small(struct pym_heap *h, unsigned d, u32 n, u32 less) {
  const u32 s = rounded_small(n);
  void *p = list_of(h, d, s)->count ? pym__pop(&h->hot, d, s) : NULL;
  if (p) return p;
  const u32 open = is_open(h, d) ? POOL_BYTES : 1, most = allowed(h, d, s, open, less);
  if (UNLIKELY(!most)) return NULL;
  h->sampled[s / 8]++;
  h->sampled_bytes[s / 8] += n;
  if (UNLIKELY(h->pools_used < SMALL_HEAP) && most > 1) p = pym__borrow(h, d, s, less);
  if (!p) p = pym__refill(h, d, s, most, less);
  return LIKELY(p != NULL) ? p : pym__scrape(h, d, n, less);
}

/* A new block above 512 bytes, or one of the raw domain. */
HOT void *take_raw(struct pym_heap *h, unsigned d, u32 n, u32 less) {
  if (UNLIKELY(!allowed(h, d, pym__raw_size(n), 1, less))) return NULL;
  void *p = pym__raw_new(h, d, n, PYM_RAW_ALIGNMENT, less);
  return LIKELY(p != NULL) ? p : pym__fail(h, d, n, EVENT_OOM);
}

/* n >= 1; it was checked. */
HOT void *take(struct pym_heap *h, unsigned d, u32 n, u32 less) {
  return is_small(d, n) ? take_small(h, d, n, less) : take_raw(h, d, n, less);
}

/* The count of calls that returned NULL. */
APART void *pym__failed(struct pym_heap *h, unsigned d) {
  h->domains[d].failures++;
  return NULL;
}
HOT void *counted(struct pym_heap *h, unsigned d, void *p) {
  return LIKELY(p != NULL) ? p : pym__failed(h, d);
}

void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n) {
  return counted(h, d, n > PYM_SIZE_MAX ? NULL : take(h, d, n ? (u32)n : 1, 0));
}

TIDY void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n)) n = SIZE_MAX;
  void *p = pym__malloc_direct(h, d, n);
  if (!p) return NULL;
  if (n <= PYM_SMALL_MAX) zero_words(p, rounded_small(n));
  else __builtin_memset(p, 0, n);
  return p;
}

/* What the fast path did not serve: perhaps by a hook, perhaps nothing was started yet. */
void *pym__malloc_slow(unsigned d, size_t n) {
  const pym_allocator *k = hook_of(d);
  if (k && n <= PYM_SIZE_MAX) return k->malloc(k->ctx, n);
  pym__start();
  if (UNLIKELY(n - 1 >= PYM_SIZE_MAX)) return pym__malloc_direct(&pym__main, d, n);
  return counted(&pym__main, d, take(&pym__main, d, (u32)n, 0));
}

TIDY void *pym__calloc_slow(unsigned d, size_t count, size_t size) {
  const pym_allocator *k = hook_of(d);
  if (k && (size == 0 || count <= PYM_SIZE_MAX / size)) return k->calloc(k->ctx, count, size);
  pym__start();
  return pym__calloc_direct(&pym__main, d, count, size);
}

TIDY void *pym__realloc_slow(unsigned d, void *p, size_t n) {
  const pym_allocator *k = hook_of(d);
  if (k && n <= PYM_SIZE_MAX) return k->realloc(k->ctx, p, n);
  pym__start();
  return pym__realloc_direct(&pym__main, d, p, n);
}

/* ---- Resizing ---- */

/* Move the block of `old` bytes to its new place, of n, and free its own.  NULL: there is none. */
static TIDY void *moved(struct pym_heap *h, unsigned d, void *p, u32 old, void *to, u32 n) {
  if (!to) return NULL;
  u32 bytes = n < old ? n : old;
  if (bytes <= PYM_SMALL_MAX) copy_words(to, p, (bytes + 7) & ~7u);
  else __builtin_memcpy(to, p, bytes);
  pym__free_direct(h, d, p);
  if (pym__limits) pym__limits->settle(h);
  return to;
}

/* A block above 512 bytes that stays above. */
static void *resize_raw(struct pym_heap *h, unsigned d, void *p, u32 old, u32 n) {
  u32 usable = pym__raw_size(n);
  if (usable > old && !allowed(h, d, usable - old, 1, 0)) return NULL;
  if (pym__raw_resize(h, d, p, n)) return p;
  void *to = pym__raw_new(h, d, n, PYM_RAW_ALIGNMENT, old);
  return moved(h, d, p, old, to ? to : pym__fail(h, d, n, EVENT_OOM), n);
}

static void *resize(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 old = pym__usable(h, d, p), in_pool = class_of(off(p));
  if (!in_pool && !is_small(d, n)) return resize_raw(h, d, p, old, n);
  if (in_pool && stays(old, n)) return p;
  void *q = moved(h, d, p, old, take(h, d, n, old), n); /* one of the two is in a pool */
  if (q || n > old) return q;
  if (!in_pool) pym__raw_resize(h, d, p, n);
  pym__sizes_known = 0;
  return p; /* there is no other place: making it smaller never fails */
}

TIDY void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n) {
  if (!p) return pym__malloc_direct(h, d, n);
  return counted(h, d, n > PYM_SIZE_MAX ? NULL : resize(h, d, p, n ? (u32)n : 1));
}

/* ---- Freeing ---- */

/* The pool of the block at p, which is in use as far as this build can tell; NULL: it is raw. */
HOT struct pym__pool *verified_pool(struct pym_heap *h, unsigned d, const void *p) {
  struct pym__pool *pool = pym__pool_at(off(p));
  if (!pool) return NULL;
  if (UNLIKELY(d == PYM_RAW)) pym__corrupt(CAUSE_DOMAIN, off(p), d);
  if (UNLIKELY(pool->heap != (u16)h->id)) pym__corrupt(CAUSE_POOL, off(p), d);
  /* It looks as if it were free; or memory that was never written to has been copied here. */
  if (UNLIKELY((*(const pym__word *)p ^ pym__key) <= PYM__LINK_MAX) &&
      pym__pool_has_free(h, pool, off(p)))
    pym__corrupt(CAUSE_TWICE, off(p), d);
#if PYM_DEBUG >= 1
  pym__check_block(h, d, off(p), pool);
#endif
  return pool;
}

/* Usable size of a block that its owner names, verified as far as the build goes. */
u32 pym__usable(struct pym_heap *h, unsigned d, const void *p) {
  const struct pym__pool *pool = verified_pool(h, d, p);
  return pool ? pool->size : pym__raw_block(h, d, p);
}

void pym__free_direct(struct pym_heap *h, unsigned d, void *p) {
  if (!p) return;
  struct pym__pool *pool = verified_pool(h, d, p);
  if (!pool) {
    pym__raw_free(h, d, p);
    return;
  }
  const u32 s = pool->size;
  put_block(h, d, pool, p);
  if (LIKELY(is_open(h, d))) return;
  pym__count_class(h, d, s);
  discharge(h, d, 0);
}

void pym__free_slow(unsigned d, void *p) {
  const pym_allocator *k = hook_of(d);
  if (UNLIKELY(k != NULL)) {
    k->free(k->ctx, p);
    return;
  }
  pym__init(); /* a first call may bring anything */
  pym__free_direct(&pym__main, d, p);
}

void pym__pool_spent(unsigned d, void *p) { pym__pool_event(&pym__main, d, off(p)); }

#if PYM_DEBUG >= 1
/* Rounded up 65536 / class: x / class for x below 1024 without a division. */
#define RECIPROCAL(c) (u16)((65536 + (c)-1) / (c))
#define FOUR(c) RECIPROCAL(c), RECIPROCAL((c) + 1), RECIPROCAL((c) + 2), RECIPROCAL((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
static const u16 reciprocals[CLASS_SLOTS - 1] = {SIXTEEN(1), SIXTEEN(17), SIXTEEN(33), SIXTEEN(49)};

/* Does a block begin at o?  Sizes and offsets are multiples of 8: all is in units of that. */
void pym__check_offset(u32 o, const struct pym__pool *pool, unsigned d) {
  const u32 class = pool->size / PYM_ALIGNMENT, at = (o & (POOL_BYTES - 1)) - POOL_HEADER;
  const u32 unit = at / PYM_ALIGNMENT;
  const u32 i = class == 1 ? unit : unit * reciprocals[class - 1] >> 16;
  if (UNLIKELY(at % PYM_ALIGNMENT || at >= POOL_ROOM || i * class != unit ||
               at + pool->size > POOL_ROOM))
    pym__corrupt(CAUSE_NOT_BLOCK, o, d);
}

/* Hardened and debug builds: is o a block of h?  Whether it is free its first word told. */
void pym__check_block(struct pym_heap *h, unsigned d, u32 o, const struct pym__pool *pool) {
  if (UNLIKELY(pool->heap != (u16)h->id)) pym__corrupt(CAUSE_POOL, o, d);
  pym__check_offset(o, pool, d);
}
#endif
