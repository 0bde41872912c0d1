/* Everything about a request that is not the fast path of object.h. */
#include "object.h"

#include <stdbool.h>

/* The hook that serves d, or NULL. */
static const pym_allocator *hook_of(const struct pym_heap *h, unsigned d) {
  return h == &pym__main && d < PYM_DOMAINS && pym__hooks[d].on ? &pym__hooks[d].fn : NULL;
}

static bool is_small(unsigned d, size_t n) {
  return (d == PYM_MEM || d == PYM_OBJ) && n <= PYM_SMALL_MAX;
}

/* Usable size that a request of n >= 1 bytes gets. */
static u32 served_size(unsigned d, u32 n) {
  return is_small(d, n) ? (n + 7) & ~7u : pym__raw_size(n);
}

/* Nothing is at hand, or this call did not come by the fast path. */
static void *take_small(struct pym_heap *h, unsigned d, u32 n) {
  u32 s = (n + 7) & ~7u;
  u32 b = pop(h, d, s);
  if (b) return at(b);
  h->sampled[s / 8]++;
  h->sampled_bytes[s / 8] += n;
  b = pym__refill(h, d, s);
  if (!b) return NULL;
  ++*mallocs_of(h, d, s);
  return at(b);
}

static TIDY void *take_raw(struct pym_heap *h, unsigned d, u32 n) {
  u32 bytes = pym__raw_size(n);
  if (!pym__charge(h, d, bytes)) return NULL;
  void *p = pym__raw_take(h, d, n);
  if (p) return p;
  pym__discharge(h, d, bytes);
  return pym__fail(h, d, n, EVENT_OOM);
}

/* The count of calls that returned NULL. */
static void *counted(struct pym_heap *h, unsigned d, void *p) {
  if (!p) h->domains[d].failures++;
  return p;
}

static TIDY void *grant(struct pym_heap *h, unsigned d, size_t size) {
  if (size > PYM_SIZE_MAX) return NULL;
  u32 n = size ? (u32)size : 1;
  return is_small(d, n) ? take_small(h, d, n) : take_raw(h, d, n);
}

void *pym__malloc_direct(struct pym_heap *h, unsigned d, size_t n) {
  return counted(h, d, grant(h, d, n));
}

void *pym__aligned_direct(struct pym_heap *h, size_t align, size_t n) {
  int valid = align && !(align & (align - 1)) && align <= PAGE_BYTES && n <= PYM_SIZE_MAX;
  if (valid && align <= PYM_RAW_ALIGNMENT) return pym__malloc_direct(h, PYM_RAW, n);
  return counted(h, PYM_RAW, valid ? pym__raw_aligned_alloc(h, (u32)align, n ? (u32)n : 1) : NULL);
}

TIDY void *pym__calloc_direct(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n) || n > PYM_SIZE_MAX) return counted(h, d, NULL);
  void *p = pym__malloc_direct(h, d, n);
  if (!p) return NULL;
  if (is_small(d, n)) zero_words(p, ((u32)n + 7) & ~7u);
  else __builtin_memset(p, 0, n);
  return p;
}

/* What the fast path did not serve: perhaps by a hook, perhaps nothing was started yet. */
void *pym__malloc_slow(struct pym_heap *h, unsigned d, size_t n) {
  pym__start();
  const pym_allocator *k = hook_of(h, d);
  return UNLIKELY(k != NULL) && n <= PYM_SIZE_MAX ? k->malloc(k->ctx, n)
                                                  : pym__malloc_direct(h, d, n);
}

TIDY void *pym__calloc_slow(struct pym_heap *h, unsigned d, size_t count, size_t size) {
  pym__start();
  const pym_allocator *k = hook_of(h, d);
  if (UNLIKELY(k != NULL) && (size == 0 || count <= PYM_SIZE_MAX / size))
    return k->calloc(k->ctx, count, size);
  return pym__calloc_direct(h, d, count, size);
}

TIDY void *pym__realloc_slow(struct pym_heap *h, unsigned d, void *p, size_t n) {
  pym__start();
  const pym_allocator *k = hook_of(h, d);
  return UNLIKELY(k != NULL) && n <= PYM_SIZE_MAX ? k->realloc(k->ctx, p, n)
                                                  : pym__realloc_direct(h, d, p, n);
}

/* ---- Resizing ---- */

/* Move a block of `old` usable bytes to a new place for n; one of the two is in a pool.  Limits
 * look at the difference. */
static TIDY void *move(struct pym_heap *h, unsigned d, void *p, u32 old, u32 n) {
  h->discount = old;
  void *q = grant(h, d, n);
  h->discount = 0;
  if (!q) return NULL;
  u32 served = served_size(d, n);
  copy_words(q, p, served < old ? served : old);
  pym__free_direct(h, d, p);
  if (pym__charge_at_limit)
    pym__settle(h); /* what was freed lies at hand, charged beyond a limit */
  return q;
}

static TIDY void *resize(struct pym_heap *h, unsigned d, void *p, u32 n) {
  u32 o = off(p);
  enum page_kind kind = pym__page_kind(o >> 16);
  if (kind == PAGE_POOL && d != PYM_RAW) {
#if PYM_DEBUG >= 1
    pym__check_block(h, d, o);
#endif
    /* It stays while n fits and fills more than three quarters, or if there is no other place. */
    u32 old = pool_of(o)->size;
    if (stays(old, n)) return p;
    void *q = move(h, d, p, old, n);
    return q || n > old ? q : p;
  }
  if (kind == PAGE_POOL) pym__corrupt("block belongs to another domain", o, d);
  if (kind != PAGE_RAW) pym__corrupt("pointer is not a block", o, d);
  if (is_small(d, n)) {
    void *q = move(h, d, p, pym__raw_usable(p), n);
    if (q) return q;
  }
  return pym__raw_realloc(h, d, p, n);
}

TIDY void *pym__realloc_direct(struct pym_heap *h, unsigned d, void *p, size_t n) {
  if (!p) return pym__malloc_direct(h, d, n);
  if (n > PYM_SIZE_MAX) return counted(h, d, NULL);
  return counted(h, d, resize(h, d, p, n ? (u32)n : 1));
}

/* ---- Freeing ---- */

/* The fast path's work where a hook or a limit has closed it. */
static void free_small(struct pym_heap *h, unsigned d, u32 o) {
#if PYM_DEBUG >= 1
  pym__check_block(h, d, o);
#endif
  u32 s = pool_of(o)->size;
  ++*frees_of(h, d, s);
  pym__take_back(h, d, s, o);
}

TIDY void pym__free_direct(struct pym_heap *h, unsigned d, void *p) {
  if (!p) return;
  u32 o = off(p);
  enum page_kind kind = pym__page_kind(o >> 16);
  if (kind == PAGE_POOL && d != PYM_RAW) {
    if (!try_free(h, d, p)) free_small(h, d, o);
  } else if (kind == PAGE_RAW) {
    pym__raw_free(h, d, p);
  } else {
    pym__corrupt(kind == PAGE_POOL ? "block belongs to another domain" : "pointer is not a block",
                 o, d);
  }
}

void pym__free_slow(struct pym_heap *h, unsigned d, void *p) {
  if (!p) return;
  const pym_allocator *k = hook_of(h, d);
  if (UNLIKELY(k != NULL)) k->free(k->ctx, p);
  else pym__free_direct(h, d, p);
}

#if PYM_DEBUG >= 1
/* Hardened and debug builds: is o a block of h that is in use?  A hardened build looks at the head
 * of the lists of free blocks, a debug build at their first 512: all of its pool's, and as many of
 * those at hand, whose list has no end that a free could afford to wait for. */
void pym__check_block(struct pym_heap *h, unsigned d, u32 o) {
  const struct pool *pool = pool_of(o);
  const struct page *page = at(entry_at(o) - PAGE_HEADER);
  if (page->magic != PAGE_MAGIC || page->number != o >> 16)
    pym__corrupt("arena page's descriptor overwritten", o, d);
  if (page->heap != off(h)) pym__corrupt("block belongs to another heap", o, d);
  if (page->unused >> (o >> 12 & 15) & 1) pym__corrupt("double free: pool is not in use", o, d);
  if (pool->base != (o & ~(POOL_BYTES - 1))) pym__corrupt("pool descriptor overwritten", o, d);
  if ((o - pool->base) % pool->size) pym__corrupt("pointer is not a block", o, d);
  if ((o - pool->base) / pool->size >= pool->carved)
    pym__corrupt("block was never given out", o, d);
  u32 tries = PYM_DEBUG >= 2 ? POOL_BYTES / PYM_ALIGNMENT : 1;
  for (u32 b = pool->free, i = 0; b && i < tries; b = *(const u32 *)at(b), i++) {
    if (b == o) pym__corrupt("double free", o, d);
    if (b >> 12 != o >> 12) pym__corrupt("freed block written to", b, d);
  }
  for (u32 b = bin_of_size(h, d, pool->size)->free, i = 0; b && i < tries; i++) {
    if (b == o) pym__corrupt("double free", o, d);
    if (!in_memory(b, PYM_ALIGNMENT) || entry_at(b) <= GATE)
      pym__corrupt("freed block written to", b, d);
    b = *(const u32 *)at(b);
  }
}
#endif
