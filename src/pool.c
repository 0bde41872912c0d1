/* pymalloc's middle: pools of equal blocks, in pages, in arenas.
 *
 *   arena    256 KiB window of linear memory: up to four 64 KiB pages, taken one by one
 *   page     16 pools; struct page behind the header of its pool 0 knows which are not in use
 *   pool     4 KiB, blocks of one size class
 *
 * Pools go round:
 *
 *   unused --- pool_new ---> usable --- refill takes its last free block ---> full
 *     ^                       |  ^                                             |
 *     +--- all blocks back ---+  +---------------- a block comes back ---------+
 *
 * A class refills its list of blocks at hand (struct bin) from the first pool of its ring; pools
 * that become usable again join at the end, so they gather free blocks meanwhile.  A new pool comes
 * from the fullest page that has one, so that other pages run empty; an empty page goes back to the
 * page pool at once. */
#include "internal.h"

#define BATCH_BYTES 1024u
#define BATCH_LEAST 8u

pym_arena_allocator pym__arena_hook;

/* One arena that a hook gave; kept in a raw block of domain INTERNAL. */
struct hooked_arena {
  void *base;
  pym_arena_allocator from;
  u32 first, pages; /* whole pages inside */
  u32 live;         /* of them, those with pools in use */
  u32 kind_before;  /* what the page table said: foreign, or raw if the hook took a raw block */
};

static struct pool *pool_at(u32 o) { return at(o); }
static struct page *page_at(u32 o) { return at(o); } /* o: of the struct, not of the page */
static u32 page_of(u32 o) { return (o & ~(PAGE_BYTES - 1)) + PAGE_HEADER; }

/* ---- Lists of pages, by the number of their unused pools ---- */

static u32 unused_pools(const struct page *g) { return (u32)__builtin_popcount(g->unused); }

static void page_link(struct pym_heap *h, struct page *g) {
  u32 k = unused_pools(g), o = off(g);
  if (!k) return;
  g->next = h->page_lists[k];
  g->prev = 0;
  if (g->next) page_at(g->next)->prev = o;
  h->page_lists[k] = o;
}

static void page_unlink(struct pym_heap *h, struct page *g) {
  u32 k = unused_pools(g);
  if (!k) return;
  if (UNLIKELY(g->magic != PAGE_MAGIC))
    pym__corrupt("arena page header overwritten", off(g), INTERNAL);
  if (g->prev) page_at(g->prev)->next = g->next;
  else h->page_lists[k] = g->next;
  if (g->next) page_at(g->next)->prev = g->prev;
}

/* ---- Arenas ---- */

/* Pages of h with pools in the window of this page, itself not counted. */
static u32 others_in_window(const struct pym_heap *h, u32 page) {
  u32 w = page & ~(WINDOW_PAGES - 1), n = 0;
  for (u32 i = w; i < w + WINDOW_PAGES; i++)
    if (i != page && pym__page_kind(i) == PAGE_POOL) {
      const struct page *g = at((i << 16) + PAGE_HEADER);
      n += g->heap == off(h) && !g->hook;
    }
  return n;
}

static void arena_opened(struct pym_heap *h) {
  h->arenas++;
  h->arenas_total++;
  if (h->arenas > h->arenas_peak) h->arenas_peak = h->arenas;
}

/* Make a page, marked as a pool page already, one of h's. */
static void page_add(struct pym_heap *h, u32 page, u32 hook) {
  struct page *g = at((page << 16) + PAGE_HEADER);
  *g = (struct page){.heap = off(h), .unused = 0xffff, .hook = hook, .magic = PAGE_MAGIC};
  g->all_next = h->all_pages;
  if (g->all_next) page_at(g->all_next)->all_prev = off(g);
  h->all_pages = off(g);
  h->pool_pages++;
  page_link(h, g);
}

static void page_remove(struct pym_heap *h, struct page *g) {
  page_unlink(h, g);
  if (g->all_prev) page_at(g->all_prev)->all_next = g->all_next;
  else h->all_pages = g->all_next;
  if (g->all_next) page_at(g->all_next)->all_prev = g->all_prev;
  g->magic = 0;
  h->pool_pages--;
}

/* 256 KiB from the hook.  0: it has none, or none that can be used. */
static int arena_from_hook(struct pym_heap *h) {
  const pym_arena_allocator from = pym__arena_hook;
  void *base = from.alloc(from.ctx, PYM_ARENA_BYTES);
  if (!base) return 0;
  u32 o = off(base), first = (o + PAGE_BYTES - 1) >> 16;
  u32 pages = (u32)((o + PYM_ARENA_BYTES) >> 16) - first;
  struct hooked_arena *a = NULL;
  if (at(o) == base && pym__cover(h, PYM_OBJ, first + pages))
    a = pym__malloc_direct(h, INTERNAL, sizeof *a);
  if (!a) {
    from.free(from.ctx, base, PYM_ARENA_BYTES);
    return 0;
  }
  *a = (struct hooked_arena){base, from, first, pages, 0, pym__page_kind(first)};
  pym__pages_set(first, pages, PAGE_POOL);
  for (u32 i = first; i < first + pages; i++) page_add(h, i, off(a));
  arena_opened(h);
  return 1;
}

static void arena_to_hook(struct pym_heap *h, struct hooked_arena *a) {
  for (u32 i = a->first; i < a->first + a->pages; i++)
    page_remove(h, at((i << 16) + PAGE_HEADER));
  pym__pages_set(a->first, a->pages, (enum page_kind)a->kind_before);
  h->arenas--;
  a->from.free(a->from.ctx, a->base, PYM_ARENA_BYTES);
  pym__raw_free(h, INTERNAL, a);
}

/* One more page for pools: the next one of the arena opened last, else any free page, else a new
 * one.  0: no memory. */
static int arena_add_page(struct pym_heap *h, unsigned d, int thorough) {
  if (h == &pym__main && pym__arena_hook.alloc) return arena_from_hook(h);
  u32 page = h->last_page + 1;
  if (!h->last_page || page % WINDOW_PAGES == 0 ||
      !pym__pages_at(h, d, page, 1, POOL_BYTES, 0)) {
    page = pym__pages_find(1, thorough);
    if (!page) page = pym__pages_grow(h, d, 1, POOL_BYTES);
    if (!page) return 0;
  }
  if (!others_in_window(h, page)) arena_opened(h);
  pym__pages_set(page, 1, PAGE_POOL);
  page_add(h, page, 0);
  h->last_page = page;
  return 1;
}

static void page_to_pool(struct pym_heap *h, struct page *g) {
  u32 page = off(g) >> 16;
  page_remove(h, g);
  if (!others_in_window(h, page)) h->arenas--;
  if (h->last_page == page) h->last_page = 0;
  pym__pages_give(page, 1);
}

/* ---- Pools ---- */

static void ring_add(struct bin *bin, struct pool *pool) {
  u32 o = off(pool);
  if (!bin->usable) {
    pool->next = pool->prev = o;
    bin->usable = o;
    return;
  }
  struct pool *first = pool_at(bin->usable), *last = pool_at(first->prev);
  pool->next = off(first);
  pool->prev = off(last);
  last->next = first->prev = o;
}

static void ring_remove(struct bin *bin, struct pool *pool) {
  u32 o = off(pool);
  if (UNLIKELY(!in_memory(pool->next) || !in_memory(pool->prev) ||
               pool_at(pool->next)->prev != o || pool_at(pool->prev)->next != o))
    pym__corrupt("pool header overwritten", o, INTERNAL);
  pool_at(pool->next)->prev = pool->prev;
  pool_at(pool->prev)->next = pool->next;
  if (bin->usable == o) bin->usable = pool->next == o ? 0 : pool->next;
}

static u32 first_block(const struct pool *pool) { return off(pool) + (pool->index ? 32 : 64); }
_Static_assert(sizeof(struct pool) == 32 && PAGE_HEADER + sizeof(struct page) == 64, "as above");

/* A pool for blocks of s bytes, in the ring of its class.  0: no memory. */
static struct pool *pool_new(struct pym_heap *h, unsigned d, u32 s, int thorough) {
  u32 k = 1;
  while (k <= POOLS_PER_PAGE && !h->page_lists[k]) k++;
  if (k > POOLS_PER_PAGE) {
    if (!arena_add_page(h, d, thorough)) return NULL;
    k = POOLS_PER_PAGE;
  }
  struct page *g = page_at(h->page_lists[k]);
  u32 index = (u32)__builtin_ctz(g->unused), base = off(g) - PAGE_HEADER;
  if (g->hook && g->unused == 0xffff) ((struct hooked_arena *)at(g->hook))->live++;
  page_unlink(h, g);
  g->unused &= ~(1u << index);
  page_link(h, g);
  struct pool *pool = pool_at(base + index * POOL_BYTES);
  *pool = (struct pool){.size = (u16)s, .index = (u16)index, .state = POOL_USABLE, .heap = off(h)};
  pool->magic = POOL_MAGIC ^ off(pool);
  pool->cap = (u16)((base + (index + 1) * POOL_BYTES - first_block(pool)) / s);
  ring_add(&h->bins[s / 8], pool);
  h->pools_used++;
  if (++h->pools[s / 8] > h->pools_peak[s / 8]) h->pools_peak[s / 8] = h->pools[s / 8];
  return pool;
}

/* Every block of the pool is back: it leaves its class. */
static void pool_retire(struct pym_heap *h, struct pool *pool) {
  u32 o = off(pool);
  struct page *g = page_at(page_of(o));
  ring_remove(&h->bins[pool->size / 8], pool);
  h->pools[pool->size / 8]--;
  h->pools_used--;
  pool->state = POOL_UNUSED;
  pool->magic = 0;
  page_unlink(h, g);
  g->unused |= 1u << pool->index;
  page_link(h, g);
  if (g->unused != 0xffff) return;
  if (!g->hook) {
    page_to_pool(h, g);
    return;
  }
  struct hooked_arena *a = at(g->hook);
  if (--a->live == 0) arena_to_hook(h, a);
}

void pym__pool_event(struct pym_heap *h, struct pool *pool) {
  if (UNLIKELY(pool->magic != (POOL_MAGIC ^ off(pool)) || pool->heap != off(h)))
    pym__corrupt("pool header overwritten, or block of another heap", off(pool), INTERNAL);
  if (pool->state == POOL_FULL) {
    pool->state = POOL_USABLE;
    pool->until = (u16)(pool->carved - 1);
    ring_add(&h->bins[pool->size / 8], pool);
  } else {
    pool_retire(h, pool);
  }
}

/* ---- Blocks at hand ---- */

/* Link up to a batch of blocks that were never given out.  The first one. */
static u32 carve(struct pool *pool) {
  u32 n = BATCH_BYTES / pool->size, left = (u32)pool->cap - pool->carved;
  if (n < BATCH_LEAST) n = BATCH_LEAST;
  if (n > left) n = left;
  u32 first = first_block(pool) + (u32)pool->carved * pool->size, b = first;
  for (u32 i = 1; i < n; i++, b += pool->size) *(u32 *)at(b) = b + pool->size;
  *(u32 *)at(b) = 0;
  pool->carved = (u16)(pool->carved + n);
  return first;
}

u32 pym__refill(struct pym_heap *h, unsigned d, u32 s) {
  struct bin *bin = &h->bins[s / 8];
  struct pool *pool = bin->usable ? pool_at(bin->usable) : pool_new(h, d, s, 0);
  if (UNLIKELY(!pool)) {
    pym__flush(); /* memory is at its end: what lies at hand elsewhere may free a page */
    pool = bin->usable ? pool_at(bin->usable) : pool_new(h, d, s, 1);
    if (!pool) return 0;
  }
  if (pool->free) {
    bin->free = pool->free;
    pool->free = 0;
  } else {
    bin->free = carve(pool);
  }
  if (pool->carved < pool->cap) {
    pool->until = pool->carved;
  } else {
    pool->until = 1;
    pool->state = POOL_FULL;
    ring_remove(bin, pool);
  }
  return bin->free;
}

static void flush_bin(struct pym_heap *h, struct bin *bin) {
  u32 next;
  for (u32 b = bin->free; b; b = next) {
    struct pool *pool = pool_at(b & ~(POOL_BYTES - 1));
    next = *(u32 *)at(b);
    *(u32 *)at(b) = pool->free;
    pool->free = b;
    if (--pool->until == 0) pym__pool_event(h, pool);
  }
  bin->free = 0;
}

void pym__flush(void) {
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) {
    struct pym_heap *h = at(o);
    for (u32 c = 1; c < CLASS_SLOTS; c++) flush_bin(h, &h->bins[c]);
  }
}

void pym__pools_release_all(struct pym_heap *h) {
  while (h->all_pages) page_to_pool(h, page_at(h->all_pages));
}

/* ---- The arena hook ---- */

/* The page pool in the form of a hook, for those who chain. */
static void *base_alloc(void *ctx, size_t size) {
  (void)ctx;
  pym__start();
  u32 n = (u32)(size >> 16);
  u32 page = pym__pages_find(n, 0);
  if (!page) page = pym__pages_grow(&pym__main, PYM_OBJ, n, (u32)size);
  if (page) pym__pages_set(page, n, PAGE_RAW);
  return page ? at(page << 16) : NULL;
}

static void base_free(void *ctx, void *p, size_t size) {
  (void)ctx;
  pym__pages_give(off(p) >> 16, (u32)(size >> 16));
}

void pym_arena_allocator_get(pym_arena_allocator *out) {
  *out = pym__arena_hook.alloc ? pym__arena_hook
                               : (pym_arena_allocator){NULL, base_alloc, base_free};
}

void pym_arena_allocator_set(const pym_arena_allocator *a) {
  pym__arena_hook = a->alloc == base_alloc ? (pym_arena_allocator){NULL, NULL, NULL} : *a;
}
