/* pym_dump: the report in words, in the manner of CPython's sys._debugmallocstats(). */
#include "internal.h"

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

/* "what ........ number" */
static void say_count(const struct out *o, const char *what, uint64_t v) {
  struct line l = {.n = 0};
  pym__put(&l, what);
  while (l.n < 52) pym__put(&l, l.n % 2 ? "." : " ");
  pym__put_number(&l, v, 16);
  say(o, &l);
}

static void say_classes(const struct out *o, const pym_heap *h) {
  say_text(o, "class   size   pools   blocks in use  avail blocks   blocks ever");
  say_text(o, "-----   ----   -----   -------------  ------------   -----------");
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    if (!c.total_blocks) continue;
    struct line l = {.n = 0};
    pym__put_number(&l, i, 5);
    pym__put_number(&l, c.block_size, 7);
    pym__put_number(&l, c.pools, 8);
    pym__put_number(&l, c.live_blocks, 16);
    pym__put_number(&l, c.free_blocks, 14);
    pym__put_number(&l, c.total_blocks, 14);
    say(o, &l);
  }
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

static void say_pools(const struct out *o, const pym_heap *h) {
  uint64_t in_use = 0, avail = 0, pools = (uint64_t)h->pools_used * POOL_BYTES;
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    in_use += c.live_blocks * c.block_size;
    avail += c.free_blocks * c.block_size;
  }
  say_count(o, "# pools in use", h->pools_used);
  say_count(o, "# bytes in allocated blocks", in_use);
  say_count(o, "# bytes in available blocks", avail);
  say_count(o, "# bytes of pool headers", (uint64_t)h->pools_used * (POOL_BYTES - POOL_ROOM));
  say_count(o, "# bytes too few for a block", (uint64_t)h->pools_used * POOL_ROOM - in_use - avail);
  say_count(o, "Total bytes of pools", pools);
}

static void say_raw(const struct out *o, const pym_heap *h) {
  say_count(o, "# raw segments", h->raw_segments);
  say_count(o, "# raw blocks", h->raw_chunks);
  say_count(o, "# bytes of them for heaps and the map of pools", h->domains[INTERNAL].charged);
  say_count(o, "# bytes lost to raw headers", (uint64_t)h->raw_chunks * 8 + h->raw_segments * 16);
  say_count(o, "# bytes in free raw chunks", h->raw_free);
  say_count(o, "Total bytes of raw segments, pools in them", h->raw_bytes);
}

static void say_pages(const struct out *o) {
  pym_page_stats p;
  pym_page_stats_get(&p);
  say_count(o, "# pages of linear memory (64 KiB)", p.memory);
  say_count(o, "# pages of this library", p.owned);
  say_count(o, "# pages with pools", p.pool);
  say_count(o, "# pages with raw blocks only", p.raw);
  say_count(o, "# pages free", p.free);
  say_count(o, "# arenas: 256 KiB windows with pools", p.arenas);
  say_count(o, "# growths", p.grows);
  say_count(o, "# growths refused", p.grow_failures);
}

void pym_dump(pym_heap *h, pym_write_fn *write, void *ctx) {
  pym__start();
  const struct out o = {write, ctx};
  struct line l = {.n = 0};
  pym__put(&l, "Small block threshold = 512, in 64 size classes.  Heap ");
  pym__put_number(&l, h->id, 0);
  say(&o, &l);
  say_text(&o, "");
  say_classes(&o, h);
  say_text(&o, "");
  say_domains(&o, h);
  say_text(&o, "");
  say_pools(&o, h);
  say_text(&o, "");
  say_raw(&o, h);
  say_text(&o, "");
  say_pages(&o);
}

static void to_host(void *ctx, const char *text, size_t n) {
  (void)ctx;
  pym__host_write(text, n);
}

void pym_dump_stderr(pym_heap *h) { pym_dump(h, to_host, NULL); }
