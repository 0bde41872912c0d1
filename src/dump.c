/* pym_dump: the report in words.  Its first part is CPython's sys._debugmallocstats(), line by line
 * and column by column, so what reads that reads this.
 *
 * CPython's arenas are what it has from the system: here, each 256 KiB of linear memory that the
 * library took (the last may be there in part), and arenas from a hook.  Linear memory never goes
 * back, so only the latter are reclaimed.  What else lies in that memory than pools has lines of
 * its own before the total. */
#include "raw.h"

/* Of a pool: its links, and the header of its chunk. */
#define POOL_LOST (sizeof(struct pool_header) + HEADER)

struct out {
  pym_write_fn *write;
  void *ctx;
};

static void say(const struct out *o, struct line *l) {
  pym__put(l, "\n");
  o->write(o->ctx, l->text, l->n);
  l->n = 0;
}

static void say_text(const struct out *o, const char *text) {
  struct line l = {.n = 0};
  pym__put(&l, text);
  say(o, &l);
}

/* "what ...... =   number", as CPython has it. */
static void say_count(const struct out *o, const char *what, uint64_t v) {
  char digits[28];
  unsigned i = sizeof digits - 1;
  struct line l = {.n = 0};
  digits[i] = 0;
  for (unsigned n = 0; n == 0 || v; n++, v /= 10) {
    if (n && n % 3 == 0) digits[--i] = ',';
    digits[--i] = (char)('0' + v % 10);
  }
  while (sizeof digits - 1 - i < 21) digits[--i] = ' ';
  pym__put(&l, what);
  while (l.n < 35) pym__put(&l, " ");
  pym__put(&l, "=");
  pym__put(&l, digits + i);
  say(o, &l);
}

/* "n things * size bytes" and the product. */
static uint64_t say_product(const struct out *o, uint64_t n, const char *things, uint64_t size,
                            const char *bytes) {
  struct line l = {.n = 0};
  pym__put_number(&l, n, 0);
  pym__put(&l, things);
  pym__put_number(&l, size, 0);
  pym__put(&l, bytes);
  say_count(o, l.text, n * size);
  return n * size;
}

static uint64_t say_part(const struct out *o, const char *what, uint64_t v) {
  say_count(o, what, v);
  return v;
}

static void say_classes(const struct out *o, const pym_heap *h) {
  say_text(o, "class   size   num pools   blocks in use  avail blocks");
  say_text(o, "-----   ----   ---------   -------------  ------------");
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    if (!c.pools) continue;
    struct line l = {.n = 0};
    pym__put_number(&l, i, 5);
    pym__put_number(&l, c.block_size, 7);
    pym__put_number(&l, c.pools, 12);
    pym__put_number(&l, c.live_blocks, 16);
    pym__put_number(&l, c.free_blocks, 14);
    say(o, &l);
  }
}

static u32 most(u32 a, u32 b) { return a > b ? a : b; }

/* Returns the bytes of all arenas. */
static uint64_t say_arenas(const struct out *o) {
  const u32 now = arenas_now();
  u32 back = 0, peak = now;
  if (pym__hooked) {
    back = (u32)pym__hooked->domains[INTERNAL].raw_frees;
    peak = most(pym__hooked->domains[INTERNAL].peak, now);
  }
  say_count(o, "# arenas allocated total", now + back);
  say_count(o, "# arenas reclaimed", back);
  say_count(o, "# arenas highwater mark", peak);
  say_count(o, "# arenas allocated current", now);
  return say_product(o, now, " arenas * ", PYM_ARENA_BYTES, " bytes/arena");
}

static uint64_t live_raw(const pym_heap *h) {
  uint64_t live = 0;
  for (unsigned d = 0; d <= INTERNAL; d++)
    live += h->domains[d].raw_bytes - h->domains[d].raw_freed;
  return live;
}

/* What `bytes` of memory are used for. */
static void say_uses(const struct out *o, const pym_heap *h, uint64_t bytes) {
  const pym_heap *hook = h == &pym__main ? pym__hooked : NULL;
  uint64_t in_use = 0, avail = 0, pools = h->pools_used, total;
  uint64_t free_bytes = (uint64_t)h->raw_free + h->raw_cached + (hook ? hook->raw_free : 0);
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    in_use += c.live_blocks * c.block_size;
    avail += c.free_blocks * c.block_size;
  }
  total = say_part(o, "# bytes in allocated blocks", in_use);
  total += say_part(o, "# bytes in available blocks", avail);
  total += say_product(o, free_bytes / POOL_BYTES, " unused pools * ", POOL_BYTES, " bytes");
  total += say_part(o, "# bytes lost to pool headers", pools * POOL_LOST);
  total += say_part(o, "# bytes lost to quantization", pools * (POOL_BYTES - POOL_LOST) - in_use - avail);
  total += say_part(o, "# bytes in raw blocks", live_raw(h));
  total += say_part(o, "# bytes lost to raw headers",
                    (uint64_t)h->raw_chunks * 8 + h->raw_segments * (SEGMENT_BYTES + HEADER));
  total += say_part(o, "# bytes free, less than a pool", free_bytes % POOL_BYTES);
  total += say_part(o, "# bytes lost to arena alignment", bytes - total);
  say_count(o, "Total", total);
}

static void say_domains(const struct out *o, const pym_heap *h) {
  static const char *const names[PYM_DOMAINS] = {"raw   ", "mem   ", "object"};
  say_text(
      o, "domain    live blocks    live bytes    peak bytes   blocks ever     bytes ever  failed");
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats s;
    pym_domain_stats_get(h, (enum pym_domain)d, &s);
    struct line l = {.n = 0};
    pym__put(&l, names[d]);
    pym__put_number(&l, s.live_blocks, 15);
    pym__put_number(&l, s.live_bytes, 14);
    pym__put_number(&l, s.peak_bytes, 14);
    pym__put_number(&l, s.total_blocks, 14);
    pym__put_number(&l, s.total_bytes, 15);
    pym__put_number(&l, s.failures, 8);
    say(o, &l);
  }
}

static void say_ever(const struct out *o, const pym_heap *h) {
  say_text(o, "class   size    blocks ever   pools at most");
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    if (!c.total_blocks) continue;
    struct line l = {.n = 0};
    pym__put_number(&l, i, 5);
    pym__put_number(&l, c.block_size, 7);
    pym__put_number(&l, c.total_blocks, 15);
    pym__put_number(&l, c.peak_pools, 16);
    say(o, &l);
  }
}

static void say_raw(const struct out *o, const pym_heap *h) {
  say_count(o, "# pools in use", h->pools_used);
  say_count(o, "# raw segments", h->raw_segments);
  say_count(o, "# raw blocks", h->raw_chunks);
  say_count(o, "# bytes for heaps, pool table", h->domains[INTERNAL].charged);
  say_count(o, "# bytes in free raw chunks", h->raw_free);
  say_count(o, "# bytes of cached raw blocks", h->raw_cached);
  say_count(o, "# bytes of raw segments", h->raw_bytes);
}

static void say_pages(const struct out *o) {
  pym_page_stats p;
  pym_page_stats_get(&p);
  say_count(o, "# pages of linear memory (64 KiB)", p.memory);
  say_count(o, "# pages of this library", p.owned);
  say_count(o, "# pages with pools", p.pool);
  say_count(o, "# pages with raw blocks only", p.raw);
  say_count(o, "# pages free", p.free);
  say_count(o, "# windows of 256 KiB with pools", p.arenas);
  say_count(o, "# growths", p.grows);
  say_count(o, "# growths refused", p.grow_failures);
}

static void say_number(const void *o, const char *what, uint64_t v) { say_count(o, what, v); }

void pym_dump(pym_heap *h, pym_write_fn *write, void *ctx) {
  pym__init();
  const struct out o = {write, ctx};
  struct line l = {.n = 0};
  uint64_t bytes = h->raw_bytes;
  if (h != &pym__main) {
    pym__put(&l, "Heap ");
    pym__put_number(&l, h->id, 0);
    say(&o, &l);
  }
  say_text(&o, "Small block threshold = 512, in 64 size classes.");
  say_text(&o, "");
  say_classes(&o, h);
  say_text(&o, "");
  if (h == &pym__main) {
    bytes = say_arenas(&o);
    say_text(&o, "");
  }
  say_uses(&o, h, bytes);
  say_text(&o, "");
  say_domains(&o, h);
  say_text(&o, "");
  say_ever(&o, h);
  say_text(&o, "");
  say_raw(&o, h);
  say_text(&o, "");
  say_pages(&o);
  if (pym__dump_more) pym__dump_more(say_number, &o);
}

static void to_host(void *ctx, const char *text, size_t n) {
  (void)ctx;
  pym__host_write(text, n);
}

void pym_dump_stderr(pym_heap *h) { pym_dump(h, to_host, NULL); }
