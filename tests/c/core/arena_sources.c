/* Arena hooks that change, that take their memory from the library itself, or from elsewhere, and
 * that call it back while it asks for an arena. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define SMALL 24000
static void *small[SMALL];

/* Two hooks and none in turn: each arena goes to the hook that gave it. */
static struct source {
  unsigned char *memory;
  unsigned given, back, wrong;
} sources[2];
static void *source_alloc(void *ctx, size_t size) {
  struct source *s = ctx;
  s->wrong += size != PYM_ARENA_BYTES;
  return s->given == 8 ? NULL : s->memory + PYM_ARENA_BYTES * s->given++;
}
static void source_free(void *ctx, void *p, size_t size) {
  struct source *s = ctx;
  size_t at_byte = (size_t)((unsigned char *)p - s->memory);
  s->wrong += size != PYM_ARENA_BYTES || at_byte % size != 0 || at_byte / size >= s->given;
  s->back++;
}

static void a_hook_may_change_while_its_arenas_live(void) {
  pym_arena_allocator first, hooks[2];
  pym_arena_allocator_get(&first);
  for (unsigned k = 0; k < 2; k++) {
    sources[k] = (struct source){.memory = target_foreign(8 * 4)};
    hooks[k] = (pym_arena_allocator){&sources[k], source_alloc, source_free};
    if (!CHECK(sources[k].memory != NULL)) return;
  }
  for (unsigned i = 0; i < SMALL; i++) {
    unsigned turn = i / 700 % 3;
    if (i % 700 == 0) pym_arena_allocator_set(turn == 2 ? &first : &hooks[turn]);
    small[i] = pym_obj_malloc(120);
    if (!CHECK(small[i] != NULL)) return;
    fill(small[i], 120, i);
  }
  CHECK(sources[0].given > 1 && sources[1].given > 1);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&hooks[1]);
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 120, i));
    pym_obj_free(small[i]);
  }
  pym_heap_trim(pym_heap_default());
  for (unsigned k = 0; k < 2; k++) {
    check_context("hook", k);
    CHECK_EQ(sources[k].back, sources[k].given);
    CHECK_EQ(sources[k].wrong, 0);
  }
  pym_arena_allocator_set(&first);
  check_sound(pym_heap_default());
}

/* A hook that asks the library itself, in the raw domain. */
static unsigned raw_given, raw_back;
static void *raw_arena(void *ctx, size_t size) {
  (void)ctx;
  void *p = pym_raw_malloc(size);
  raw_given += p != NULL;
  return p;
}
static void raw_arena_back(void *ctx, void *p, size_t size) {
  (void)ctx, (void)size;
  raw_back++;
  pym_raw_free(p);
}

static void a_hook_may_take_its_memory_from_the_raw_domain(void) {
  pym_arena_allocator first, hook = {NULL, raw_arena, raw_arena_back};
  uint64_t live = stats_of(pym_heap_default(), PYM_RAW).live_bytes;
  raw_given = raw_back = 0;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  for (unsigned i = 0; i < SMALL; i++) {
    size_t n = 8 + i % 300;
    small[i] = i % 2 ? pym_obj_malloc(n) : pym_mem_malloc(n);
    if (!CHECK(small[i] != NULL)) return;
    fill(small[i], n, i);
    if (i % 4000 == 0) check_sound(pym_heap_default());
  }
  CHECK(raw_given > 10);
  CHECK(stats_of(pym_heap_default(), PYM_RAW).live_bytes >=
        live + (raw_given - raw_back) * PYM_ARENA_BYTES);
  pym_page_stats now = pages_now();
  CHECK_EQ(now.owned, now.free + now.pool + now.raw);
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 8 + i % 300, i));
    if (i % 2) pym_obj_free(small[i]);
    else pym_mem_free(small[i]);
  }
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(raw_back, raw_given);
  CHECK_EQ(stats_of(pym_heap_default(), PYM_RAW).live_bytes, live);
  pym_arena_allocator_set(&first);
  check_sound(pym_heap_default());
}

/* Where the raw domain has no arena for the hook, blocks are still served one by one. */
static void a_hook_that_runs_out_of_raw_memory_fails_alone(void) {
  pym_arena_allocator first, hook = {NULL, raw_arena, raw_arena_back};
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  for (; count < 2000; count++) {
    small[count] = pym_obj_malloc(400);
    fill(small[count], 400, count);
  }
  pym_limit_set(pym_heap_default(), PYM_RAW, PYM_UNLIMITED, live_in(pym_heap_default(), PYM_RAW));
  const uint64_t live = stats_of(pym_heap_default(), PYM_RAW).live_bytes;
  unsigned raw = 0;
  for (; count < SMALL / 2; count++) {
    small[count] = pym_obj_malloc(400);
    if (!CHECK(small[count] != NULL)) return;
    fill(small[count], 400, count);
    raw += view_class(small[count]) == 0;
  }
  CHECK(raw > 5000);
  CHECK_EQ(stats_of(pym_heap_default(), PYM_RAW).live_bytes, live);
  check_sound(pym_heap_default());
  pym_limit_set(pym_heap_default(), PYM_RAW, PYM_UNLIMITED, PYM_UNLIMITED);
  void *p = pym_obj_malloc(400);
  CHECK(p != NULL);
  pym_obj_free(p);
  while (count--) {
    CHECK(holds(small[count], 400, count));
    pym_obj_free(small[count]);
  }
  pym_heap_trim(pym_heap_default());
  pym_arena_allocator_set(&first);
  check_sound(pym_heap_default());
}

static void *elsewhere(void *ctx, size_t size) {
  static unsigned char data[64];
  (void)size;
  ++*(int *)ctx;
#if defined(__wasm__)
  (void)data;
  return NULL;
#else
  return data;
#endif
}
static void elsewhere_back(void *ctx, void *p, size_t size) {
  (void)p, (void)size;
  --*(int *)ctx;
}
/* Natively there is memory that is not linear memory. */
static void an_arena_outside_linear_memory_goes_back(void) {
  int given = 0;
  pym_arena_allocator first, hook = {&given, elsewhere, elsewhere_back};
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  for (; count < 100; count++) {
    small[count] = pym_obj_malloc(168);
    CHECK(small[count] && pym_owns(small[count]) && !view_class(small[count]));
  }
#if !defined(__wasm__)
  CHECK_EQ(given, 0);
#endif
  pym_arena_allocator_set(&first);
  while (count) pym_obj_free(small[--count]);
  check_sound(pym_heap_default());
}

/* ---- Hooks that call the library back ---- */

/* A realloc of an object asks for an arena: what it will free is of no other domain's concern. */
static void an_arena_for_a_realloc_obeys_the_raw_limit(void) {
  pym_arena_allocator first, hook = {NULL, raw_arena, raw_arena_back};
  pym_heap *h = pym_heap_default();
  for (uint32_t less = 0; less <= 400; less += 100) {
    if (!target_reset(TARGET_INITIAL, TARGET_MAX) && less) return;
    check_context("bytes below", less);
    pym_heap_trim(h);
    raw_given = 0;
    pym_arena_allocator_get(&first);
    unsigned char *p = pym_obj_malloc(400);
    fill(p, 400, less);
    pym_arena_allocator_set(&hook);
    const uint32_t arena = ((uint32_t)PYM_ARENA_BYTES + 8 + 15) / 16 * 16 - 8;
    const pym_size hard = live_in(h, PYM_RAW) + arena - less;
    pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, hard);
    p = pym_obj_realloc(p, 500);
    CHECK(p != NULL && holds(p, 400, less));
    CHECK_EQ(raw_given, less == 0);
    CHECK(live_in(h, PYM_RAW) <= hard);
    pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, PYM_UNLIMITED);
    pym_obj_free(p);
    pym_heap_trim(h);
    pym_arena_allocator_set(&first);
    check_sound(h);
  }
}

static void an_arena_for_a_realloc_is_not_refused_by_a_far_limit(void) {
  pym_arena_allocator first, hook = {NULL, raw_arena, raw_arena_back};
  pym_heap *h = pym_heap_default();
  pym_heap_trim(h);
  pym_arena_allocator_get(&first);
  void *p = pym_obj_malloc(400);
  pym_arena_allocator_set(&hook);
  pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, 100000000);
  const uint64_t failures = stats_of(h, PYM_RAW).failures;
  raw_given = 0;
  p = pym_obj_realloc(p, 500);
  CHECK(p != NULL && raw_given == 1 && view_class(p) == 63);
  CHECK_EQ(stats_of(h, PYM_RAW).failures, failures);
  pym_limit_set(h, PYM_RAW, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_obj_free(p);
  pym_heap_trim(h);
  pym_arena_allocator_set(&first);
}

static uint64_t peaks_seen[PYM_DOMAINS];
static void *looking_arena(void *ctx, size_t size) {
  (void)ctx;
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    peaks_seen[d] = stats_of(pym_heap_default(), (enum pym_domain)d).peak_bytes;
  return pym_raw_malloc(size);
}
static void a_peak_seen_during_a_realloc_is_one_that_was(void) {
  pym_arena_allocator first, hook = {NULL, looking_arena, raw_arena_back};
  pym_heap *h = pym_heap_default();
  pym_heap_trim(h);
  void *p = pym_obj_malloc(400);
  const uint64_t mem = stats_of(h, PYM_MEM).peak_bytes, obj = stats_of(h, PYM_OBJ).peak_bytes;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  p = pym_obj_realloc(p, 500);
  CHECK(p != NULL);
  CHECK(peaks_seen[PYM_MEM] == mem && stats_of(h, PYM_MEM).peak_bytes == mem);
  CHECK(peaks_seen[PYM_OBJ] <= obj && stats_of(h, PYM_OBJ).peak_bytes <= obj + 504);
  CHECK(stats_of(h, PYM_RAW).peak_bytes >= PYM_ARENA_BYTES);
  pym_obj_free(p);
  pym_heap_trim(h);
  pym_arena_allocator_set(&first);
}

/* The hook asks for and gives back blocks of the very class that an arena is wanted for, few or as
 * many as a pool holds, while it is asked and while one goes back. */
#define NOTES 300u
static struct {
  void *held[NOTES];
  unsigned n, wanted, depth;
  size_t size;
  enum pym_domain domain;
} notes;

static void take_notes(void) {
  while (notes.n < notes.wanted && notes.n < NOTES) {
    void *p = pym_heap_malloc(pym_heap_default(), notes.domain, notes.size);
    if (!CHECK(p != NULL)) return;
    fill(p, notes.size, notes.n);
    notes.held[notes.n++] = p;
  }
}
static void free_notes(void) {
  while (notes.n) {
    void *p = notes.held[--notes.n];
    CHECK(holds(p, notes.size, notes.n));
    pym_heap_free(pym_heap_default(), notes.domain, p);
  }
}
static void *noting_arena(void *ctx, size_t size) {
  (void)ctx;
  if (notes.depth++ == 0) { /* asked for while it is asked: the blocks of the inner call are its */
    free_notes();
    take_notes();
  }
  notes.depth--;
  return raw_arena(NULL, size);
}
static void noting_arena_back(void *ctx, void *p, size_t size) {
  if (notes.depth++ == 0) {
    free_notes();
    take_notes();
  }
  notes.depth--;
  raw_arena_back(ctx, p, size);
}

static void noting_body(unsigned blocks, size_t size, enum pym_domain d) {
  const uint64_t live = stats_of(pym_heap_default(), d).live_blocks;
  notes.n = 0;
  notes.wanted = blocks;
  notes.size = size;
  notes.domain = d;
  take_notes(); /* before the first arena is asked for */
  for (unsigned i = 0; i < 900; i++) {
    small[i] = pym_obj_malloc(size);
    if (!CHECK(small[i] != NULL)) return;
    fill(small[i], size, i);
  }
  check_sound(pym_heap_default());
  for (unsigned i = 0; i < 900; i++) {
    CHECK(holds(small[i], size, i));
    pym_obj_free(small[i]);
  }
  pym_heap_trim(pym_heap_default());
  notes.wanted = 0;
  free_notes();
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(stats_of(pym_heap_default(), d).live_blocks, live);
  check_sound(pym_heap_default());
}

static void a_hook_may_use_the_library_while_it_is_asked(void) {
  pym_arena_allocator first, hook = {NULL, noting_arena, noting_arena_back};
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  for (unsigned k = 0; k < 3; k++) {
    const size_t size = k == 0 ? 64 : k == 1 ? 504 : 128;
    const unsigned capacity = view_capacity((uint32_t)size);
    for (unsigned blocks = 0; blocks <= 2 * capacity + 1; blocks += blocks < 3 ? 1 : capacity / 7) {
      check_context("blocks of the hook", blocks * 1000 + size);
      noting_body(blocks, size, blocks % 2 ? PYM_OBJ : PYM_MEM);
    }
    for (unsigned blocks = capacity - 1; blocks <= capacity + 1; blocks++) {
      check_context("blocks of the hook", blocks * 1000 + size);
      noting_body(blocks, size, PYM_OBJ);
      noting_body(2 * blocks, size, PYM_OBJ);
    }
  }
  pym_arena_allocator_set(&first);
}

/* An arena whose end is that of 4 GiB, where no 32-bit offset is. */
static unsigned last_given, last_back;
static void *last_arena(void *ctx, size_t size) {
  (void)ctx;
  return last_given++ ? NULL : at(0u - (uint32_t)size);
}
static void last_arena_back(void *ctx, void *p, size_t size) {
  (void)ctx;
  last_back += target_offset(p) == (1ull << 32) - size;
}
static void an_arena_may_end_at_4_gib(void) {
  if (!target_reset(TARGET_INITIAL, 65536)) return; /* on wasm the cases behind need memory */
  CHECK(pym_obj_malloc(24) != NULL);
  CHECK(target_foreign(65536 - target_pages()) != NULL);
  pym_arena_allocator first, hook = {NULL, last_arena, last_arena_back};
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  for (; count < 3000; count++) {
    small[count] = pym_obj_malloc(200);
    if (!view_class(small[count])) break;
    fill(small[count], 200, count);
    CHECK(pym_owns(small[count]));
  }
  CHECK(count > 60 * view_capacity(200));
  CHECK(target_offset(small[count - 1]) > 0xfffb0000u);
  check_sound(pym_heap_default());
  pym_obj_free(small[count]);
  while (count--) {
    CHECK(holds(small[count], 200, count));
    pym_obj_free(small[count]);
  }
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(last_back, 1);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&first);
}

CHECK_CASES(TEST(a_hook_may_change_while_its_arenas_live),
            TEST(a_hook_may_take_its_memory_from_the_raw_domain),
            TEST(a_hook_that_runs_out_of_raw_memory_fails_alone),
            TEST(an_arena_outside_linear_memory_goes_back),
            TEST(an_arena_for_a_realloc_obeys_the_raw_limit),
            TEST(an_arena_for_a_realloc_is_not_refused_by_a_far_limit),
            TEST(a_peak_seen_during_a_realloc_is_one_that_was),
            TEST(a_hook_may_use_the_library_while_it_is_asked), TEST(an_arena_may_end_at_4_gib));
