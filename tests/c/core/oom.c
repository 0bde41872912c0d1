/* Growth refused: at every growth of five workloads, once and for good; and memory of 1..64 pages.
 * After each refusal the heap is sound, the blocks hold what they held and the next success works.
 */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

#define LIVES 8192u
#define FILLED 512u /* of a large block this much at its start is filled */

static struct live {
  void *p; /* NULL: empty */
  size_t n;
  pym_heap *h;
  enum pym_domain d;
} lives[LIVES];
static pym_heap *heaps[12];

static struct {
  uint64_t k;
  int forever;
  unsigned nulls;
} run;

static size_t filled(size_t n) { return n < FILLED ? n : FILLED; }

/* ---- After a refusal ---- */

static void check_all_sound(void) {
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < COUNT(heaps); i++) {
    if (heaps[i]) check_sound(heaps[i]);
  }
  for (unsigned i = 0; i < LIVES; i++) {
    if (lives[i].p && !CHECK(holds(lives[i].p, filled(lives[i].n), i))) return;
  }
}

/* A call gave NULL.  Returns 1 if it should be tried again: memory is there from now on. */
static int refused(void) {
  if (run.nulls++ > 0 && !run.forever) return CHECK(run.nulls < 3); /* once was said */
  check_all_sound();
  target_fail_after(-1, 0);
  return 1;
}

static void get(unsigned i, pym_heap *h, enum pym_domain d, size_t n) {
  struct live *l = &lives[i];
  l->p = pym_heap_malloc(h, d, n);
  if (!l->p && refused()) l->p = pym_heap_malloc(h, d, n);
  if (!CHECK(l->p != NULL)) return;
  l->n = n;
  l->h = h;
  l->d = d;
  fill(l->p, filled(n), i);
}

static void resize(unsigned i, size_t n) {
  struct live *l = &lives[i];
  void *p = pym_heap_realloc(l->h, l->d, l->p, n);
  if (!p && refused()) p = pym_heap_realloc(l->h, l->d, l->p, n);
  if (!CHECK(p != NULL)) return;
  CHECK(holds(p, filled(l->n < n ? l->n : n), i));
  l->p = p;
  l->n = n;
  fill(p, filled(n), i);
}

static void drop(unsigned i) {
  struct live *l = &lives[i];
  if (!l->p) return;
  CHECK(holds(l->p, filled(l->n), i));
  pym_heap_free(l->h, l->d, l->p);
  l->p = NULL;
}

/* ---- Workloads ---- */

static void small_objects(void) {
  for (unsigned i = 0; i < 4000; i++) get(i, pym_heap_default(), PYM_OBJ, 8 + i % 505);
}

static void growing_buffers(void) {
  for (unsigned i = 0; i < 8; i++) get(i, pym_heap_default(), i % 2 ? PYM_RAW : PYM_MEM, 700);
  for (size_t n = 1000; n < 150000; n += n / 3) {
    for (unsigned i = 0; i < 8; i++) resize(i, n + i * 100);
  }
}

static void mixed_churn(void) {
  for (unsigned step = 0; step < 12000; step++) {
    uint64_t r = check_mix(77, step);
    unsigned i = (unsigned)(r % 4000);
    size_t n = r >> 40 & 15 ? (r >> 20) % 600 : (r >> 20) % 30000;
    enum pym_domain d = (enum pym_domain)(r >> 50 & 1 ? PYM_OBJ : (r >> 51) % 3);
    if (!lives[i].p) get(i, pym_heap_default(), d, n);
    else if (r >> 60 & 1) resize(i, n);
    else drop(i);
  }
}

static void many_heaps(void) {
  for (unsigned k = 0; k < COUNT(heaps); k++) {
    heaps[k] = pym_heap_new();
    if (!heaps[k] && refused()) heaps[k] = pym_heap_new();
    if (!CHECK(heaps[k] != NULL)) return;
    for (unsigned i = 0; i < 30; i++)
      get(k * 30 + i, heaps[k], (enum pym_domain)(i % PYM_DOMAINS), 20 + i * 2000);
  }
}

/* Beyond 4 MiB and 16 MiB the pool table needs more leaves. */
static void pool_map(void) {
  for (unsigned i = 0; i < 56; i++) {
    get(2 * i, pym_heap_default(), PYM_RAW, 400000 + i);
    get(2 * i + 1, pym_heap_default(), PYM_OBJ, 500);
  }
}

/* ---- Every k ---- */

static void clear(void) {
  target_fail_after(-1, 0);
  for (unsigned i = 0; i < LIVES; i++) drop(i);
  for (unsigned i = 0; i < COUNT(heaps); i++) {
    pym_heap_destroy(heaps[i]);
    heaps[i] = NULL;
  }
  check_all_sound();
}

/* Where memory cannot be had fresh, all that is free is held while a workload runs. */
static struct {
  pym_heap *h;
  int needed;
} hog;

static void start_run(void) {
  hog.needed = !target_reset(1, TARGET_MAX);
  if (!hog.needed) return;
  if (!hog.h) hog.h = pym_heap_new();
  target_fail_after(0, 1);
  for (size_t n = 1 << 24; n >= 32; n -= n / 4) {
    while (pym_heap_malloc(hog.h, PYM_RAW, n)) continue;
  }
  target_fail_after(-1, 0);
}

/* Refuse growth k; returns how many growths were asked for. */
static uint64_t run_once(void (*work)(void), uint64_t k, int forever) {
  check_context(forever ? "refused for good from growth" : "refused once at growth", k);
  start_run();
  uint64_t before = target_growths();
  run.k = k;
  run.forever = forever;
  run.nulls = 0;
  target_fail_after((int64_t)k, forever);
  work();
  uint64_t growths = target_growths() - before;
  /* the last growths may not be missed: free memory of other sizes serves */
  if (growths > k && forever && k < 4) CHECK(run.nulls > 0);
  CHECK(run.nulls <= 1 || forever);
  clear();
  return growths;
}

static void refuse_each(void (*work)(void)) {
  uint64_t reached = 0;
  for (int forever = 0; forever < 2; forever++) {
    /* Each k where a run starts afresh; else memory is larger each time: the first ones, then some.
     */
    for (uint64_t k = 0; run_once(work, k, forever) > k; k += hog.needed ? 1 + k / 2 : 1) {
      reached++;
      if (check_failures()) return;
    }
  }
  CHECK(reached >= 2); /* where memory is large already, growth comes in large steps */
  check_context("", 0);
  check_print_u64(reached);
  check_print(" growths refused\n");
}

static void small_objects_survive_refused_growth(void) { refuse_each(small_objects); }
static void growing_buffers_survive_refused_growth(void) { refuse_each(growing_buffers); }
static void mixed_churn_survives_refused_growth(void) { refuse_each(mixed_churn); }
static void many_heaps_survive_refused_growth(void) { refuse_each(many_heaps); }
static void the_map_of_pools_survives_refused_growth(void) { refuse_each(pool_map); }

/* ---- Little memory ---- */

/* Blocks of a few sizes until there is no more; returns the bytes got. */
static uint64_t fill_up(unsigned pages) {
  static const size_t sizes[] = {24, 48, 400, 112, 3000, 24, 900};
  uint64_t bytes = 0;
  for (unsigned i = 0, nulls = 0; i < LIVES && nulls < 100; i++) {
    struct live *l = &lives[i];
    l->h = pym_heap_default();
    l->d = (enum pym_domain)(check_mix(pages, i) % PYM_DOMAINS);
    l->n = nulls > 50 ? 24 : sizes[i % COUNT(sizes)];
    l->p = pym_heap_malloc(l->h, l->d, l->n);
    if (l->p) fill(l->p, filled(l->n), i);
    bytes += l->p ? l->n : 0;
    nulls += l->p == NULL;
  }
  return bytes;
}

/* What the library keeps for itself: space, heap and the first leaf of the pool table. */
#define OWN_DATA (PYM__MEMORY64 ? 81920u : 26624u)
static void memory_of_1_to_64_pages_is_used_up_and_given_back(void) {
  for (unsigned pages = 1; pages <= 64; pages++) {
    if (!target_reset(1, pages)) return; /* on wasm: tiny.mjs */
    check_context("pages", pages);
    uint64_t first = fill_up(pages);
    check_all_sound();
    clear();
    uint64_t second = fill_up(pages);
    check_all_sound();
    clear();
    CHECK(3 * first + OWN_DATA > pages * WASM_PAGE);
    CHECK(second >= first - first / 16);
  }
}

CHECK_CASES(TEST(small_objects_survive_refused_growth),
            TEST(growing_buffers_survive_refused_growth), TEST(mixed_churn_survives_refused_growth),
            TEST(many_heaps_survive_refused_growth), TEST(the_map_of_pools_survives_refused_growth),
            TEST(memory_of_1_to_64_pages_is_used_up_and_given_back));
