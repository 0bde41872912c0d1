/* Everything about a request that is not the fast path of object.h. */
#include "object.h"

#include <stdbool.h>

/* The hook that serves d, or NULL. */
static const pym_allocator *hook_of(unsigned d) {
  return UNLIKELY(pym__hooks[d].on) ? &pym__hooks[d].fn : NULL;
}

static bool is_small(unsigned d, u32 n) {
  return (d == PYM_MEM || d == PYM_OBJ) && n <= PYM_SMALL_MAX;
}

/* Nothing is at hand, or this call did not come by the fast path. */
static APART void *take_small(struct pym_heap *h, unsigned d, u32 n) {
  u32 s = (n + 7) & ~7u, b = pop(h, d, s);
  if (b) return at(b);
  h->sampled[s / 8]++;
  h->sampled_bytes[s / 8] += n;
  b = pym__borrow(h, d, s);
  if (!b) b = pym__refill(h, d, s);
  return b ? at(b) : NULL;
}

/* A new block above 512 bytes, or one of the raw domain. */
static void *take_raw(struct pym_heap *h, unsigned d, u32 n) {
  if (UNLIKELY(pym__limits != NULL) && !pym__limits->ask(h, d, pym__raw_size(n), 1)) return NULL;
  return pym__raw_new(h, d, n, PYM_RAW_ALIGNMENT);
}

/* n >= 1; it was checked. */
static void *take(struct pym_heap *h, unsigned d, u32 n) {
  return is_small(d, n) ? take_small(h, d, n) : take_raw(h, d, n);
}

/* The count of calls that returned NULL. */
APART void *pym__failed(struct pym_heap *h, unsigned d) {
  h->domains[d].failures++;
  return NULL;
}
static void *counted(struct pym_heap *h, unsigned d, void *p) {
  return LIKELY(p != NULL) ? p : pym__failed(h, d);
}

void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n) {
  return counted(h, d, n > PYM_SIZE_MAX ? NULL : take(h, d, n ? (u32)n : 1));
}

TIDY void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n)) n = SIZE_MAX;
  void *p = pym__malloc_direct(h, d, n);
  if (!p) return NULL;
  if (n <= PYM_SMALL_MAX) zero_words(p, ((u32)n + 7) & ~7u);
  else __builtin_memset(p, 0, n);
  return p;
}

/* What the fast path did not serve: perhaps by a hook, perhaps nothing was started yet. */
void *pym__malloc_slow(unsigned d, size_t n) {
  const pym_allocator *k = hook_of(d);
  if (k && n <= PYM_SIZE_MAX) return k->malloc(k->ctx, n);
  pym__start();
  return pym__malloc_direct(&pym__main, d, n);
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

/* Move the block of `old` bytes to its new place, of n, and free its own.  NULL: there is none.
 * While the place was taken, h->discount told limits and peaks to look at the difference. */
static TIDY void *moved(struct pym_heap *h, unsigned d, void *p, u32 old, void *to, u32 n) {
  h->discount = 0;
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
  if (usable > old && pym__limits && !pym__limits->ask(h, d, usable - old, 1)) return NULL;
  if (pym__raw_resize(h, d, p, n)) return p;
  h->discount = old;
  return moved(h, d, p, old, pym__raw_new(h, d, n, PYM_RAW_ALIGNMENT), n);
}

static TIDY void *resize(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 old = pym__usable(h, d, p), in_pool = class_of(off(p));
  if (!in_pool && !is_small(d, n)) return resize_raw(h, d, p, old, n);
  if (in_pool && stays(old, n)) return p;
  h->discount = old; /* one of the two is in a pool */
  void *q = moved(h, d, p, old, take(h, d, n), n);
  if (q || n > old) return q;
  if (!in_pool) pym__raw_resize(h, d, p, n);
  return p; /* there is no other place: making it smaller never fails */
}

TIDY void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n) {
  if (!p) return pym__malloc_direct(h, d, n);
  return counted(h, d, n > PYM_SIZE_MAX ? NULL : resize(h, d, p, n ? (u32)n : 1));
}

/* ---- Freeing ---- */

/* Usable size of a block that its owner names, verified as far as the build goes. */
u32 pym__usable(struct pym_heap *h, unsigned d, const void *p) {
  u32 o = off(p), s = class_of(o) * PYM_ALIGNMENT;
  if (!s) return pym__raw_block(h, d, p);
  if (UNLIKELY(d == PYM_RAW)) pym__corrupt(CAUSE_DOMAIN, o, d);
#if PYM_DEBUG >= 1
  pym__check_block(h, d, o);
#endif
  return s;
}

TIDY void pym__free_direct(struct pym_heap *h, unsigned d, void *p) {
  if (!p) return;
  u32 s = pym__usable(h, d, p);
  if (!class_of(off(p))) pym__raw_free(h, d, p);
  else if (h->domains[d].gate) push(h, d, s, off(p));
  else pym__take_back(h, d, s, off(p));
}

void pym__free_slow(unsigned d, void *p) {
  const pym_allocator *k = hook_of(d);
  if (!p) return;
  if (k) k->free(k->ctx, p);
  else if (!class_of(off(p))) pym__raw_free(&pym__main, d, p);
  else pym__free_direct(&pym__main, d, p);
}

#if PYM_DEBUG >= 1
/* Hardened and debug builds: is o a block of h that is in use?  A hardened build looks at the head
 * of the lists of free blocks, a debug build at their first 512: all of its pool's, and as many of
 * those at hand, whose list has no end that a free could afford to wait for. */
void pym__check_block(struct pym_heap *h, unsigned d, u32 o) {
  const struct pool *pool = pool_of(o);
  u32 first = off(pool) + POOL_HEADER;
  if (pool->check != (off(pool) ^ off(h) ^ POOL_KEY)) pym__corrupt(CAUSE_POOL, o, d);
  if (pool->size != class_of(o) * PYM_ALIGNMENT) pym__corrupt(CAUSE_POOL, o, d);
  if (o < first || (o - first) % pool->size) pym__corrupt(CAUSE_NOT_BLOCK, o, d);
  if ((o - first) / pool->size >= pool->cap) pym__corrupt(CAUSE_NOT_BLOCK, o, d);
  u32 tries = PYM_DEBUG >= 2 ? POOL_BYTES / PYM_ALIGNMENT : 1;
  for (u32 b = pool->free, i = 0; b && i < tries; b = *(const u32 *)at(b), i++) {
    if (b == o) pym__corrupt(CAUSE_TWICE, o, d);
    if (b >> POOL_SHIFT != o >> POOL_SHIFT) pym__corrupt(CAUSE_FREED_WRITTEN, b, d);
  }
  for (u32 b = bin_of_size(h, d, pool->size)->free, i = 0; b && i < tries; i++) {
    if (b == o) pym__corrupt(CAUSE_TWICE, o, d);
    if (!in_memory(b) || !class_of(b)) pym__corrupt(CAUSE_FREED_WRITTEN, b, d);
    b = *(const u32 *)at(b);
  }
}
#endif
