/* pym_check: every invariant, every counter against a recount.  Reads memory only where an offset
 * was checked before, changes nothing, and ends on any contents. */
#include "raw.h"

static struct line message;

static int bad(const char *what, u32 o) {
  message.n = 0;
  pym__put(&message, what);
  pym__put(&message, ", at ");
  pym__put_hex(&message, o);
  return 1;
}

const char *pym_check_message(void) { return message.n ? message.text : ""; }

#define REQUIRE(cond, what, o)        \
  do {                                \
    if (!(cond)) return bad(what, o); \
  } while (0)

/* ---- The page table and the page pool ---- */

struct page_recount {
  u32 of[PAGE_POOL + 1];
};

static int check_table(struct page_recount *n) {
  const struct space *sp = &pym__space;
  u32 len = sp->page_table_len, pages = pym__linmem_pages();
  REQUIRE(sp->pages_memory <= pages, "size of linear memory", off(sp));
  REQUIRE(len == sizeof sp->first_table / 4 || len == MAX_PAGES / 4 || len == MAX_PAGES,
          "page table length", off(sp));
  REQUIRE(in_memory(sp->page_table, len * 4), "page table's place", off(sp));
  for (u32 i = 0; i < len; i++) {
    enum page_kind kind = pym__page_kind(i);
    u32 entry = entry_at(i << 16);
    REQUIRE(entry < PAGE_POOL || (entry > GATE && in_memory(entry - PAGE_HEADER, DESCRIPTORS)),
            "page table entry", i << 16);
    REQUIRE(kind == PAGE_FOREIGN || i < pages, "page table: page beyond memory", i << 16);
    n->of[kind]++;
  }
  REQUIRE(n->of[PAGE_FREE] == sp->pages_free, "count of free pages", off(sp));
  REQUIRE(n->of[PAGE_RAW] == sp->pages_raw, "count of raw pages", off(sp));
  REQUIRE(n->of[PAGE_POOL] == sp->pages_pool, "count of pool pages", off(sp));
  u32 owned = n->of[PAGE_FREE] + n->of[PAGE_RAW] + n->of[PAGE_POOL] + n->of[PAGE_TABLE];
  REQUIRE(owned == sp->pages_owned, "count of owned pages", off(sp));
  REQUIRE(owned <= sp->pages_owned_peak, "peak of owned pages", off(sp));
  return 0;
}

static int check_runs(u32 free_pages) {
  u32 seen = 0;
  for (u32 k = 0; k < 17; k++)
    for (u32 o = pym__space.runs[k], prev = 0; o; prev = o, o = ((u32 *)at(o))[0]) {
      REQUIRE(in_memory(o, PAGE_BYTES) && !(o & (PAGE_BYTES - 1)), "list of free pages", o);
      const u32 *run = at(o); /* next, prev, start, pages */
      u32 first = o >> 16, n = run[3];
      REQUIRE(run[1] == prev && run[2] == first && n && n <= MAX_PAGES - first, "run of free pages",
              o);
      REQUIRE(31 - (u32)__builtin_clz(n) == k, "run of free pages in the wrong list", o);
      for (u32 i = first; i < first + n; i++)
        REQUIRE(pym__page_kind(i) == PAGE_FREE, "run of free pages: page in use", i << 16);
      REQUIRE(pym__page_kind(first - 1) != PAGE_FREE && pym__page_kind(first + n) != PAGE_FREE,
              "neighbouring runs not joined", o);
      REQUIRE((seen += n) <= free_pages, "list of free pages loops", o);
    }
  REQUIRE(seen == free_pages, "free pages in no list", off(&pym__space));
  return 0;
}

/* ---- Pools ---- */

struct pool_recount {
  u32 pages, arenas, pools, usable[CLASS_SLOTS], held[CLASS_SLOTS];
  uint64_t out[CLASS_SLOTS];
};

/* The free list of a pool: inside it, on block boundaries, no block twice, as long as it should be.
 */
static int check_pool_blocks(const struct pool *pool, u32 *n_free) {
  u32 o = pool->base, start = o, seen[16] = {0}, n = 0;
  for (u32 b = pool->free; b; b = *(const u32 *)at(b)) {
    u32 i = (b - start) / pool->size;
    REQUIRE(b >= start && b < o + POOL_BYTES && (b - start) % pool->size == 0 && i < pool->carved,
            "free list of a pool", b);
    REQUIRE(!(seen[i / 32] >> (i % 32) & 1), "block twice in a free list", b);
    seen[i / 32] |= 1u << (i % 32);
    n++;
  }
  *n_free = n;
  return 0;
}

static int check_pool(const struct pym_heap *h, const struct pool *pool, u32 base,
                      struct pool_recount *n) {
  u32 s = pool->size, o = off(pool), n_free = 0;
  REQUIRE(pool->heap == off(h) && pool->base == base && pool_of(base) == pool,
          "pool's heap or place", o);
  REQUIRE(s >= 8 && s <= PYM_SMALL_MAX && s % 8 == 0, "pool's block size", o);
  REQUIRE(pool->cap == POOL_BYTES / s && pool->carved <= pool->cap, "pool's capacity", o);
  if (check_pool_blocks(pool, &n_free)) return 1;
  u32 out = pool->carved - n_free;
  if (pool->state == POOL_FULL) {
    REQUIRE(pool->until == 1 && n_free == 0 && pool->carved == pool->cap, "full pool", o);
  } else {
    REQUIRE(pool->state == POOL_USABLE && pool->until == out, "usable pool's count", o);
    REQUIRE(n_free || pool->carved < pool->cap, "usable pool has nothing to give", o);
    n->usable[s / 8]++;
  }
  n->pools++;
  n->held[s / 8]++;
  n->out[s / 8] += out;
  return 0;
}

/* Is this page the first of its arena? */
static int first_in_arena(const struct pym_heap *h, const struct page *g) {
  u32 page = g->number, w = page & ~(WINDOW_PAGES - 1);
  if (g->hook) w = page < WINDOW_PAGES ? 0 : page - WINDOW_PAGES;
  for (u32 i = w; i < page; i++) {
    if (pym__page_kind(i) != PAGE_POOL) continue;
    const struct page *f = at(entry_at(i << 16) - PAGE_HEADER);
    if (f->heap == off(h) && f->hook == g->hook) return 0;
  }
  return 1;
}

static int check_pages(const struct pym_heap *h, struct pool_recount *n) {
  u32 prev = 0;
  for (u32 o = h->all_pages; o; prev = o, o = ((const struct page *)at(o))->all_next) {
    REQUIRE(in_memory(o, DESCRIPTORS) && pym__page_kind(o >> 16) == PAGE_RAW, "list of arena pages",
            o);
    const struct page *g = at(o);
    REQUIRE(g->magic == PAGE_MAGIC && g->heap == off(h) && g->all_prev == prev, "arena page", o);
    REQUIRE(g->number < pym__space.page_table_len && entry_at(g->number << 16) == o + PAGE_HEADER,
            "arena page's entry in the page table", o);
    REQUIRE(g->unused <= 0xffff && (g->unused != 0xffff || g->hook), "arena page without pools", o);
    for (u32 i = 0; i < POOLS_PER_PAGE; i++)
      if (!(g->unused >> i & 1) && check_pool(h, (const struct pool *)at(o + PAGE_HEADER) + i,
                                              (g->number << 16) + i * POOL_BYTES, n))
        return 1;
    REQUIRE(++n->pages <= h->pool_pages, "list of arena pages loops", o);
    n->arenas += (u32)first_in_arena(h, g);
  }
  REQUIRE(n->pages == h->pool_pages, "count of arena pages", off(h));
  REQUIRE(n->arenas == h->arenas && h->arenas <= h->arenas_peak, "count of arenas", off(h));
  REQUIRE(n->pools == h->pools_used, "count of pools in use", off(h));
  return 0;
}

static int check_page_lists(const struct pym_heap *h) {
  u32 listed = 0, partial = 0;
  for (u32 k = 1; k <= POOLS_PER_PAGE; k++)
    for (u32 o = h->page_lists[k], prev = 0; o; prev = o, o = ((const struct page *)at(o))->next) {
      REQUIRE(in_memory(o, DESCRIPTORS) && pym__page_kind(o >> 16) == PAGE_RAW, "list of pages", o);
      const struct page *g = at(o);
      REQUIRE(g->heap == off(h) && g->prev == prev && (u32)__builtin_popcount(g->unused) == k,
              "page in the wrong list", o);
      REQUIRE(++listed <= h->pool_pages, "list of pages loops", o);
    }
  for (u32 o = h->all_pages; o; o = ((const struct page *)at(o))->all_next)
    partial += ((const struct page *)at(o))->unused != 0;
  REQUIRE(listed == partial, "page with unused pools in no list", off(h));
  return 0;
}

/* The ring of a class holds its usable pools, and the blocks at hand make up the rest. */
static int check_class(const struct pym_heap *h, u32 c, const struct pool_recount *n) {
  u32 first = h->usable[c], seen = 0;
  for (u32 o = first; first;) {
    REQUIRE(in_memory(o, sizeof(struct pool)) && pym__page_kind(o >> 16) == PAGE_RAW,
            "ring of usable pools", o);
    const struct pool *pool = at(o);
    REQUIRE(pool->state == POOL_USABLE && pool->size == c * 8, "pool in the wrong ring", o);
    REQUIRE(++seen <= n->usable[c], "ring of usable pools loops", o);
    REQUIRE(in_memory(pool->next, sizeof *pool) && ((const struct pool *)at(pool->next))->prev == o,
            "ring of usable pools", o);
    o = pool->next;
    if (o == first) break;
  }
  REQUIRE(seen == n->usable[c], "usable pool in no ring", first);
  REQUIRE(n->held[c] == h->pools[c] && h->pools[c] <= h->pools_peak[c], "pools of a class", c * 8);
  REQUIRE((uint64_t)h->mem[c].out + h->obj[c].out == n->out[c], "blocks out of a class", c * 8);
  return 0;
}

/* Blocks at hand are blocks of their class, as many as are out and not live. */
static int check_bins(const struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++)
    for (u32 c = 1; c < CLASS_SLOTS; c++) {
      const struct bin *bin = (d == PYM_MEM ? h->mem : h->obj) + c;
      uint64_t live =
          d == PYM_MEM ? h->mem_mallocs[c] - h->mem_frees[c] : h->obj_mallocs[c] - h->obj_frees[c];
      u32 n = 0;
      REQUIRE(live <= bin->out, "blocks freed more often than handed out", c * 8);
      for (u32 b = bin->free; b; b = *(const u32 *)at(b)) {
        REQUIRE(in_memory(b, PYM_ALIGNMENT) && pym__page_kind(b >> 16) == PAGE_POOL,
                "block at hand", b);
        const struct pool *pool = pool_of(b);
        REQUIRE(in_memory(off(pool), sizeof *pool) && pool->size == c * 8 &&
                    (b - pool->base) % (c * 8) == 0 && (b - pool->base) / (c * 8) < pool->carved,
                "block at hand", b);
        REQUIRE(++n <= bin->out - live, "list of blocks at hand loops", b);
      }
      REQUIRE(n + live == bin->out, "count of blocks at hand", c * 8);
    }
  return 0;
}

/* ---- Raw memory ---- */

struct raw_recount {
  u32 segments, bytes, free, binned, chunks;
  uint64_t blocks[INTERNAL + 1], live[INTERNAL + 1];
};

static int check_chunks(const struct pym_heap *h, const struct segment *s, struct raw_recount *n) {
  u32 c = off(s) + SEGMENT_BYTES, end = s->end - TRAILER_BYTES, free_before = 0;
  for (;; c += size_of(c)) {
    REQUIRE(sound(h, c), "raw block header", c);
    u32 head = chunk_at(c)->head, size = head & ~FLAGS;
    REQUIRE(((head & PREV_FREE) != 0) == (free_before != 0), "raw header: previous chunk", c);
    REQUIRE(!free_before || *(const u32 *)at(c - 4) == free_before, "size behind a free chunk", c);
    if (c == end) break;
    REQUIRE(size >= CHUNK_MIN && size <= end - c, "raw block size", c);
    if (head & IN_USE) {
      n->chunks++;
      n->blocks[domain_of_head(head)]++;
      n->live[domain_of_head(head)] += size - HEADER;
    } else {
      REQUIRE(!free_before, "free raw chunks not joined", c);
      n->free += size;
      n->binned += size > CHUNK_MIN;
    }
    free_before = head & IN_USE ? 0 : size;
  }
  const struct trailer *t = at(end);
  REQUIRE(t->segment == off(s) && !size_of(end) && t->head & IN_USE, "end of a raw segment", end);
  return 0;
}

static int check_segments(const struct pym_heap *h, struct raw_recount *n) {
  u32 prev = 0;
  for (u32 o = h->segments; o; prev = o, o = ((const struct segment *)at(o))->next) {
    REQUIRE(in_memory(o, sizeof(struct segment)) && pym__page_kind(o >> 16) == PAGE_RAW,
            "list of raw segments", o);
    const struct segment *s = at(o);
    REQUIRE(s->magic == (SEGMENT_MAGIC ^ o) && s->heap == off(h) && s->prev == prev, "raw segment",
            o);
    REQUIRE(s->end > o + SEGMENT_BYTES + TRAILER_BYTES - 1 &&
                in_memory(s->end - TRAILER_BYTES, TRAILER_BYTES) && (s->end - o) % 16 == 0,
            "end of a raw segment", o);
    if (check_chunks(h, s, n)) return 1;
    n->bytes += s->end - o;
    REQUIRE(++n->segments <= h->raw_segments, "list of raw segments loops", o);
  }
  REQUIRE(n->segments == h->raw_segments, "count of raw segments", off(h));
  REQUIRE(n->bytes == h->raw_bytes, "bytes of raw segments", off(h));
  REQUIRE(n->free == h->raw_free, "bytes of free raw chunks", off(h));
  REQUIRE(n->chunks == h->raw_chunks, "count of raw blocks", off(h));
  return 0;
}

static int check_raw_bins(const struct pym_heap *h, u32 binned) {
  u32 seen = 0;
  for (u32 b = 0; b < RAW_BINS; b++) {
    REQUIRE((h->raw_map[b / 32] >> (b % 32) & 1) == (h->raw_bins[b] != 0), "map of raw bins", b);
    for (u32 c = h->raw_bins[b], prev = 0; c; prev = c, c = chunk_at(c)->next) {
      REQUIRE(
          in_memory(c, sizeof(struct chunk)) && pym__page_kind(c >> 16) == PAGE_RAW && sound(h, c),
          "raw bin", c);
      REQUIRE(!(chunk_at(c)->head & IN_USE) && bin_of(size_of(c)) == b && chunk_at(c)->prev == prev,
              "chunk in the wrong raw bin", c);
      REQUIRE(++seen <= binned, "raw bin loops", c);
    }
  }
  REQUIRE(seen == binned, "free raw chunk in no bin", off(h));
  return 0;
}

/* ---- Domains ---- */

static int check_domains(const struct pym_heap *h, const struct raw_recount *raw) {
  for (u32 d = 0; d <= INTERNAL; d++) {
    const struct domain *dom = &h->domains[d];
    uint64_t charged = raw->live[d];
    for (u32 c = 1; c < CLASS_SLOTS && (d == PYM_MEM || d == PYM_OBJ); c++)
      charged += c * 8 * (uint64_t)(d == PYM_MEM ? h->mem : h->obj)[c].out;
    REQUIRE(dom->raw_live == raw->live[d], "raw bytes of a domain", d);
    REQUIRE(dom->charged == charged, "bytes of a domain", d);
    REQUIRE(dom->raw_mallocs - dom->raw_frees == raw->blocks[d], "raw blocks of a domain", d);
  }
  return 0;
}

int pym_check(pym_heap *h) {
  struct page_recount pages = {{0}};
  struct pool_recount pools = {0};
  struct raw_recount raw = {0};
  message.n = 0;
  REQUIRE(pym__space.magic == SPACE_MAGIC, "root magic", off(&pym__space));
  REQUIRE(h->magic == HEAP_MAGIC, "heap magic", off(h));
  if (check_table(&pages) || check_runs(pages.of[PAGE_FREE])) return 1;
  if (check_bins(h) || check_pages(h, &pools) || check_page_lists(h)) return 1;
  for (u32 c = 1; c < CLASS_SLOTS; c++)
    if (check_class(h, c, &pools)) return 1;
  if (check_segments(h, &raw) || check_raw_bins(h, raw.binned)) return 1;
  return check_domains(h, &raw);
}
