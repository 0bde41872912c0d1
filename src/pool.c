/* pymalloc's middle: pools of equal blocks, in pages, in arenas.
 *
 *   arena    256 KiB window of linear memory: up to four 64 KiB pages, taken one by one
 *   page     16 pools; struct page knows which are not in use.  It and the descriptors of the pools
 *            lie in a raw block of domain INTERNAL
 *   pool     4 KiB, blocks of one size class
 *
 * Pools go round:
 *
 *   unused --- pool_new ---> usable --- refill takes its last free block ---> full
 *     ^                       |  ^                                             |
 *     +--- all blocks back ---+  +---------------- a block comes back ---------+
 *
 * Bins (bins.c) are refilled from the first pool of the class's ring.  Pools that become
 * usable again join the ring at its end, so they gather free blocks meanwhile.  A new pool comes
 * from the fullest page that has one, so that other pages run empty; an empty page goes back to the
 * page pool at once. */
#include "internal.h"

struct arena_hook pym__arena_hook;

static struct pool *pool_at(u32 o) { return at(o); }
static struct page *page_at(u32 o) { return at(o); }
static u32 entry_of_page(const struct page *g) { return off(g) + PAGE_HEADER; }
struct page *pym__page_numbered(u32 n) {
  return at(entry_at(n << 16) - PAGE_HEADER);
}

/* ---- Lists of pages, by the number of their unused pools ---- */

static u32 unused_pools(const struct page *g) { return (u32)__builtin_popcount(g->unused); }

static COLD void page_link(struct pym_heap *h, struct page *g) {
  u32 k = unused_pools(g), o = off(g);
  if (!k) return;
  g->next = h->page_lists[k];
  g->prev = 0;
  if (g->next) page_at(g->next)->prev = o;
  h->page_lists[k] = o;
}

static COLD void page_unlink(struct pym_heap *h, struct page *g) {
  u32 k = unused_pools(g);
  if (!k) return;
  if (UNLIKELY(g->magic != PAGE_MAGIC))
    pym__corrupt("arena page's descriptor overwritten", off(g), INTERNAL);
  if (g->prev) page_at(g->prev)->next = g->next;
  else h->page_lists[k] = g->next;
  if (g->next) page_at(g->next)->prev = g->prev;
}

/* ---- Arenas ---- */

/* Pages of h with pools in the window of this page, itself not counted. */
static COLD u32 others_in_window(const struct pym_heap *h, u32 page) {
  u32 w = page & ~(WINDOW_PAGES - 1), n = 0;
  for (u32 i = w; i < w + WINDOW_PAGES; i++)
    if (i != page && pym__page_kind(i) == PAGE_POOL) {
      const struct page *g = pym__page_numbered(i);
      n += g->heap == off(h) && !g->hook;
    }
  return n;
}

void pym__arena_opened(struct pym_heap *h) {
  h->arenas++;
  h->arenas_total++;
  if (h->arenas > h->arenas_peak) h->arenas_peak = h->arenas;
}

/* Descriptors are raw blocks, more of them in one as the heap grows: each one that is in use keeps
 * the raw memory around it from joining. */
COLD struct page *pym__descriptors_new(struct pym_heap *h) {
  if (!h->descriptors) {
    u32 n = h->pool_pages / 4;
    n = n < 1 ? 1 : n > 32 ? 32 : n;
    char *block = pym__malloc_direct(h, INTERNAL, n * DESCRIPTORS);
    if (!block) return NULL;
    while (n--) pym__descriptors_free(h, (struct page *)(void *)(block + n * DESCRIPTORS));
  }
  struct page *g = page_at(h->descriptors);
  h->descriptors = g->next;
  return g;
}

COLD void pym__descriptors_free(struct pym_heap *h, struct page *g) {
  g->magic = 0;
  g->next = h->descriptors;
  h->descriptors = off(g);
}

/* Make a page one of h's, described by g. */
COLD void pym__page_add(struct pym_heap *h, u32 number, struct page *g, u32 hook) {
  *g = (struct page){
      .heap = off(h), .unused = 0xffff, .hook = hook, .number = number, .magic = PAGE_MAGIC};
  g->all_next = h->all_pages;
  if (g->all_next) page_at(g->all_next)->all_prev = off(g);
  h->all_pages = off(g);
  h->pool_pages++;
  pym__pages_set(number, 1, entry_of_page(g));
  page_link(h, g);
}

/* The page is no longer h's; it is `kind` now. */
COLD void pym__page_remove(struct pym_heap *h, struct page *g, enum page_kind kind) {
  page_unlink(h, g);
  if (g->all_prev) page_at(g->all_prev)->all_next = g->all_next;
  else h->all_pages = g->all_next;
  if (g->all_next) page_at(g->all_next)->all_prev = g->all_prev;
  h->pool_pages--;
  pym__pages_set(g->number, 1, kind);
  pym__descriptors_free(h, g);
}

/* One more page for pools: the next one of the arena opened last, else any free page, else a new
 * one.  0: no memory. */
static COLD int arena_add_page(struct pym_heap *h, unsigned d, int thorough) {
  if (h == &pym__main && pym__arena_hook.from.alloc) return pym__arena_hook.open(h);
  struct page *g = pym__descriptors_new(h);
  if (!g) return 0;
  u32 page = h->last_page + 1;
  if (!h->last_page || page % WINDOW_PAGES == 0 || !pym__pages_at(h, d, page, 1, POOL_BYTES, 0)) {
    page = pym__pages_find(1, thorough);
    if (!page) page = pym__pages_grow(h, d, 1, POOL_BYTES);
    if (!page) {
      pym__descriptors_free(h, g);
      return 0;
    }
  }
  if (!others_in_window(h, page)) pym__arena_opened(h);
  pym__page_add(h, page, g, 0);
  h->last_page = page;
  return 1;
}

static COLD void page_to_pool(struct pym_heap *h, struct page *g) {
  u32 page = g->number;
  pym__page_remove(h, g, PAGE_RAW); /* for a moment: the page pool sets what it takes */
  if (!others_in_window(h, page)) h->arenas--;
  if (h->last_page == page) h->last_page = 0;
  pym__pages_give(page, 1);
}

/* ---- Pools ---- */

static u32 *ring_of(struct pym_heap *h, const struct pool *pool) {
  return &h->usable[pool->size / 8];
}

static COLD void ring_add(u32 *ring, struct pool *pool) {
  u32 o = off(pool);
  if (!*ring) {
    pool->next = pool->prev = *ring = o;
    return;
  }
  struct pool *first = pool_at(*ring), *last = pool_at(first->prev);
  pool->next = off(first);
  pool->prev = off(last);
  last->next = first->prev = o;
}

static COLD void ring_remove(u32 *ring, struct pool *pool) {
  u32 o = off(pool);
  if (UNLIKELY(!in_memory(pool->next, sizeof *pool) || !in_memory(pool->prev, sizeof *pool) ||
               pool_at(pool->next)->prev != o || pool_at(pool->prev)->next != o))
    pym__corrupt("pool descriptor overwritten", o, INTERNAL);
  pool_at(pool->next)->prev = pool->prev;
  pool_at(pool->prev)->next = pool->next;
  if (*ring == o) *ring = pool->next == o ? 0 : pool->next;
}

/* A pool for blocks of s bytes, in the ring of its class.  0: no memory. */
static COLD struct pool *pool_new(struct pym_heap *h, unsigned d, u32 s, int thorough) {
  u32 k = 1;
  while (k <= POOLS_PER_PAGE && !h->page_lists[k]) k++;
  if (k > POOLS_PER_PAGE) {
    if (pym__sweep()) return h->usable[s / 8] ? pool_at(h->usable[s / 8]) : pool_new(h, d, s, 0);
    if (!arena_add_page(h, d, thorough)) return NULL;
    k = POOLS_PER_PAGE;
  }
  struct page *g = page_at(h->page_lists[k]);
  u32 index = (u32)__builtin_ctz(g->unused);
  if (g->hook && g->unused == 0xffff) pym__arena_hook.page_used(g, 1);
  page_unlink(h, g);
  g->unused &= ~(1u << index);
  page_link(h, g);
  struct pool *pool = pool_at(entry_of_page(g) + index * (u32)sizeof *pool);
  *pool = (struct pool){.size = (u16)s,
                        .cap = (u16)(POOL_BYTES / s),
                        .index = (u16)index,
                        .state = POOL_USABLE,
                        .heap = off(h),
                        .base = (g->number << 16) + index * POOL_BYTES};
  ring_add(&h->usable[s / 8], pool);
  h->pools_used++;
  if (++h->pools[s / 8] > h->pools_peak[s / 8]) h->pools_peak[s / 8] = h->pools[s / 8];
  return pool;
}

/* Every block of the pool is back: it leaves its class. */
static COLD void pool_retire(struct pym_heap *h, struct pool *pool) {
  struct page *g = page_of_pool(pool);
  ring_remove(ring_of(h, pool), pool);
  h->pools[pool->size / 8]--;
  h->pools_used--;
  pool->state = POOL_UNUSED;
  page_unlink(h, g);
  g->unused |= 1u << pool->index;
  page_link(h, g);
  if (g->unused != 0xffff) return;
  if (g->hook) pym__arena_hook.page_used(g, 0);
  else page_to_pool(h, g);
}

/* The pool's `until` has reached 0. */
static COLD void pool_event(struct pym_heap *h, struct pool *pool) {
  if (UNLIKELY(pool->heap != off(h) || pool_of(pool->base) != pool))
    pym__corrupt("pool descriptor overwritten, or block of another heap", off(pool), INTERNAL);
  if (pool->state == POOL_FULL) {
    pool->state = POOL_USABLE;
    pool->until = (u16)(pool->carved - 1);
    ring_add(ring_of(h, pool), pool);
  } else {
    pool_retire(h, pool);
  }
}

/* ---- Blocks out and back ---- */

/* Link up to n blocks that were never given out.  The first one; *n becomes how many. */
static u32 carve(struct pool *pool, u32 *n) {
  u32 left = (u32)pool->cap - pool->carved, size = pool->size;
  if (*n > left) *n = left;
  u32 first = pool->base + (u32)pool->carved * size, b = first;
  for (u32 i = 1; i < *n; i++, b += size) *(u32 *)at(b) = b + size;
  *(u32 *)at(b) = 0;
  pool->carved = (u16)(pool->carved + *n);
  return first;
}

/* The free blocks of the pool: all of them if *n allows, else one. */
static u32 take_free(struct pool *pool, u32 *n) {
  u32 list = pool->free, have = (u32)pool->carved - pool->until;
  if (UNLIKELY((list ^ pool->base) >> 12)) pym__corrupt("freed block written to", list, INTERNAL);
  if (have <= *n) {
    pool->free = 0;
    *n = have;
  } else {
    pool->free = *(u32 *)at(list);
    *(u32 *)at(list) = 0;
    *n = 1;
  }
  return list;
}

u32 pym__pools_take(struct pym_heap *h, unsigned d, u32 s, u32 *n) {
  u32 *ring = &h->usable[s / 8];
  struct pool *pool = *ring ? pool_at(*ring) : pool_new(h, d, s, 0);
  if (UNLIKELY(!pool)) {
    pym__flush_all(); /* memory is at its end: what lies at hand elsewhere may free a page */
    pool = *ring ? pool_at(*ring) : pool_new(h, d, s, 1);
    if (!pool) return 0;
  }
  u32 list = pool->free ? take_free(pool, n) : carve(pool, n);
  pool->until = (u16)(pool->until + *n);
  if (!pool->free && pool->carved == pool->cap) {
    ring_remove(ring, pool);
    pool->state = POOL_FULL;
    pool->until = 1;
  }
  return list;
}

/* Is this a list of n blocks of class s of h?  Blocks at hand are linked through memory that their
 * former owners may still write to, or free once more. */
static void check_list(const struct pym_heap *h, u32 s, u32 list, u32 n) {
  u32 b = list;
  for (; n && b; n--, b = *(const u32 *)at(b)) {
    int is_ours = in_memory(b, PYM_ALIGNMENT) && pym__page_kind(b >> 16) == PAGE_POOL;
    const struct pool *pool = is_ours ? pool_of(b) : NULL;
    if (UNLIKELY(!is_ours || pool->size != s))
      pym__corrupt("freed block written to", b, INTERNAL);
    if (UNLIKELY(pool->heap != off(h)))
      pym__corrupt("pool descriptor overwritten, or block of another heap", b, INTERNAL);
  }
  if (UNLIKELY(n || b)) pym__corrupt("double free, or freed block written to", list, INTERNAL);
}

void pym__pools_give(struct pym_heap *h, u32 s, u32 list, u32 n) {
  check_list(h, s, list, n);
  u32 next;
  for (u32 b = list; b; b = next) {
    struct pool *pool = pool_of(b);
    next = *(u32 *)at(b);
    *(u32 *)at(b) = pool->free;
    pool->free = b;
    if (--pool->until == 0) pool_event(h, pool);
  }
}

COLD void pym__pools_release_all(struct pym_heap *h) {
  while (h->all_pages) page_to_pool(h, page_at(h->all_pages));
}
