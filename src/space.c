/* The page pool: who owns each 64 KiB page of linear memory, and which of ours are free.
 *
 * Linear memory only grows, so a page that is given back is kept in a run of free pages and
 * serves whoever asks next: pools, raw segments, the page table.  A run describes itself in its
 * first and in its last page; neighbours are found through the page table:
 *
 *   kind   | RAW | FREE  FREE  FREE | POOL | foreign |
 *                  ^ struct run  ^ start (last page) */
#include "internal.h"

struct run {
  u32 next, prev; /* in the list of its length; offsets */
  u32 start;      /* first page; written in the last page too */
  u32 pages;      /* meaningful in the first page only */
};

static struct run *run_at(u32 page) { return at(page << 16); }

static u32 log2_of(u32 n) { return 31 - (u32)__builtin_clz(n); }

static u32 *table(void) { return at(pym__space.page_table); }

enum page_kind pym__page_kind(u32 page) {
  return page < pym__space.page_table_len ? kind_of(table()[page]) : PAGE_FOREIGN;
}

/* Count `by` pages of a kind; modulo 2^32, so -1 is fine. */
static COLD void count_pages(enum page_kind kind, u32 by) {
  if (kind == PAGE_FOREIGN) return;
  pym__space.pages_owned += by;
  if (kind == PAGE_FREE) pym__space.pages_free += by;
  if (kind == PAGE_POOL) pym__space.pages_pool += by;
  if (kind == PAGE_RAW) pym__space.pages_raw += by;
}

COLD void pym__pages_set(u32 page, u32 n, u32 entry) {
  for (u32 i = page; i < page + n; i++) {
    count_pages(kind_of(table()[i]), ~0u);
    table()[i] = entry;
  }
  count_pages(kind_of(entry), n);
  if (pym__space.pages_owned > pym__space.pages_owned_peak)
    pym__space.pages_owned_peak = pym__space.pages_owned;
}

static COLD void check_run(const struct run *r, u32 page) {
  u32 last = page + r->pages - 1;
  if (UNLIKELY(r->start != page || last < page || last >= pym__space.pages_memory ||
               run_at(last)->start != page))
    pym__corrupt("free page overwritten", page << 16, INTERNAL);
}

static COLD void run_link(u32 page, u32 n) {
  u32 *head = &pym__space.runs[log2_of(n)];
  struct run *r = run_at(page);
  run_at(page + n - 1)->start = page;
  *r = (struct run){.next = *head, .prev = 0, .start = page, .pages = n};
  if (*head) ((struct run *)at(*head))->prev = page << 16;
  *head = page << 16;
}

static COLD void run_unlink(struct run *r) {
  u32 *head = &pym__space.runs[log2_of(r->pages)];
  u32 o = off(r);
  if (UNLIKELY(r->prev ? !in_memory(r->prev, PAGE_BYTES) || ((struct run *)at(r->prev))->next != o
                       : *head != o) ||
      UNLIKELY(r->next &&
               (!in_memory(r->next, PAGE_BYTES) || ((struct run *)at(r->next))->prev != o)))
    pym__corrupt("list of free pages overwritten", o, INTERNAL);
  if (r->prev) ((struct run *)at(r->prev))->next = r->next;
  else *head = r->next;
  if (r->next) ((struct run *)at(r->next))->prev = r->prev;
}

COLD void pym__pages_give(u32 page, u32 n) {
  if (pym__page_kind(page - 1) == PAGE_FREE) {
    u32 left = run_at(page - 1)->start;
    if (UNLIKELY(left >= page)) pym__corrupt("free page overwritten", (page - 1) << 16, INTERNAL);
    check_run(run_at(left), left);
    run_unlink(run_at(left));
    pym__pages_set(page, n, PAGE_FREE);
    n += page - left;
    page = left;
  } else {
    pym__pages_set(page, n, PAGE_FREE);
  }
  if (pym__page_kind(page + n) == PAGE_FREE) {
    struct run *right = run_at(page + n);
    check_run(right, page + n);
    run_unlink(right);
    n += right->pages;
  }
  run_link(page, n);
}

/* Cut pages [page, page + n) out of the free run r, which holds them. */
static COLD void run_cut(struct run *r, u32 page, u32 n) {
  u32 start = r->start, end = start + r->pages;
  check_run(r, start);
  run_unlink(r);
  if (page > start) run_link(start, page - start);
  if (end > page + n) run_link(page + n, end - page - n);
}

/* Shortest run that holds n pages, of the first 64 in a list that has one at all. */
static COLD struct run *best_run(u32 n) {
  for (u32 k = log2_of(n); k <= 16; k++) {
    struct run *best = NULL;
    u32 seen = 0;
    for (u32 o = pym__space.runs[k]; o && !(best && seen > 64); o = ((struct run *)at(o))->next) {
      if (UNLIKELY(!in_memory(o, PAGE_BYTES) || o & (PAGE_BYTES - 1)))
        pym__corrupt("list of free pages overwritten", o, INTERNAL);
      struct run *r = at(o);
      seen++;
      if (r->pages >= n && (!best || r->pages < best->pages)) best = r;
      if (r->pages == n) break;
    }
    if (best) return best;
  }
  return NULL;
}

COLD u32 pym__pages_find(u32 n, int thorough) {
  struct run *r = best_run(n);
  if (r) {
    u32 page = r->start;
    run_cut(r, page, n);
    return page;
  }
  for (u32 o = pym__space.first_heap; o; o = ((struct pym_heap *)at(o))->next) {
    u32 page = pym__raw_reclaim(at(o), n, thorough);
    if (page) return page;
  }
  return 0;
}

/* The page table has 256 entries at first, then fills one page (enough for 1 GiB), then four. */
#define FIRST_ENTRIES ((u32)(sizeof pym__space.first_table / sizeof(u32)))
static u32 next_table_pages(void) {
  return pym__space.page_table_len == FIRST_ENTRIES ? 1 : MAX_PAGES * 4 / PAGE_BYTES;
}

/* Pages that the table will take for itself before it covers pages [0, end + those). */
static COLD u32 table_need(u32 end) {
  u32 need = 0;
  if (pym__space.page_table_len == FIRST_ENTRIES && end > FIRST_ENTRIES) need = 1;
  if (pym__space.page_table_len < MAX_PAGES && end + need > MAX_PAGES / 4)
    need += MAX_PAGES * 4 / PAGE_BYTES;
  return need;
}

/* Move the table to pages [page, page + next_table_pages()), which it may not cover yet. */
static COLD void enlarge_table(u32 page) {
  u32 n = next_table_pages(), len = n * PAGE_BYTES / 4;
  u32 old = pym__space.page_table, old_len = pym__space.page_table_len;
  u32 *to = at(page << 16);
  __builtin_memcpy(to, table(), old_len * 4);
  for (u32 i = old_len; i < len; i++) to[i] = PAGE_FOREIGN;
  pym__space.page_table = page << 16;
  pym__space.page_table_len = len;
  if (page < len) pym__pages_set(page, n, PAGE_TABLE);
  if (old_len > FIRST_ENTRIES) pym__pages_give(old >> 16, old_len * 4 / PAGE_BYTES);
}

COLD int pym__cover(struct pym_heap *h, unsigned d, u32 n) {
  while (n > pym__space.page_table_len) {
    u32 want = next_table_pages(), len = pym__space.page_table_len;
    u32 page = pym__pages_find(want, 1);
    if (!page) page = pym__pages_grow(h, d, want, PAGE_BYTES);
    if (!page) return 0;
    if (len == pym__space.page_table_len) enlarge_table(page);
    else pym__pages_give(page, want); /* that growth has seen to it */
  }
  return 1;
}

/* Take new pages [page, page + n) into the page pool.  The last page of 4 GiB stays unused: its
 * end is not a 32-bit offset.  So do pages that the table cannot reach even when some of them
 * become table: fewer than four, at 1 GiB. */
static COLD void adopt(u32 page, u32 n) {
  if (page + n == MAX_PAGES) n--;
  while (page + n > pym__space.page_table_len) {
    u32 want = next_table_pages();
    if (n < want) return;
    n -= want;
    enlarge_table(page + n); /* at the far end: what is left joins the free pages before it */
  }
  if (n) pym__pages_give(page, n);
}

/* One growth by n pages, into the page pool.  Returns 0 if refused. */
static COLD int grow_once(struct pym_heap *h, unsigned d, u32 n, u32 bytes) {
  u32 before = pym__linmem_pages();
  u32 page = pym__linmem_grow(n);
  pym__space.pages_memory = pym__linmem_pages();
  if (!page) {
    pym__space.grow_failures++;
    return 0;
  }
  pym__space.grows++;
  pym__event(h, EVENT_GROW, d, bytes, before);
  adopt(page, n);
  return 1;
}

/* Pages of the free run that ends where memory ends. */
static COLD u32 free_tail(void) {
  u32 end = pym__linmem_pages();
  if (pym__page_kind(end - 1) != PAGE_FREE) return 0;
  return end - run_at(end - 1)->start;
}

/* Growth comes with a little more than was asked once the heap is large: engines take longer to
 * grow a large memory (V8 about 0.6 ms from some 30 MiB on, whatever the step). */
static COLD u32 margin(void) {
  u32 owned = pym__space.pages_owned, extra = owned < 256 ? owned / 64 : owned / 32;
  return extra < 512 ? extra : 512;
}

/* Grow by n pages, and by a margin if that is granted too.  0: refused. */
static COLD int grow_some(struct pym_heap *h, unsigned d, u32 n, u32 extra, u32 bytes) {
  return (extra && grow_once(h, d, n + extra, bytes)) || grow_once(h, d, n, bytes);
}

COLD u32 pym__pages_grow(struct pym_heap *h, unsigned d, u32 n, u32 bytes) {
  for (int attempt = 0; attempt < 3; attempt++) {
    u32 tail = attempt ? 0 : free_tail();
    u32 need = n > tail ? n - tail : n;
    /* The table moves when memory passes its reach and takes pages of that growth. */
    u32 extra = margin();
    need += table_need(pym__linmem_pages() + need + extra);
    if (need > MAX_PAGES) return 0;
    if (!grow_some(h, d, need, extra, bytes)) return 0;
    struct run *r = best_run(n);
    if (!r) continue; /* somebody grew in between: what came is not next to the tail */
    u32 page = r->start;
    run_cut(r, page, n);
    return page;
  }
  return 0;
}

COLD int pym__pages_at(struct pym_heap *h, unsigned d, u32 page, u32 n, u32 bytes, int grow) {
  u32 end = pym__linmem_pages(), have = 0;
  if (page >= MAX_PAGES - 1 || n > MAX_PAGES - 1 - page) return 0;
  if (pym__page_kind(page) == PAGE_FREE) {
    check_run(run_at(page), page); /* `page` follows a page in use, so its run starts there */
    have = run_at(page)->pages;
  }
  if (have < n) {
    if (!grow || page + have != end) return 0;
    u32 need = n - have;
    u32 extra = margin();
    if (end + need + extra > pym__space.page_table_len) extra = 0;
    if (end + need > pym__space.page_table_len) return 0; /* the table would come in between */
    if (!grow_some(h, d, need, extra, bytes)) return 0;
    if (pym__page_kind(page) != PAGE_FREE || run_at(page)->pages < n) return 0;
  }
  run_cut(run_at(page), page, n);
  return 1;
}

COLD void pym__event(struct pym_heap *h, enum event_kind kind, unsigned d, u32 bytes, u32 before) {
  struct event *e = &pym__space.events[pym__space.event_seq % EVENTS];
  *e = (struct event){
      .seq = pym__space.event_seq + 1,
      .kind = (u16)kind,
      .domain = (u16)d,
      .heap = h->id,
      .bytes = bytes,
      .pages_before = before,
      .pages_after = pym__linmem_pages(),
  };
  pym__space.event_seq++;
}

COLD void *pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind) {
  pym__event(h, kind, d, bytes, pym__linmem_pages());
  return NULL;
}

static COLD void start(void) {
  if (pym__space.magic) pym__corrupt("root structure overwritten", off(&pym__space), INTERNAL);
  __asm__ volatile("" ::"r"(&pym_root)); /* so that every program has it, and the custom section */
  pym__space.magic = SPACE_MAGIC;
  pym__space.version = LAYOUT_VERSION;
  pym__space.page_table = off(pym__space.first_table);
  pym__space.page_table_len = FIRST_ENTRIES;
  pym__heap_init(&pym__main);
  u32 from, to;
  pym__linmem_start(&from, &to);
  pym__space.pages_memory = pym__linmem_pages();
  u32 first = (from + PAGE_BYTES - 1) >> 16, end = to >> 16;
  if (from >= to || first > end) return;
  if (first < end) adopt(first, end - first);
  u32 head_end = first << 16 < to ? first << 16 : to; /* the part page behind the data */
  if (head_end - from >= 256 && (from >> 16) < pym__space.page_table_len) {
    pym__pages_set(from >> 16, 1, PAGE_RAW);
    pym__space.first_byte = (from + 15) & ~15u;
    pym__raw_add(&pym__main, pym__space.first_byte, head_end);
  }
}

void pym__start(void) {
  if (UNLIKELY(pym__space.magic != SPACE_MAGIC)) start();
}
