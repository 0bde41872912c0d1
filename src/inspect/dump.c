/* pym_dump: the report in words.  Its first part is CPython's sys._debugmallocstats(), line by line
 * and column by column, so what reads that reads this.
 *
 * CPython's arenas are what it has from the system: here, each 256 KiB of linear memory that the
 * library took (the last may be there in part), and arenas from a hook.  Linear memory never goes
 * back, so only the latter are reclaimed.  What else lies in that memory than pools has lines of
 * its own before the total. */
#include "core/chunk_layout.h"
#include "core/pool.h"
#include "core/space.h"
#include "inspect/report.h"
#include "ports/host.h"

/* Of a pool: its links, and the header of its chunk. */
#define POOL_LOST (sizeof(struct pool_header) + CHUNK_HEADER)

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

static void say_classes(const struct out *o, const pym_heap *heap) {
  say_text(o, "class   size   num pools   blocks in use  avail blocks");
  say_text(o, "-----   ----   ---------   -------------  ------------");
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(heap, i, &c);
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

static u32 max_u32(u32 a, u32 b) { return a > b ? a : b; }

/* Returns the bytes of all arenas. */
static uint64_t say_arenas(const struct out *o) {
  const u32 now = arenas_now();
  u32 back = 0, peak = now;
  if (pym__hooked) {
    back = (u32)pym__hooked->domains[INTERNAL].raw_frees;
    peak = max_u32((u32)pym__hooked->domains[INTERNAL].peak, now);
  }
  say_count(o, "# arenas allocated total", now + back);
  say_count(o, "# arenas reclaimed", back);
  say_count(o, "# arenas highwater mark", peak);
  say_count(o, "# arenas allocated current", now);
  return say_product(o, now, " arenas * ", PYM_ARENA_BYTES, " bytes/arena");
}

static uint64_t live_raw(const pym_heap *heap) {
  uint64_t live = 0;
  for (unsigned domain = 0; domain <= INTERNAL; domain++)
    live += heap->domains[domain].raw_bytes - heap->domains[domain].raw_freed;
  return live;
}

/* Blocks outside of pools, what the library keeps for itself in. */
static uint64_t raw_blocks(const pym_heap *heap) {
  uint64_t blocks = 0;
  for (unsigned domain = 0; domain <= INTERNAL; domain++)
    blocks += heap->domains[domain].raw_mallocs - heap->domains[domain].raw_frees;
  return blocks;
}

/* What `bytes` of memory are used for. */
static void say_uses(const struct out *o, const pym_heap *heap, uint64_t bytes) {
  const pym_heap *hook = heap == &pym__main ? pym__hooked : NULL;
  uint64_t in_use = 0, avail = 0, pools = heap->pools_used, total;
  uint64_t free_bytes = (uint64_t)heap->raw_free + heap->raw_cached + (hook ? hook->raw_free : 0);
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(heap, i, &c);
    in_use += c.live_blocks * c.block_size;
    avail += c.free_blocks * c.block_size;
  }
  total = say_part(o, "# bytes in allocated blocks", in_use);
  total += say_part(o, "# bytes in available blocks", avail);
  total += say_product(o, free_bytes / POOL_BYTES, " unused pools * ", POOL_BYTES, " bytes");
  total += say_part(o, "# bytes lost to pool headers", pools * POOL_LOST);
  total += say_part(o, "# bytes lost to quantization",
                    pools * (POOL_BYTES - POOL_LOST) - in_use - avail);
  total += say_part(o, "# bytes in raw blocks", live_raw(heap));
  total += say_part(
      o, "# bytes lost to raw headers",
      raw_blocks(heap) * CHUNK_HEADER + heap->raw_segments * (SEGMENT_BYTES + CHUNK_HEADER));
  total += say_part(o, "# bytes free, less than a pool", free_bytes % POOL_BYTES);
  total += say_part(o, "# bytes lost to arena alignment", bytes - total);
  say_count(o, "Total", total);
}

static void say_domains(const struct out *o, const pym_heap *heap) {
  static const char *const names[PYM_DOMAINS] = {"raw   ", "mem   ", "object"};
  say_text(
      o, "domain    live blocks    live bytes    peak bytes   blocks ever     bytes ever  failed");
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    pym_domain_stats s;
    pym_domain_stats_get(heap, (enum pym_domain)domain, &s);
    struct line l = {.n = 0};
    pym__put(&l, names[domain]);
    pym__put_number(&l, s.live_blocks, 15);
    pym__put_number(&l, s.live_bytes, 14);
    pym__put_number(&l, s.peak_bytes, 14);
    pym__put_number(&l, s.total_blocks, 14);
    pym__put_number(&l, s.total_bytes, 15);
    pym__put_number(&l, s.failures, 8);
    say(o, &l);
  }
}

static void say_ever(const struct out *o, const pym_heap *heap) {
  say_text(o, "class   size    blocks ever   pools at most");
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(heap, i, &c);
    if (!c.total_blocks) continue;
    struct line l = {.n = 0};
    pym__put_number(&l, i, 5);
    pym__put_number(&l, c.block_size, 7);
    pym__put_number(&l, c.total_blocks, 15);
    pym__put_number(&l, c.peak_pools, 16);
    say(o, &l);
  }
}

static void say_raw(const struct out *o, const pym_heap *heap) {
  say_count(o, "# pools in use", heap->pools_used);
  say_count(o, "# raw segments", heap->raw_segments);
  say_count(o, "# raw blocks", raw_blocks(heap));
  say_count(o, "# bytes for heaps, pool table", heap->domains[INTERNAL].charged);
  say_count(o, "# bytes in free raw chunks", heap->raw_free);
  say_count(o, "# bytes of cached raw blocks", heap->raw_cached);
  say_count(o, "# bytes of raw segments", heap->raw_bytes);
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

void pym_dump(pym_heap *heap, pym_write_fn *write, void *ctx) {
  pym__init();
  const struct out o = {write, ctx};
  struct line l = {.n = 0};
  uint64_t bytes = heap->raw_bytes;
  if (heap != &pym__main) {
    pym__put(&l, "Heap ");
    pym__put_number(&l, heap->id, 0);
    say(&o, &l);
  }
  say_text(&o, "Small block threshold = 512, in 64 size classes.");
  say_text(&o, "");
  say_classes(&o, heap);
  say_text(&o, "");
  if (heap == &pym__main) {
    bytes = say_arenas(&o);
    say_text(&o, "");
  }
  say_uses(&o, heap, bytes);
  say_text(&o, "");
  say_domains(&o, heap);
  say_text(&o, "");
  say_ever(&o, heap);
  say_text(&o, "");
  say_raw(&o, heap);
  say_text(&o, "");
  say_pages(&o);
  if (pym__dump_extra) pym__dump_extra(say_number, &o);
}

static void to_host(void *ctx, const char *text, size_t bytes) {
  (void)ctx;
  pym__host_write(text, bytes);
}

void pym_dump_stderr(pym_heap *heap) { pym_dump(heap, to_host, NULL); }
