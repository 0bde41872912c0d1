/* Arenas from somebody else: PyObjectArenaAllocator.  Programs that set none do not link this. */
#include "internal.h"

/* One arena that a hook gave; kept in a raw block of domain INTERNAL. */
struct hooked_arena {
  void *base;
  pym_arena_allocator from;
  u32 first, pages; /* whole pages inside */
  u32 live;         /* of them, those with pools in use */
  u32 kind_before;  /* what the page table said: foreign, or raw if the hook took a raw block */
};

/* Records for an arena of `pages` pages: the arena's own and one a page.  NULL: no memory. */
static struct hooked_arena *hooked_records(struct pym_heap *h, u32 pages, struct page **g) {
  struct hooked_arena *a = pym__malloc_direct(h, INTERNAL, sizeof *a);
  u32 n = 0;
  while (a && n < pages && (g[n] = pym__descriptors_new(h))) n++;
  if (a && n == pages) return a;
  while (n) pym__descriptors_free(h, g[--n]);
  if (a) pym__raw_free(h, INTERNAL, a);
  return NULL;
}

/* 256 KiB from the hook.  0: it has none, or none that can be used. */
static int arena_from_hook(struct pym_heap *h) {
  const pym_arena_allocator from = pym__arena_hook.from;
  void *base = from.alloc(from.ctx, PYM_ARENA_BYTES);
  if (!base) return 0;
  pym__space.pages_memory = pym__linmem_pages(); /* the hook may have grown it */
  u32 o = off(base), first = (o + PAGE_BYTES - 1) >> 16;
  u32 pages = (u32)((o + PYM_ARENA_BYTES) >> 16) - first;
  struct page *g[WINDOW_PAGES];
  struct hooked_arena *a = NULL;
  if (at(o) == base && pym__cover(h, PYM_OBJ, first + pages)) a = hooked_records(h, pages, g);
  if (!a) {
    from.free(from.ctx, base, PYM_ARENA_BYTES);
    return 0;
  }
  *a = (struct hooked_arena){base, from, first, pages, 0, pym__page_kind(first)};
  for (u32 i = 0; i < pages; i++) pym__page_add(h, first + i, g[i], off(a));
  pym__arena_opened(h);
  return 1;
}

static void arena_to_hook(struct pym_heap *h, struct hooked_arena *a) {
  for (u32 i = a->first; i < a->first + a->pages; i++)
    pym__page_remove(h, pym__page_numbered(i), (enum page_kind)a->kind_before);
  h->arenas--;
  a->from.free(a->from.ctx, a->base, PYM_ARENA_BYTES);
  pym__raw_free(h, INTERNAL, a);
}

static void page_used(struct page *g, int in_use) {
  struct hooked_arena *a = at(g->hook);
  a->live += in_use ? 1 : ~0u;
  if (!a->live) arena_to_hook(at(g->heap), a);
}

/* ---- The interface ---- */

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
  *out = pym__arena_hook.from.alloc ? pym__arena_hook.from
                                    : (pym_arena_allocator){NULL, base_alloc, base_free};
}

void pym_arena_allocator_set(const pym_arena_allocator *a) {
  pym__arena_hook.open = arena_from_hook;
  pym__arena_hook.page_used = page_used;
  pym__arena_hook.from = a->alloc == base_alloc ? (pym_arena_allocator){NULL, NULL, NULL} : *a;
}
