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
  return sizeof(void *) > 4 ? data : NULL;
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
  CHECK(given == 0 || sizeof(void *) == 4);
  pym_arena_allocator_set(&first);
  while (count) pym_obj_free(small[--count]);
  check_sound(pym_heap_default());
}

/* ---- Hooks that call the library back ---- */

CHECK_CASES(TEST(a_hook_may_change_while_its_arenas_live),
            TEST(a_hook_may_take_its_memory_from_the_raw_domain),
            TEST(a_hook_that_runs_out_of_raw_memory_fails_alone),
            TEST(an_arena_outside_linear_memory_goes_back));
