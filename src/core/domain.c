/* The domains: the public functions, on the default heap and on any heap, and the hooks. */
#include "core/domain.h"

#include "core/account.h"
#include "core/chunk.h"
#include "core/corrupt.h"
#include "core/event.h"
#include "core/object.h"
#include "core/profile.h"
#include "core/reclaim.h"
#include "core/space.h"

void *pym_raw_malloc(size_t bytes) { return pym__malloc_slow(PYM_RAW, bytes); }
void *pym_raw_calloc(size_t count, size_t size) { return pym__calloc_slow(PYM_RAW, count, size); }
void *pym_raw_realloc(void *block, size_t bytes) {
  return pym__realloc_slow(PYM_RAW, block, bytes);
}
void pym_raw_free(void *block) {
  if (SMALL_BUILD || UNLIKELY(pym__pool_at(off(block)) != NULL)) pym__free_slow(PYM_RAW, block);
  else pym__free_large(PYM_RAW, block);
}

/* mem and object: the fast path, then everything else. */
#define SMALL_DOMAIN(name, d)                                          \
  void *pym_##name##_malloc(size_t bytes) {                            \
    void *block = try_malloc(&pym__main, d, bytes);                    \
    return LIKELY(block != NULL) ? block : pym__malloc_slow(d, bytes); \
  }                                                                    \
  void pym_##name##_free(void *block) { free_on_main(d, block); }
SMALL_DOMAIN(mem, PYM_MEM)
SMALL_DOMAIN(obj, PYM_OBJ)

HOT void *small_calloc(unsigned domain, size_t count, size_t size) {
  size_t bytes;
  void *block = NULL;
  if (!SMALL_BUILD && LIKELY(!mul_wraps(count, size, &bytes)))
    block = try_calloc(&pym__main, domain, 1, bytes);
  return LIKELY(block != NULL) ? block : pym__calloc_slow(domain, count, size);
}
void *pym_mem_calloc(size_t count, size_t size) { return small_calloc(PYM_MEM, count, size); }
void *pym_mem_realloc(void *block, size_t bytes) {
  return pym__realloc_slow(PYM_MEM, block, bytes);
}

void *pym_obj_calloc(size_t count, size_t size) { return small_calloc(PYM_OBJ, count, size); }
/* Objects are resized when they turn out shorter than was thought: often enough for a fast path. */
void *pym_obj_realloc(void *block, size_t bytes) {
  if (SMALL_BUILD) return pym__realloc_slow(PYM_OBJ, block, bytes);
  void *moved = try_realloc(&pym__main, PYM_OBJ, block, bytes);
  return LIKELY(moved != NULL) ? moved : pym__realloc_slow(PYM_OBJ, block, bytes);
}

/* Can so many bytes have been asked for with this block?  A block that was made smaller stays where
 * it fills three quarters, a small heap takes one of a class a quarter larger.  A raw block has the
 * bytes too few for a chunk of their own, however small it is. */
static int size_may_be(size_t bytes, const void *block, usize usable) {
  const size_t own = class_of(off(block)) ? (bytes + 7) & ~(size_t)7 : bytes + 24;
  return bytes <= usable &&
         (!pym__sizes_known || 4 * own > 3 * (size_t)usable || own + 8 + own / 4 >= usable);
}

/* The size saves nothing here: a realloc that failed to find a smaller block may have left it in a
 * larger class, or in a raw block, so the block is asked after all.  A debug build compares the
 * two. */
void pym_obj_free_sized(void *block, size_t bytes) {
  PYM_ASSERT(!block || pym__hooks[PYM_OBJ].on ||
                 size_may_be(bytes, block, pym__usable(&pym__main, PYM_OBJ, block)),
             CAUSE_SIZED, off(block));
  (void)bytes, (void)size_may_be;
  pym_obj_free(block);
}

/* ---- Any heap ---- */

static int is_fast(const pym_heap *heap, enum pym_domain domain) {
  return domain == PYM_OBJ && heap != &pym__main;
}

void *pym_heap_malloc(pym_heap *heap, enum pym_domain domain, size_t bytes) {
  void *block = is_fast(heap, domain) ? try_malloc(heap, PYM_OBJ, bytes) : NULL;
  if (block) return block;
  pym__start();
  return pym__malloc_direct(heap, domain, bytes);
}

void *pym_heap_calloc(pym_heap *heap, enum pym_domain domain, size_t count, size_t size) {
  pym__start();
  return pym__calloc_direct(heap, domain, count, size);
}

void *pym_heap_realloc(pym_heap *heap, enum pym_domain domain, void *block, size_t bytes) {
  pym__start();
  return pym__realloc_direct(heap, domain, block, bytes);
}

void pym_heap_free(pym_heap *heap, enum pym_domain domain, void *block) {
  if (!is_fast(heap, domain) || !try_free(heap, PYM_OBJ, block))
    pym__free_direct(heap, domain, block);
}

void pym_heap_free_sized(pym_heap *heap, enum pym_domain domain, void *block, size_t bytes) {
  PYM_ASSERT(!block || size_may_be(bytes, block, pym__usable(heap, domain, block)), CAUSE_SIZED,
             off(block));
  (void)bytes;
  pym_heap_free(heap, domain, block);
}

void *pym__aligned(struct pym_heap *heap, unsigned domain, size_t align, size_t bytes,
                   size_t most) {
  LOCKED();
  pym__start();
  if (!align || align & (align - 1) || align > PYM_ALIGN_MAX || bytes > most)
    return pym__failed(heap, domain);
  if (!bytes) bytes = 1;
  if (align < PYM_RAW_ALIGNMENT) align = PYM_RAW_ALIGNMENT;
  if (!limit_grant(heap, domain, pym__raw_usable_for((usize)bytes), 1, 0))
    return pym__failed(heap, domain);
  void *block = pym__raw_alloc(heap, domain, (usize)bytes, (usize)align, 0);
  if (!block) block = pym__raw_again(heap, domain, (usize)bytes, (usize)align, 0);
  return block ? profiled(heap, domain, block, pym__raw_usable_for((usize)bytes))
               : pym__failed(heap, domain);
}

void *pym_heap_aligned_alloc(pym_heap *heap, size_t align, size_t bytes) {
  return pym__aligned(heap, PYM_RAW, align, bytes, PYM_SIZE_MAX);
}

void *pym_raw_aligned_alloc(size_t align, size_t bytes) {
  return pym_heap_aligned_alloc(&pym__main, align, bytes);
}

size_t pym_usable_size(const void *block) {
  if (!block) return 0;
  if (UNLIKELY(pym__debug != NULL) && pym__debug->is_debug_block(block))
    return pym__debug->size(block);
  if (UNLIKELY(pym__libc_size != NULL) && !pym_owns(block)) return pym__libc_size(block);
  pym__init();
  LOCKED();
  const struct pym__pool *pool = pym__pool_at(off(block));
  if (!pool) return pym__raw_usable(block);
  if (UNLIKELY((*(const pym__word *)block ^ pym__key) <= PYM__LINK_MAX) &&
      pool->heap == (u16)pym__main.id && pym__pool_has_free(&pym__main, pool, off(block)))
    pym__corrupt(CAUSE_FREED_USED, off(block), PYM_DOMAINS);
#if PYM_DEBUG >= 1
  pym__check_offset(off(block), pool, PYM_DOMAINS);
#endif
  return pool->size;
}

int pym_owns(const void *block) {
  const addr offset = off(block);
  if (!is_in_linmem(block)) return 0;
  LOCKED();
  for (addr segment = pym__main.segments; segment;
       segment = ((const struct segment *)at(segment))->next)
    if (offset > segment && offset < ((const struct segment *)at(segment))->end) return 1;
  return class_of(offset) != 0; /* of an arena that a hook gave */
}

/* ---- Hooks ---- */

/* What pym_allocator_get hands out when no hook is installed; ctx is the domain's number. */
static unsigned domain_of(void *ctx) { return (unsigned)(uintptr_t)ctx; }
static void *base_malloc(void *ctx, size_t bytes) {
  pym__start();
  return pym__malloc_direct(&pym__main, domain_of(ctx), bytes);
}
static void *base_calloc(void *ctx, size_t count, size_t size) {
  pym__start();
  return pym__calloc_direct(&pym__main, domain_of(ctx), count, size);
}
static void *base_realloc(void *ctx, void *block, size_t bytes) {
  pym__start();
  return pym__realloc_direct(&pym__main, domain_of(ctx), block, bytes);
}
static void base_free(void *ctx, void *block) {
  pym__free_direct(&pym__main, domain_of(ctx), block);
}

pym_allocator pym__base(unsigned domain) {
  return (pym_allocator){(void *)(uintptr_t)domain, base_malloc, base_calloc, base_realloc,
                         base_free};
}

void pym_allocator_get(enum pym_domain domain, pym_allocator *out) {
  pym__init();
  *out = pym__hooks[domain].on ? pym__hooks[domain].fn : pym__base(domain);
}

void pym_allocator_set(enum pym_domain domain, const pym_allocator *a) {
  pym__init();
  const pym_allocator base = pym__base(domain);
  const int is_base = a->ctx == base.ctx && a->malloc == base.malloc && a->calloc == base.calloc &&
                      a->realloc == base.realloc && a->free == base.free;
  pym__hooks[domain] = (struct hook){.fn = *a, .on = !is_base};
  pym__lists_return(&pym__main);
  pym__open(&pym__main);
}
