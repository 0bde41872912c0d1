/* What shows the heap to others: pym_walk, pym_dump, the root structures and their events. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

/* ---- Walk ---- */

#define BLOCKS 700
static struct {
  unsigned char *p;
  size_t usable;
  enum pym_domain d;
  unsigned met;
} blocks[BLOCKS];

static size_t size_of_block(unsigned i) {
  return 1 + (i * 37 + i / 7 * 411) % (i % 9 ? 600 : 9000);
}

static void populate(pym_heap *h) {
  for (unsigned i = 0; i < BLOCKS; i++) {
    blocks[i].d = (enum pym_domain)(i % PYM_DOMAINS);
    blocks[i].p = pym_heap_malloc(h, blocks[i].d, size_of_block(i));
    if (!CHECK(blocks[i].p != NULL)) return;
    blocks[i].usable = pym_usable_size(blocks[i].p);
    blocks[i].met = 0;
  }
  for (unsigned i = 0; i < BLOCKS; i += 3) {
    pym_heap_free(h, blocks[i].d, blocks[i].p);
    blocks[i].p = NULL;
  }
}

static struct {
  uint64_t blocks, bytes, free_bytes, pools, segments, wrong;
  uint64_t out_in_pool; /* of the pool met last, blocks still to come */
  unsigned char *pool, *last, *segment_end;
} met;

/* Things come in address order, none over the one before, all within the segment. */
static void meet_place(unsigned char *p, size_t size) {
  met.wrong += met.out_in_pool != 0 || p < met.last || p + size > met.segment_end;
  met.last = p + size;
}

static void meet_block(unsigned char *p, size_t size) {
  met.blocks++;
  met.bytes += size;
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (blocks[i].p == p) blocks[i].met += blocks[i].usable == size;
  }
}

static int visit(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                 enum pym_domain d) {
  unsigned char *at_p = p;
  (void)d;
  met.wrong += ctx != &met;
  switch (what) {
    case PYM_WALK_POOL:
      met.pools++;
      meet_place(p, POOL_BYTES - RAW_HEADER);
      met.wrong += count == 0 || size % 8 != 0 || size > PYM_SMALL_MAX;
      met.wrong += target_offset(p) % POOL_BYTES != 0 || view_class(p) * 8 != size;
      met.pool = p;
      met.out_in_pool = count;
      break;
    case PYM_WALK_BLOCK:
      met.out_in_pool--;
      met.wrong +=
          at_p < met.pool + view_first((uint32_t)size) || at_p + size > met.pool + POOL_BYTES - 8;
      meet_block(p, size);
      break;
    case PYM_WALK_SEGMENT:
      met.segments++;
      met.wrong += met.out_in_pool != 0;
      met.last = at_p;
      met.segment_end = at_p + size;
      break;
    case PYM_WALK_CHUNK:
      meet_place(p, size);
      meet_block(p, size);
      break;
    case PYM_WALK_FREE_CHUNK:
      meet_place(p, size);
      met.free_bytes += size;
      break;
  }
  return 0;
}

static void a_walk_meets_every_live_block_once(void) {
  pym_heap *h = pym_heap_new();
  populate(h);
  __builtin_memset(&met, 0, sizeof met);
  CHECK_EQ(pym_walk(h, visit, &met), 0);
  CHECK_EQ(met.wrong, 0);
  CHECK_EQ(met.out_in_pool, 0);
  CHECK(met.pools > 10 && met.segments > 0 && met.free_bytes > 0);
  for (unsigned i = 0; i < BLOCKS; i++) CHECK_EQ(blocks[i].met, blocks[i].p != NULL);
  uint64_t live = 0, live_bytes = 0;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats s;
    pym_domain_stats_get(h, (enum pym_domain)d, &s);
    live += s.live_blocks;
    live_bytes += s.live_bytes;
  }
  CHECK_EQ(met.blocks, live);
  CHECK_EQ(met.bytes, live_bytes);
  CHECK_EQ(met.free_bytes, view_heap(h)->raw_free + view_heap(h)->raw_cached);
  CHECK_EQ(met.segments, view_heap(h)->raw_segments);
  CHECK_EQ(met.pools, view_heap(h)->pools_used);
  pym_heap_destroy(h);
}

static int stop_at_third(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                         enum pym_domain d) {
  (void)what, (void)p, (void)size, (void)count, (void)d;
  return ++*(int *)ctx == 3 ? 77 : 0;
}

static void a_walk_stops_when_told(void) {
  pym_heap *h = pym_heap_new();
  populate(h);
  int visits = 0;
  CHECK_EQ(pym_walk(h, stop_at_third, &visits), 77);
  CHECK_EQ(visits, 3);
  pym_heap_destroy(h);
}

static int note_domain(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                       enum pym_domain d) {
  (void)p, (void)size, (void)count;
  if (what == PYM_WALK_CHUNK) ((unsigned *)ctx)[d]++;
  return 0;
}

static void a_walk_tells_the_domain_of_raw_blocks(void) {
  pym_heap *h = pym_heap_new();
  unsigned chunks[PYM_DOMAINS + 1] = {0};
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    for (unsigned i = 0; i <= d; i++) pym_heap_malloc(h, (enum pym_domain)d, 1000);
  }
  pym_walk(h, note_domain, chunks);
  CHECK(chunks[PYM_RAW] == 1 && chunks[PYM_MEM] == 2 && chunks[PYM_OBJ] == 3);
  pym_heap_destroy(h);
}

/* ---- Dump ---- */

static struct {
  char text[16384];
  size_t n, pieces;
} dump;

static void collect(void *ctx, const char *text, size_t n) {
  CHECK(ctx == &dump && n > 0 && n < 200);
  dump.pieces++;
  for (size_t i = 0; i < n && dump.n < sizeof dump.text - 1; i++) dump.text[dump.n++] = text[i];
}

/* The number that ends the first line that begins with `what`. */
static uint64_t dumped(const char *what) {
  for (size_t i = 0; i < dump.n; i++) {
    if (i && dump.text[i - 1] != '\n') continue;
    size_t k = 0;
    while (what[k] && dump.text[i + k] == what[k]) k++;
    if (what[k]) continue;
    uint64_t value = 0;
    for (i += k; dump.text[i] != '\n'; i++) {
      char c = dump.text[i];
      if (c != ',') value = c >= '0' && c <= '9' ? value * 10 + (uint64_t)(c - '0') : 0;
    }
    return value;
  }
  return UINT64_MAX;
}

static void a_dump_tells_what_the_counters_say(void) {
  pym_heap *h = pym_heap_new();
  populate(h);
  dump.n = dump.pieces = 0;
  pym_dump(h, collect, &dump);
  CHECK(dump.pieces > 20 && dump.n < sizeof dump.text - 1 && dump.text[dump.n - 1] == '\n');
  pym_page_stats pages;
  pym_page_stats_get(&pages);
  CHECK_EQ(dumped("# pages of this library"), pages.owned);
  CHECK_EQ(dumped("# pages with pools"), pages.pool);
  CHECK_EQ(dumped("# pages with raw blocks only"), pages.raw);
  CHECK_EQ(dumped("# pages free"), pages.free);
  CHECK_EQ(dumped("# growths"), pages.grows);
  uint64_t in_use = 0, pools = 0;
  for (unsigned i = 0; i < PYM_SMALL_MAX / 8; i++) {
    pym_class_stats c;
    pym_class_stats_get(h, i, &c);
    in_use += c.live_blocks * c.block_size;
    pools += c.pools;
  }
  CHECK_EQ(dumped("# bytes in allocated blocks"), in_use);
  CHECK_EQ(dumped("# pools in use"), pools);
  CHECK_EQ(dumped("# bytes lost to arena alignment"), 0); /* its memory is all there */
  CHECK_EQ(dumped("Total"), view_heap(h)->raw_bytes);
  pym_heap_destroy(h);
}

static int dump_has(const char *line) {
  for (size_t i = 0; i < dump.n; i++) {
    size_t k = 0;
    while (line[k] && dump.text[i + k] == line[k]) k++;
    if (!line[k]) return 1;
  }
  return 0;
}

/* Line by line and column by column, for what reads CPython's. */
static void a_dump_begins_with_cpythons_report(void) {
  void *p = pym_obj_malloc(24);
  pym_class_stats c;
  pym_class_stats_get(pym_heap_default(), 2, &c);
  dump.n = dump.pieces = 0;
  pym_dump(pym_heap_default(), collect, &dump);
  CHECK(
      dump_has("Small block threshold = 512, in 64 size classes.\n\n"
               "class   size   num pools   blocks in use  avail blocks\n"
               "-----   ----   ---------   -------------  ------------\n"));
  CHECK(dump.text[0] == 'S');
  char row[] = "    2     24           .               .           ...\n";
  if (c.pools == 1 && c.live_blocks == 1) {
    row[23] = '1';
    row[39] = '1';
    row[51] = (char)('0' + c.free_blocks / 100);
    row[52] = (char)('0' + c.free_blocks / 10 % 10);
    row[53] = (char)('0' + c.free_blocks % 10);
    CHECK(dump_has(row));
  }
  const uint64_t arenas = dumped("# arenas allocated current         =");
  CHECK_EQ(arenas, (view_heap(pym_heap_default())->raw_bytes + 262143) / 262144);
  CHECK_EQ(dumped("# arenas allocated total           ="), arenas);
  CHECK_EQ(dumped("# arenas reclaimed                 ="), 0);
  CHECK_EQ(dumped("# arenas highwater mark            ="), arenas);
  CHECK(dump_has(" arenas * 262144 bytes/arena     =") ||
        dump_has(" arenas * 262144 bytes/arena      ="));
  CHECK(dump_has("# bytes in allocated blocks        =") &&
        dump_has(" unused pools * 4096 bytes "));
  CHECK(dump_has("# bytes in available blocks        =") &&
        dump_has("# bytes lost to pool headers       ="));
  CHECK(dump_has("# bytes lost to quantization       ="));
  CHECK(dumped("# bytes lost to arena alignment    =") < 262144);
  CHECK_EQ(dumped("Total                              ="), arenas * 262144);
  pym_obj_free(p);
}

/* ---- What readers outside see ---- */

static void the_root_says_what_the_functions_say(void) {
  void *p = pym_obj_malloc(100);
  const struct space_view *root = view_space();
  pym_page_stats pages;
  pym_page_stats_get(&pages);
  CHECK_EQ(root->version, LAYOUT_VERSION);
  CHECK(at(root->first_heap) == (void *)pym_heap_default());
  CHECK_EQ(root->pages_owned, pages.owned);
  CHECK_EQ(root->pages_memory, pages.memory);
  CHECK(view_class(p) == 104 / 8 && view_pool(p)->size == 104);
  CHECK_EQ(root->grows, pages.grows);
  uint32_t heaps = root->heaps;
  pym_heap *h = pym_heap_new();
  CHECK_EQ(root->heaps, heaps + 1);
  pym_heap_destroy(h);
  CHECK_EQ(root->heaps, heaps);
  pym_obj_free(p);
}

static uint32_t pages_free(void) {
  pym_page_stats pages;
  pym_page_stats_get(&pages);
  return pages.free;
}

static const struct event *last_event(void) {
  const struct space_view *root = view_space();
  return &root->events[(root->event_seq - 1) % EVENTS];
}

static void check_event(uint32_t seq, enum event_kind kind, unsigned domain) {
  const struct event *e = last_event();
  check_context("event kind", kind);
  CHECK_EQ(e->seq, seq);
  CHECK_EQ(e->kind, kind);
  CHECK_EQ(e->domain, domain);
  CHECK_EQ(e->pages_after, target_pages());
  CHECK(e->pages_before <= e->pages_after);
}

static void events_tell_of_growth_limits_and_refusals(void) {
  const struct space_view *root = view_space();
  uint32_t seq = root->event_seq;
  void *p = pym_raw_malloc((size_t)(pages_free() + 40) * WASM_PAGE);
  check_event(seq + 1, EVENT_GROW, PYM_RAW);
  CHECK(last_event()->pages_after >= last_event()->pages_before + 39);
  CHECK_EQ(last_event()->heap, 1);
  seq = root->event_seq;
  pym_limit_set(pym_heap_default(), PYM_MEM, PYM_UNLIMITED, 0);
  CHECK(pym_mem_malloc(33) == NULL);
  check_event(seq + 1, EVENT_HARD, PYM_MEM);
  CHECK(last_event()->bytes >= 33 && last_event()->bytes <= 40);
  pym_limit_set(pym_heap_default(), PYM_MEM, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, 0, PYM_UNLIMITED);
  pym_raw_free(p); /* what else lives is above the limit already, or nothing is */
  seq = root->event_seq;
  target_fail_after(0, 1);
  CHECK(pym_obj_malloc(900u << 20) == NULL);
  target_fail_after(-1, 0);
  check_event(root->event_seq, EVENT_OOM, PYM_OBJ);
  CHECK(root->event_seq > seq);
  pym_heap *h = pym_heap_new();
  target_fail_after(0, 1);
  for (unsigned i = 0; i < 200000 && pym_heap_malloc(h, PYM_MEM, 256); i++) continue;
  target_fail_after(-1, 0);
  check_event(root->event_seq, EVENT_OOM, PYM_MEM);
  pym_heap_destroy(h);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
}

static void a_soft_limit_is_an_event(void) {
  pym_heap *h = pym_heap_new();
  pym_limit_set(h, PYM_WHOLE_HEAP, 50, PYM_UNLIMITED);
  void *p = pym_heap_malloc(h, PYM_RAW, 5000), *q = pym_heap_malloc(h, PYM_RAW, 40);
  const struct space_view *root = view_space();
  unsigned soft = 0;
  for (unsigned i = 0; i < EVENTS; i++) {
    const struct event *e = &root->events[i];
    soft += e->kind == EVENT_SOFT && e->domain == PYM_WHOLE_HEAP && e->heap != 1;
  }
  CHECK_EQ(soft, 1);
  pym_heap_free(h, PYM_RAW, p);
  pym_heap_free(h, PYM_RAW, q);
  pym_heap_destroy(h);
}

/* The domain's limit is named where both would be passed; what is granted is no refusal. */
static void an_event_names_the_limit_that_refused(void) {
  pym_heap *h = pym_heap_new();
  const struct space_view *root = view_space();
  pym_limit_set(h, PYM_MEM, PYM_UNLIMITED, 1000);
  pym_limit_set(h, PYM_WHOLE_HEAP, PYM_UNLIMITED, 1000);
  CHECK(pym_heap_malloc(h, PYM_MEM, 2000) == NULL);
  check_event(root->event_seq, EVENT_HARD, PYM_MEM);
  CHECK(pym_heap_malloc(h, PYM_RAW, 2000) == NULL);
  check_event(root->event_seq, EVENT_HARD, PYM_WHOLE_HEAP);
  pym_limit_set(h, PYM_MEM, 10, PYM_UNLIMITED);
  CHECK(pym_heap_malloc(h, PYM_MEM, 100) != NULL);
  const struct event *e = last_event();
  CHECK(e->kind == EVENT_SOFT || e->kind == EVENT_GROW);
  uint32_t seq = root->event_seq;
  CHECK(pym_heap_malloc(h, PYM_MEM, 100) != NULL);
  CHECK_EQ(root->event_seq, seq);
  pym_heap_destroy(h);
}

/* Far from its limits a heap takes blocks from a pool by the pool. */
static void a_far_limit_costs_nothing(void) {
  pym_heap *h = pym_heap_new();
  pym_limit_set(h, PYM_OBJ, PYM_UNLIMITED, 1000000);
  CHECK(pym_heap_malloc(h, PYM_OBJ, 64) != NULL);
  CHECK_EQ(view_listed(h, 8), view_capacity(64) - 1);
  CHECK_EQ(view_heap(h)->hot.closed[1], PYM__LINK_MAX);
  pym_limit_set(h, PYM_OBJ, PYM_UNLIMITED, 1000);
  CHECK(pym_heap_malloc(h, PYM_OBJ, 64) != NULL);
  CHECK_EQ(view_listed(h, 8), 0); /* one by one near it */
  pym_heap_destroy(h);
}

/* The mean of the sizes asked for is right after more than 4 GiB of them, and where every call is
 * slow: under a hook, near a limit. */
static void the_sum_of_sampled_sizes_passes_4_gib(void) {
  pym_heap *h = pym_heap_new();
  struct heap_view *heap = view_heap(h);
  heap->sampled[63] = 8589934;
  heap->sampled_bytes[63] = heap->sampled[63] * 500;
  pym_limit_set(h, PYM_OBJ, PYM_UNLIMITED, 1000);
  for (unsigned i = 0; i < 2000; i++) pym_heap_free(h, PYM_OBJ, pym_heap_malloc(h, PYM_OBJ, 500));
  CHECK(heap->sampled[63] > 8589934 && heap->sampled_bytes[63] > UINT32_MAX);
  CHECK_EQ(heap->sampled_bytes[63], heap->sampled[63] * 500);
  pym_heap_destroy(h);
}
static void a_sampled_size_is_the_size_asked_for(void) {
  pym_heap *h = pym_heap_new();
  const struct heap_view *heap = view_heap(h);
  for (uint32_t n = 1; n <= PYM_SMALL_MAX; n++) {
    const uint64_t samples = heap->sampled[(n + 7) / 8], bytes = heap->sampled_bytes[(n + 7) / 8];
    for (unsigned i = 0; i < view_capacity((n + 7) & ~7u) + 1; i++)
      CHECK(pym_heap_malloc(h, PYM_MEM, n) != NULL);
    check_context("size", n);
    CHECK(heap->sampled[(n + 7) / 8] > samples);
    CHECK_EQ(heap->sampled_bytes[(n + 7) / 8] - bytes, (heap->sampled[(n + 7) / 8] - samples) * n);
  }
  check_sound(h);
  pym_heap_destroy(h);
}

/* Where nothing is handed out and where all is, in the middle of a list, and while blocks come
 * back: a walk and the counters agree on what lives, block by block. */
#define STEPS 700u
static unsigned live_seen;
static int note_live(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                     enum pym_domain d) {
  (void)count, (void)d;
  if (what == PYM_WALK_POOL && ctx) live_seen += 1000000; /* pools that hold nothing else */
  if (what != PYM_WALK_BLOCK) return 0;
  live_seen++;
  return !holds(p, size < 8 ? size : 8, target_offset(p));
}
static void a_walk_tells_live_from_free_at_any_moment(void) {
  static void *p[STEPS];
  pym_heap *h = pym_heap_new();
  for (unsigned c = 0; c < 3; c++) {
    const size_t n = c == 0 ? 48 : c == 1 ? 8 : 512;
    check_context("size", n);
    for (unsigned i = 0; i < STEPS; i++) {
      p[i] = pym_heap_malloc(h, i % 2 ? PYM_OBJ : PYM_MEM, n);
      fill(p[i], 8, target_offset(p[i]));
      live_seen = 0;
      if (!CHECK(pym_walk(h, note_live, NULL) == 0 && live_seen == i + 1)) break;
    }
    for (unsigned k = 0; k < STEPS; k++) {
      const unsigned i = k * 37 % STEPS;
      pym_heap_free(h, i % 2 ? PYM_OBJ : PYM_MEM, p[i]);
      live_seen = 0;
      if (!CHECK(pym_walk(h, note_live, NULL) == 0 && live_seen == STEPS - 1 - k)) break;
    }
    pym_heap_trim(h);
    live_seen = 0;
    CHECK(pym_walk(h, note_live, h) == 0 && live_seen == 0);
  }
  pym_heap_destroy(h);
}

static void a_sound_heap_has_no_message(void) {
  CHECK_EQ(pym_check(pym_heap_default()), 0);
  CHECK_EQ(*pym_check_message(), 0);
}

CHECK_CASES(TEST(a_walk_meets_every_live_block_once), TEST(a_walk_stops_when_told),
            TEST(a_walk_tells_the_domain_of_raw_blocks), TEST(a_dump_tells_what_the_counters_say),
            TEST(a_dump_begins_with_cpythons_report), TEST(the_root_says_what_the_functions_say),
            TEST(events_tell_of_growth_limits_and_refusals), TEST(a_soft_limit_is_an_event),
            TEST(an_event_names_the_limit_that_refused), TEST(a_far_limit_costs_nothing),
            TEST(the_sum_of_sampled_sizes_passes_4_gib), TEST(a_sampled_size_is_the_size_asked_for),
            TEST(a_walk_tells_live_from_free_at_any_moment), TEST(a_sound_heap_has_no_message));
