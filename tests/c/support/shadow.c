#include "shadow.h"

#include "check.h"
#include "target.h"
#include "view.h"

/* One bit for each 8 bytes of linear memory: set where a live block lies. */
#define GRAIN 8u
#define TAKEN_WORDS (TARGET_MAX * (65536u / GRAIN / 64u))

struct shadow_heap shadow_heaps[SHADOW_HEAPS];
pym_size shadow_all_soft, shadow_all_hard;
static uint64_t taken[TAKEN_WORDS];

/* ---- Places ---- */

/* Set or clear the bits of [p, p + n); returns whether all had the other value before. */
static int mark(const void *p, uint64_t n, int set) {
  uint64_t from = target_offset(p) / GRAIN, to = (target_offset(p) + n - 1) / GRAIN + 1;
  uint64_t wrong = 0;
  if (to > (uint64_t)TAKEN_WORDS * 64 || from >= to) return 0;
  while (from < to) {
    uint64_t bit = from % 64, span = to - from < 64 - bit ? to - from : 64 - bit;
    uint64_t mask = (span == 64 ? ~(uint64_t)0 : ((uint64_t)1 << span) - 1) << bit;
    uint64_t *word = &taken[from / 64];
    wrong |= set ? *word & mask : ~*word & mask;
    *word = set ? *word | mask : *word & ~mask;
    from += span;
  }
  return wrong == 0;
}

static uint64_t hash_of(const void *p, uint64_t usable) {
  return check_mix(target_offset(p), usable);
}

/* ---- Counters ---- */

unsigned shadow_limit(unsigned d, unsigned i) {
  return i == 0 ? d : i == 1 ? PYM_WHOLE_HEAP : PYM_ALL_HEAPS;
}
pym_size shadow_soft(const struct shadow_heap *s, unsigned which) {
  return which == PYM_ALL_HEAPS ? shadow_all_soft : s->soft[which];
}
pym_size shadow_hard(const struct shadow_heap *s, unsigned which) {
  return which == PYM_ALL_HEAPS ? shadow_all_hard : s->hard[which];
}

uint64_t shadow_live(const struct shadow_heap *s, unsigned which) {
  if (which < PYM_DOMAINS) return s->domain[which].live_bytes;
  uint64_t sum = 0;
  if (which == PYM_ALL_HEAPS) {
    for (unsigned i = 0; i < SHADOW_HEAPS; i++)
      if (shadow_heaps[i].h) sum += shadow_live(&shadow_heaps[i], PYM_WHOLE_HEAP);
    return sum;
  }
  for (unsigned d = 0; d < PYM_DOMAINS; d++) sum += s->domain[d].live_bytes;
  return sum;
}

static int in_pool(const struct shadow_block *b) { return view_class(b->p) != 0; }

static void change_live(struct shadow_heap *s, unsigned d, int64_t by) {
  uint64_t before[SHADOW_LIMITS];
  for (unsigned i = 0; i < SHADOW_LIMITS; i++) before[i] = shadow_live(s, shadow_limit(d, i));
  pym_domain_stats *t = &s->domain[d];
  t->live_bytes += (uint64_t)by;
  if (t->live_bytes > t->peak_bytes) t->peak_bytes = t->live_bytes;
  for (unsigned i = 0; i < SHADOW_LIMITS; i++) {
    unsigned which = shadow_limit(d, i);
    pym_size soft = shadow_soft(s, which), hard = shadow_hard(s, which);
    uint64_t now = before[i] + (uint64_t)by;
    if (before[i] <= soft && now > soft) s->soft_expected++;
    if (by > 0) CHECK(now <= hard || hard == PYM_UNLIMITED);
  }
}

static void count_block(struct shadow_block *b) {
  struct shadow_heap *s = &shadow_heaps[b->heap];
  pym_domain_stats *t = &s->domain[b->domain];
  t->live_blocks++;
  t->total_blocks++;
  t->total_bytes += b->usable;
  s->blocks_sum += hash_of(b->p, b->usable);
  b->pooled = (uint8_t)in_pool(b);
  if (b->pooled) {
    s->class_live[(b->usable - 1) / 8]++;
    s->class_total[(b->usable - 1) / 8]++;
  }
}

static void uncount_block(const struct shadow_block *b) {
  struct shadow_heap *s = &shadow_heaps[b->heap];
  s->domain[b->domain].live_blocks--;
  s->blocks_sum -= hash_of(b->p, b->usable);
  if (b->pooled) s->class_live[(b->usable - 1) / 8]--;
}

/* The callback: at a soft limit, before a hard one refuses, and before memory is out.  It frees
 * nothing here, but the request may be served in another way after it. */
static void note_soft(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  struct shadow_heap *s = ctx;
  CHECK(h == s->h && which <= PYM_ALL_HEAPS);
  if (which == PYM_MEMORY || live > shadow_hard(s, which)) return;
  s->soft_calls++;
  CHECK(live > shadow_soft(s, which));
}

/* ---- Blocks ---- */

static void check_place(const struct shadow_block *b) {
  uintptr_t mask = in_pool(b) && b->usable % 16 ? 7 : 15;
  CHECK(((uintptr_t)b->p & mask) == 0);
  CHECK(b->usable >= b->n && b->usable > 0);
  CHECK(pym_owns(b->p) && pym_owns((char *)b->p + b->usable - 1));
  CHECK(target_offset(b->p) + b->usable <= (uint64_t)target_pages() * WASM_PAGE);
  CHECK(mark(b->p, b->usable, 1));
}

void shadow_enter(struct shadow_block *b, void *p, uint32_t n) {
  b->p = p;
  b->n = n ? n : 1;
  b->usable = (pym_size)pym_usable_size(p);
  check_place(b);
  change_live(&shadow_heaps[b->heap], b->domain, (int64_t)b->usable);
  count_block(b);
  fill(p, b->n, b->seed);
}

void shadow_verify(const struct shadow_block *b, uint32_t n) {
  CHECK(holds(b->p, n < b->n ? n : b->n, b->seed));
}

void shadow_strike(struct shadow_block *b) {
  shadow_verify(b, b->n);
  CHECK_EQ(pym_usable_size(b->p), b->usable);
  CHECK(mark(b->p, b->usable, 0));
  change_live(&shadow_heaps[b->heap], b->domain, -(int64_t)b->usable);
  uncount_block(b);
  b->p = NULL;
}

void shadow_move(struct shadow_block *b, void *p, uint32_t n) {
  struct shadow_block old = *b;
  b->p = p;
  b->n = n ? n : 1;
  b->usable = (pym_size)pym_usable_size(p);
  CHECK(mark(old.p, old.usable, 0));
  check_place(b);
  CHECK(holds(p, old.n < b->n ? old.n : b->n, b->seed));
  change_live(&shadow_heaps[b->heap], b->domain, (int64_t)b->usable - (int64_t)old.usable);
  uncount_block(&old);
  pym_domain_stats *t = &shadow_heaps[b->heap].domain[b->domain];
  uint64_t bytes = t->total_bytes, blocks = t->total_blocks;
  count_block(b);
  if (p == old.p) { /* in place: no block, only what it gained */
    t->total_bytes = bytes + (b->usable > old.usable ? b->usable - old.usable : 0);
    t->total_blocks = blocks;
    if (b->pooled) shadow_heaps[b->heap].class_total[(b->usable - 1) / 8]--;
  }
  fill(p, b->n, b->seed);
}

void shadow_failure(struct shadow_heap *s, unsigned d) { s->domain[d].failures++; }

/* ---- Heaps ---- */

static void start_heap(struct shadow_heap *s, pym_heap *h) {
  *s = (struct shadow_heap){.h = h};
  for (unsigned which = 0; which <= PYM_DOMAINS; which++) {
    s->soft[which] = s->hard[which] = PYM_UNLIMITED;
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
  }
  pym_limit_callback(h, note_soft, s);
}

/* The same hash over what the default heap holds beside the test's blocks: records of heaps. */
static uint64_t others_sum;

static int add_block(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                     enum pym_domain domain) {
  (void)count;
  (void)domain;
  if (what == PYM_WALK_BLOCK || what == PYM_WALK_CHUNK) *(uint64_t *)ctx += hash_of(p, size);
  return 0;
}

static uint64_t walk_sum(pym_heap *h) {
  uint64_t sum = 0;
  CHECK_EQ(pym_walk(h, add_block, &sum), 0);
  return sum;
}

static void adopt_others(void) {
  others_sum = walk_sum(shadow_heaps[0].h) - shadow_heaps[0].blocks_sum;
}

void shadow_start(void) {
  struct shadow_heap *s = &shadow_heaps[0];
  __builtin_memset(taken, 0, sizeof taken);
  start_heap(s, pym_heap_default());
  shadow_all_soft = shadow_all_hard = PYM_UNLIMITED;
  pym_limit_set(s->h, PYM_ALL_HEAPS, PYM_UNLIMITED, PYM_UNLIMITED);
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    pym_domain_stats_get(s->h, (enum pym_domain)d, &s->domain[d]);
  for (unsigned i = 0; i < COUNT(s->class_live); i++) {
    pym_class_stats c;
    pym_class_stats_get(s->h, i, &c);
    s->class_live[i] = c.live_blocks;
    s->class_total[i] = c.total_blocks;
  }
  adopt_others();
}

void shadow_heap_open(unsigned i) {
  pym_heap *h = pym_heap_new();
  adopt_others();
  shadow_heaps[i].h = NULL;
  if (h) start_heap(&shadow_heaps[i], h);
}

void shadow_heap_close(unsigned i) {
  pym_heap_destroy(shadow_heaps[i].h);
  shadow_heaps[i].h = NULL;
  adopt_others();
}

/* ---- Comparison ---- */

static void check_domains(struct shadow_heap *s) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats is;
    const pym_domain_stats *want = &s->domain[d];
    pym_domain_stats_get(s->h, (enum pym_domain)d, &is);
    CHECK_EQ(is.live_blocks, want->live_blocks);
    CHECK_EQ(is.live_bytes, want->live_bytes);
    if (want->live_bytes > s->peak_seen[d]) s->peak_seen[d] = want->live_bytes;
    CHECK(is.peak_bytes <= want->peak_bytes && is.peak_bytes >= s->peak_seen[d]);
    if (d == PYM_RAW) CHECK_EQ(is.peak_bytes, want->peak_bytes);
    CHECK_EQ(is.total_blocks, want->total_blocks);
    CHECK_EQ(is.total_bytes, want->total_bytes);
    CHECK_EQ(is.failures, want->failures);
  }
}

static void check_classes(const struct shadow_heap *s) {
  for (unsigned i = 0; i < COUNT(s->class_live); i++) {
    pym_class_stats is;
    pym_class_stats_get(s->h, i, &is);
    CHECK_EQ(is.block_size, (i + 1) * 8);
    CHECK_EQ(is.live_blocks, s->class_live[i]);
    CHECK_EQ(is.total_blocks, s->class_total[i]);
    CHECK(is.pools <= is.peak_pools);
    CHECK(is.live_blocks + is.free_blocks == (uint64_t)is.pools * view_capacity(is.block_size));
  }
}

static void check_pages(void) {
  pym_page_stats s;
  pym_page_stats_get(&s);
  CHECK(s.owned <= s.free + s.pool + s.raw); /* pools lie in arenas from a hook, too */
  CHECK(s.owned <= s.memory);
  CHECK(s.memory <= target_pages());
}

void shadow_check_soft(int was_out) {
  for (unsigned i = 0; i < SHADOW_HEAPS; i++) {
    struct shadow_heap *s = &shadow_heaps[i];
    if (was_out && s->soft_calls > s->soft_expected) s->soft_expected = s->soft_calls;
    CHECK_EQ(s->soft_calls, s->soft_expected);
  }
}

void shadow_check(void) {
  for (unsigned i = 0; i < SHADOW_HEAPS; i++) {
    struct shadow_heap *s = &shadow_heaps[i];
    if (!s->h) continue;
    check_context("heap", i);
    if (!CHECK(pym_check(s->h) == 0)) {
      check_print(pym_check_message());
      check_print("\n");
    }
    check_domains(s);
    check_classes(s);
    CHECK_EQ(walk_sum(s->h), s->blocks_sum + (i == 0 ? others_sum : 0));
  }
  check_pages();
  check_context("", 0);
}
