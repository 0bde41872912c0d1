/* The debug hooks where nothing is wrong: what a block looks like, what lies below, who is asked.
 */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "pymalloc_python.h"
#include "target.h"
#include "view.h"

static const struct plain {
  char id;
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} plain[PYM_DOMAINS] = {
    {'r', pym_raw_malloc, pym_raw_calloc, pym_raw_realloc, pym_raw_free},
    {'m', pym_mem_malloc, pym_mem_calloc, pym_mem_realloc, pym_mem_free},
    {'o', pym_obj_malloc, pym_obj_calloc, pym_obj_realloc, pym_obj_free},
};

static const size_t sizes[] = {0, 1, 7, 8, 16, 24, 100, 127, 128, 129, 255, 512, 513, 5000, 100000};

static pym_allocator before[PYM_DOMAINS];

static void on(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) pym_allocator_get((enum pym_domain)d, &before[d]);
  CHECK_EQ(pym_debug_hooks(), 0);
}
static void off_again(void) {
  pym_heap_trim(pym_heap_default());
  for (unsigned d = 0; d < PYM_DOMAINS; d++) pym_allocator_set((enum pym_domain)d, &before[d]);
  check_sound(pym_heap_default());
}

static void each_under_hooks(void (*body)(unsigned d)) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    on();
    body(d);
    off_again();
  }
}

static int all(const unsigned char *p, size_t n, unsigned char value) {
  size_t i = 0;
  while (i < n && p[i] == value) i++;
  return i == n;
}

/* CPython's layout of a block of n bytes at p.  S is the size of a size_t; HEAD bytes are before.
 */
enum { S = sizeof(pym_size), HEAD = 4 * S };
static int is_marked(const unsigned char *p, size_t n, char id) {
  for (unsigned i = 0; i < S; i++)
    if (p[(int)i - 2 * S] != (unsigned char)(n >> (8 * (S - 1 - i)))) return 0;
  return p[-S] == id && all(p - S + 1, S - 1, 0xfd) && all(p + n, S, 0xfd);
}

/* ---- Blocks ---- */

static void layout_body(unsigned d) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    const size_t n = sizes[i];
    unsigned char *p = plain[d].malloc(n), *q = plain[d].calloc(n, 1);
    CHECK(is_marked(p, n, plain[d].id) && all(p, n, 0xcd));
    CHECK(is_marked(q, n, plain[d].id) && all(q, n, 0));
    CHECK_EQ((uintptr_t)p % PYM_RAW_ALIGNMENT + (uintptr_t)q % PYM_RAW_ALIGNMENT, 0);
    CHECK_EQ(pym_usable_size(p), n);
    CHECK(pym_owns(p));
    plain[d].free(p);
    plain[d].free(q);
  }
}
static void a_block_has_cpythons_marks_and_the_alignment_below(void) {
  each_under_hooks(layout_body);
}

static void resize_body(unsigned d) {
  for (unsigned i = 0; i < COUNT(sizes); i++)
    for (unsigned k = 0; k < COUNT(sizes); k++) {
      const size_t from = sizes[i], to = sizes[k], kept = from < to ? from : to;
      unsigned char *p = plain[d].malloc(from);
      fill(p, from, i);
      p = plain[d].realloc(p, to);
      if (!CHECK(p != NULL)) return;
      CHECK(is_marked(p, to, plain[d].id));
      CHECK(holds(p, kept, i) && all(p + kept, to - kept, 0xcd));
      plain[d].free(p);
    }
  unsigned char *p = plain[d].realloc(NULL, 9);
  CHECK(is_marked(p, 9, plain[d].id) && all(p, 9, 0xcd));
  plain[d].free(p);
  plain[d].free(NULL);
}
static void a_resized_block_keeps_its_bytes_and_gets_clean_ones(void) {
  each_under_hooks(resize_body);
}

/* In place, so that what was there can be looked at. */
static unsigned char arena[8192] __attribute__((aligned(16)));
static size_t asked_below;
static unsigned refuse, calls;
static void *still_malloc(void *ctx, size_t n) {
  calls += ctx == arena;
  asked_below = n;
  if (refuse) return NULL;
  for (size_t i = 0; i < sizeof arena; i++) arena[i] = 0xfd; /* stale marks */
  return arena;
}
static void *still_calloc(void *ctx, size_t count, size_t size) {
  unsigned char *p = still_malloc(ctx, count * size);
  for (size_t i = 0; p && i < asked_below; i++) p[i] = 0;
  return p;
}
static void *still_realloc(void *ctx, void *p, size_t n) {
  calls += ctx == arena && p == arena;
  asked_below = n;
  return refuse ? NULL : p;
}
static void still_free(void *ctx, void *p) { calls += ctx == arena && p == arena; }

static const pym_allocator still = {arena, still_malloc, still_calloc, still_realloc, still_free};

static void each_over_still(void (*body)(unsigned d)) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    pym_allocator first;
    pym_allocator_get((enum pym_domain)d, &first);
    pym_allocator_set((enum pym_domain)d, &still);
    on();
    refuse = calls = 0;
    body(d);
    off_again();
    pym_allocator_set((enum pym_domain)d, &first);
  }
}

static void freed_body(unsigned d) {
  unsigned char *p = plain[d].malloc(2000);
  CHECK_EQ(asked_below, (2000 + HEAD + S + 15) & ~15); /* marks and all */
  fill(p, 2000, 1);
  plain[d].free(p);
  CHECK(all(arena, asked_below, 0xdd));
  CHECK_EQ(calls, 2); /* too long to be held back */
}
static void a_freed_block_is_dead_to_its_last_byte(void) { each_over_still(freed_body); }

static void shrunk_body(unsigned d) {
  unsigned char *p = plain[d].malloc(3000), *behind;
  fill(p, 3000, 2);
  p = plain[d].realloc(p, 1000);
  CHECK(holds(p, 1000, 2) && is_marked(p, 1000, plain[d].id));
  behind = p + 1000 + S;
  CHECK(all(behind, 3000 + S - (size_t)(behind - p), 0xdd));
  p = plain[d].realloc(p, 1100);
  CHECK(holds(p, 1000, 2) && all(p + 1000, 100, 0xcd) && is_marked(p, 1100, plain[d].id));
  plain[d].free(p);
}
static void what_a_realloc_cuts_off_is_dead(void) { each_over_still(shrunk_body); }

static void refused_body(unsigned d) {
  unsigned char *p = plain[d].malloc(300), kept[360];
  fill(p, 300, 3);
  __builtin_memcpy(kept, p - HEAD, 300 + HEAD + S);
  refuse = 1;
  CHECK(plain[d].realloc(p, 301) == NULL);
  CHECK(plain[d].malloc(1) == NULL && plain[d].calloc(1, 1) == NULL);
  int same = 1;
  for (unsigned i = 0; i < 300 + HEAD + S; i++) same &= kept[i] == p[(int)i - HEAD];
  CHECK(same);
  CHECK(plain[d].realloc(p, 200) == p); /* smaller never fails */
  CHECK(is_marked(p, 200, plain[d].id) && holds(p, 200, 3));
  CHECK(plain[d].realloc(p, 200) == p);
  plain[d].free(p);
}
static void a_realloc_refused_below_leaves_the_block_as_it_was(void) {
  each_over_still(refused_body);
}

static void excessive_body(unsigned d) {
  void *p = plain[d].malloc(10);
  calls = 0;
  for (size_t n = PYM_SIZE_MAX - (HEAD + S + 15) + 1; n - 1 < PYM_SIZE_MAX + 1; n++) {
    CHECK(plain[d].malloc(n) == NULL && plain[d].calloc(n, 1) == NULL);
    CHECK(plain[d].realloc(p, n) == NULL);
  }
  CHECK(plain[d].calloc(SIZE_MAX / 2, 4) == NULL && plain[d].malloc(SIZE_MAX) == NULL);
  CHECK_EQ(calls, 0);
  refuse = 1;
  CHECK(plain[d].malloc(PYM_SIZE_MAX - (HEAD + S + 15)) == NULL);
  CHECK(calls == 1 && asked_below <= PYM_SIZE_MAX);
  plain[d].free(p);
}

/* ---- Who is asked ---- */

static void installed_twice_is_installed_once(void) {
  pym_allocator first, second;
  on();
  pym_allocator_get(PYM_OBJ, &first);
  PyMem_SetupDebugHooks();
  pym_allocator_get(PYM_OBJ, &second);
  CHECK(first.ctx == second.ctx && first.malloc == second.malloc);
  off_again();
  on();
  pym_allocator_get(PYM_OBJ, &second);
  CHECK(first.ctx == second.ctx); /* and again after they were taken off */
  off_again();
  void *p = pym_obj_malloc(24);
  CHECK_EQ(pym_usable_size(p), 24);
  CHECK(((unsigned char *)p)[-1] != 0xfd || ((unsigned char *)p)[-S] != 'o');
  pym_obj_free(p);
}

/* A hook that passes on and counts the bytes it is asked for. */
struct passing {
  pym_allocator below;
  size_t asked;
};
static void *pass_malloc(void *ctx, size_t n) {
  struct passing *h = ctx;
  h->asked += n;
  void *p = h->below.malloc(h->below.ctx, n);
  CHECK(pym_usable_size(p) >= n);
  return p;
}
static void *pass_calloc(void *ctx, size_t count, size_t size) {
  struct passing *h = ctx;
  h->asked += count * size;
  return h->below.calloc(h->below.ctx, count, size);
}
static void *pass_realloc(void *ctx, void *p, size_t n) {
  struct passing *h = ctx;
  h->asked += n;
  return h->below.realloc(h->below.ctx, p, n);
}
static void pass_free(void *ctx, void *p) {
  struct passing *h = ctx;
  h->below.free(h->below.ctx, p);
}
static void pass_over(enum pym_domain d, struct passing *h) {
  pym_allocator_get(d, &h->below);
  h->asked = 0;
  pym_allocator hook = {h, pass_malloc, pass_calloc, pass_realloc, pass_free};
  pym_allocator_set(d, &hook);
}

/* debug over passing over debug: two layers, each with marks of its own */
static void sandwich_body(unsigned d) {
  struct passing middle;
  pass_over((enum pym_domain)d, &middle);
  CHECK_EQ(pym_debug_hooks(), 0);
  unsigned char *p = plain[d].malloc(30);
  CHECK(is_marked(p, 30, plain[d].id) &&
        is_marked(p - HEAD, (30 + HEAD + S + 15) & ~15, plain[d].id));
  CHECK_EQ(middle.asked, (30 + HEAD + S + 15) & ~15);
  fill(p, 30, 4);
  p = plain[d].realloc(p, 3000);
  CHECK(holds(p, 30, 4) && is_marked(p, 3000, plain[d].id));
  CHECK_EQ(pym_usable_size(p), 3000);
  plain[d].free(p);
  pym_heap_trim(pym_heap_default());
}
static void over_a_hook_that_is_over_them_they_are_a_second_layer(void) {
  each_under_hooks(sandwich_body);
}

static void no_more_than_sixteen_layers_are_stacked(void) {
  static struct passing between[16];
  unsigned stacked = 0;
  on();
  while (stacked < COUNT(between)) {
    pass_over(PYM_OBJ, &between[stacked++]);
    if (pym_debug_hooks() != 0) break;
  }
  CHECK(stacked >= 4 && stacked < COUNT(between));
  unsigned char *p = pym_obj_malloc(10); /* and what there is works */
  CHECK_EQ(pym_usable_size(p - HEAD * (stacked - 1)) >= 10, 1);
  pym_obj_free(p);
  pym_heap_trim(pym_heap_default());
  off_again();
}

/* Blocks that live already, aligned ones, those of other heaps: served as they were. */
static void pass_through_body(unsigned d) {
  pym_heap *h = pym_heap_new();
  void *other[2] = {pym_heap_malloc(h, (enum pym_domain)d, 40),
                    pym_heap_malloc(h, (enum pym_domain)d, 4000)};
  unsigned char *old[COUNT(sizes)];
  for (unsigned d2 = 0; d2 < PYM_DOMAINS; d2++) pym_allocator_set((enum pym_domain)d2, &before[d2]);
  for (unsigned i = 0; i < COUNT(sizes); i++) fill(old[i] = plain[d].malloc(sizes[i]), sizes[i], i);
  CHECK_EQ(pym_debug_hooks(), 0);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    CHECK(pym_usable_size(old[i]) >= sizes[i]);
    if (i % 2) old[i] = plain[d].realloc(old[i], sizes[i] + 700);
    CHECK(holds(old[i], sizes[i], i));
    plain[d].free(old[i]);
  }
  unsigned char *aligned = pym_raw_aligned_alloc(256, 100);
  CHECK(pym_usable_size(aligned) >= 100);
  pym_raw_free(pym_raw_realloc(aligned, 5000));
  CHECK(pym_usable_size(other[0]) >= 40);
  CHECK(pym_usable_size(other[1]) >= 4000);
  pym_heap_free(h, (enum pym_domain)d, other[0]);
  pym_heap_destroy(h);
}
static void blocks_that_they_did_not_make_are_served_as_they_were(void) {
  each_under_hooks(pass_through_body);
}

/* ---- Limits, statistics, inspection ---- */

static void statistics_body(unsigned d) {
  const pym_domain_stats first = stats_of(pym_heap_default(), (enum pym_domain)d);
  void *p[20];
  for (unsigned i = 0; i < 20; i++) p[i] = plain[d].malloc(100);
  pym_domain_stats now = stats_of(pym_heap_default(), (enum pym_domain)d);
  CHECK_EQ(now.live_blocks, first.live_blocks + 20);
  CHECK(now.live_bytes >= first.live_bytes + 20 * 120);
  CHECK_EQ(pym_check(pym_heap_default()), 0);
  for (unsigned i = 0; i < 20; i++) plain[d].free(p[i]);
  CHECK_EQ(pym_check(pym_heap_default()), 0);
  pym_heap_trim(pym_heap_default());
  now = stats_of(pym_heap_default(), (enum pym_domain)d);
  CHECK_EQ(now.live_blocks, first.live_blocks);
  CHECK_EQ(now.live_bytes, first.live_bytes);
}
static void statistics_count_what_is_below(void) { each_under_hooks(statistics_body); }

static int count_blocks(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                        enum pym_domain d) {
  (void)p, (void)size, (void)count, (void)d;
  *(unsigned *)ctx += what == PYM_WALK_BLOCK || what == PYM_WALK_CHUNK;
  return 0;
}
static unsigned walked(void) {
  unsigned n = 0;
  pym_walk(pym_heap_default(), count_blocks, &n);
  return n;
}

static void no_more_than_64_freed_blocks_are_held_back(void) {
  on();
  const unsigned first = walked();
  void *p[200];
  for (unsigned i = 0; i < 200; i++) p[i] = plain[i % 3].malloc(i * 7);
  CHECK_EQ(walked(), first + 200);
  for (unsigned i = 0; i < 200; i++) plain[i % 3].free(p[i]);
  CHECK_EQ(walked(), first + 64);
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(walked(), first);
  off_again();
}

static void short_memory_body(unsigned d) {
  const unsigned first = walked();
  unsigned served = 0;
  void *p[40], *list = NULL;
  for (unsigned i = 0; i < 40; i++) p[i] = plain[d].malloc(900);
  for (unsigned i = 0; i < 40; i++) plain[d].free(p[i]);
  CHECK_EQ(walked(), first + 40); /* held back */
  target_fail_after(0, 1);
  for (void **q; (q = plain[d].malloc(900)) != NULL; list = q, served++) *q = list;
  CHECK(plain[d].calloc(1, 900) == NULL);
  CHECK(served >= 40 && walked() == first + served);
  for (void *next; list; list = next) {
    next = *(void **)list;
    plain[d].free(list);
  }
  target_fail_after(-1, 0);
  pym_heap_trim(pym_heap_default());
}
static void what_is_held_back_goes_out_when_memory_is_short(void) {
  each_under_hooks(short_memory_body);
}

static void limit_body(unsigned d) {
  const pym_size live = live_in(pym_heap_default(), d);
  pym_limit_set(pym_heap_default(), d, PYM_UNLIMITED, live + 1200);
  for (unsigned round = 0; round < 100; round++) { /* what was freed may be had again at once */
    void *p = plain[d].malloc(600), *q = plain[d].malloc(400);
    CHECK(p && q && !plain[d].malloc(300));
    CHECK(plain[d].realloc(p, 800) == NULL);
    CHECK(is_marked(p, 600, plain[d].id));
    plain[d].free(p);
    plain[d].free(q);
    CHECK_EQ(live_in(pym_heap_default(), d), live);
  }
  pym_limit_set(pym_heap_default(), d, PYM_UNLIMITED, PYM_UNLIMITED);
}
static void a_hard_limit_holds_and_nothing_is_held_back(void) { each_under_hooks(limit_body); }

static void oom_body(unsigned d) {
  unsigned char *p = plain[d].malloc(1000);
  fill(p, 1000, 5);
  target_fail_after(0, 1);
  CHECK(plain[d].malloc(PYM_SIZE_MAX / 2) == NULL);
  CHECK(plain[d].realloc(p, PYM_SIZE_MAX / 2) == NULL);
  CHECK(is_marked(p, 1000, plain[d].id) && holds(p, 1000, 5));
  target_fail_after(-1, 0);
  p = plain[d].realloc(p, 2000);
  CHECK(p && holds(p, 1000, 5));
  plain[d].free(p);
  check_sound(pym_heap_default());
}
static void out_of_memory_leaves_everything_valid(void) { each_under_hooks(oom_body); }

static void sizes_above_the_largest_are_refused(void) { each_over_still(excessive_body); }

/* Random calls: contents and sizes against what was asked. */
static void random_body(unsigned d) {
  static struct {
    unsigned char *p;
    size_t n;
  } live[64];
  const uint64_t seed = check_seed();
  for (unsigned i = 0; i < 20000; i++) {
    const uint64_t r = check_mix(seed, i + d * 20000);
    const unsigned at_slot = r % COUNT(live);
    const size_t n = (r >> 8) % ((r >> 60) ? 600 : 20000);
    unsigned char *p = live[at_slot].p;
    if (p &&
        !CHECK(is_marked(p, live[at_slot].n, plain[d].id) && holds(p, live[at_slot].n, at_slot)))
      return;
    if (!p) p = r >> 63 ? plain[d].malloc(n) : plain[d].calloc(1, n);
    else if (r >> 62 & 1) p = plain[d].realloc(p, n);
    else plain[d].free(p), p = NULL;
    live[at_slot].p = p;
    live[at_slot].n = n;
    if (p) fill(p, n, at_slot);
  }
  for (unsigned i = 0; i < COUNT(live); i++) plain[d].free(live[i].p), live[i].p = NULL;
}
static void random_calls_find_sound_blocks(void) { each_under_hooks(random_body); }

CHECK_CASES(TEST(a_block_has_cpythons_marks_and_the_alignment_below),
            TEST(a_resized_block_keeps_its_bytes_and_gets_clean_ones),
            TEST(a_freed_block_is_dead_to_its_last_byte), TEST(what_a_realloc_cuts_off_is_dead),
            TEST(a_realloc_refused_below_leaves_the_block_as_it_was),
            TEST(installed_twice_is_installed_once),
            TEST(over_a_hook_that_is_over_them_they_are_a_second_layer),
            TEST(blocks_that_they_did_not_make_are_served_as_they_were),
            TEST(statistics_count_what_is_below), TEST(no_more_than_64_freed_blocks_are_held_back),
            TEST(what_is_held_back_goes_out_when_memory_is_short),
            TEST(out_of_memory_leaves_everything_valid), TEST(random_calls_find_sound_blocks),
            TEST(sizes_above_the_largest_are_refused),
            TEST(a_hard_limit_holds_and_nothing_is_held_back), /* limits stay: nothing is held */
            TEST(no_more_than_sixteen_layers_are_stacked));
