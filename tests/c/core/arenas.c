/* The arena hook: where the default heap's arenas come from and go back to. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

#define ARENAS 64
static struct {
  unsigned allocs, frees, wrong;
  size_t misalign;
  int refuse;
  unsigned char *spare; /* given instead of new memory, if not NULL */
  unsigned char *memory[ARENAS], *given[ARENAS];
} arena_seen;

static void *arena_alloc(void *ctx, size_t size) {
  arena_seen.wrong += ctx != &arena_seen || size != PYM_ARENA_BYTES;
  if (arena_seen.refuse || arena_seen.allocs == ARENAS) return NULL;
  unsigned char *p = arena_seen.spare ? arena_seen.spare : target_foreign(6);
  arena_seen.memory[arena_seen.allocs] = p;
  if (!CHECK(p != NULL)) return NULL;
  /* guards on both sides must stay untouched */
  fill(p, 6 * WASM_PAGE, 11);
  p += WASM_PAGE / 2 + arena_seen.misalign;
  p = (unsigned char *)((uintptr_t)p & ~(uintptr_t)(arena_seen.misalign ? 0 : WASM_PAGE - 1));
  if (!arena_seen.misalign) p += WASM_PAGE;
  arena_seen.given[arena_seen.allocs++] = p;
  return p;
}

static void arena_free(void *ctx, void *p, size_t size) {
  arena_seen.wrong += ctx != &arena_seen || size != PYM_ARENA_BYTES || p == NULL;
  for (unsigned i = 0; i < arena_seen.allocs; i++) {
    if (arena_seen.given[i] != p) continue;
    arena_seen.given[i] = NULL;
    arena_seen.frees++;
    return;
  }
  arena_seen.wrong++; /* never given, or given back twice */
}

#define SMALL 24000
static void *small[SMALL];

static int in_arenas(const unsigned char *p) {
  for (unsigned i = 0; i < arena_seen.allocs; i++) {
    const unsigned char *a = arena_seen.given[i];
    if (a && p >= a && p < a + PYM_ARENA_BYTES) return 1;
  }
  return 0;
}

/* Bytes of each hooked region outside the arena are as they were. */
static void check_guards(void) {
  for (unsigned i = 0; i < arena_seen.allocs; i++) {
    unsigned char *from = arena_seen.memory[i], *a = arena_seen.given[i];
    if (!a) continue;
    size_t head = (size_t)(a - from);
    CHECK(holds(from, head, 11));
    for (size_t at = head + PYM_ARENA_BYTES; at < 6 * WASM_PAGE; at++) {
      static unsigned char want[6 * WASM_PAGE];
      if (at == head + PYM_ARENA_BYTES) fill(want, sizeof want, 11);
      if (!CHECK(from[at] == want[at])) return;
    }
  }
}

static unsigned pools_in(const unsigned char *a) {
  unsigned n = 0;
  for (size_t i = 0; i <= PYM_ARENA_BYTES; i += POOL_BYTES) n += view_class(a + i) != 0;
  return n;
}

/* All arenas but the one in use are full of pools, of `at_least` or 63. */
static void check_pools(unsigned first, unsigned at_least) {
  for (unsigned i = first; i + 1 < arena_seen.allocs; i++) {
    unsigned n = pools_in(arena_seen.given[i]);
    CHECK(n >= at_least && n <= 63);
  }
}

/* Fill three arenas, free everything, with arenas that start `misalign` bytes off. */
static void arenas_of(size_t misalign, unsigned pools_each) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  unsigned before = arena_seen.allocs;
  arena_seen.misalign = misalign;
  check_context("misaligned by", misalign);
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned hooked = 0;
  for (unsigned i = 0; i < SMALL; i++) {
    small[i] = pym_obj_malloc(32);
    if (!CHECK(small[i] != NULL)) return;
    hooked += (unsigned)in_arenas(small[i]);
    fill(small[i], 32, i);
    CHECK(pym_owns(small[i]));
  }
  unsigned got = arena_seen.allocs - before;
  CHECK(got >= 2 && hooked > SMALL / 2);
  check_pools(before, pools_each);
  check_sound(pym_heap_default());
  check_guards();
  pym_arena_allocator_set(&first); /* arenas go back to where they came from all the same */
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 32, i));
    pym_obj_free(small[i]);
  }
  pym_heap_trim(pym_heap_default());
  check_sound(pym_heap_default());
  pym_page_stats now = pages_now();
  CHECK_EQ(now.owned, now.free + now.pool + now.raw);
  CHECK_EQ(arena_seen.frees, arena_seen.allocs);
  CHECK_EQ(arena_seen.wrong, 0);
}

static void forget_arenas(void) { arena_seen.allocs = arena_seen.frees = arena_seen.wrong = 0; }

static void arenas_come_from_the_hook_and_go_back(void) {
  forget_arenas();
  arenas_of(0, 63);
  arenas_of(0, 63);
}

/* By no more than the pool that its ends lie in. */
static void a_misaligned_arena_serves_all_but_its_ends(void) {
  static const size_t off_by[] = {1, 8, 16, 24, 2048, 4048, 4056, 4064, 4080, 4088, 4095, 40000};
  for (unsigned i = 0; i < COUNT(off_by); i++) {
    if (target_reset(TARGET_INITIAL, TARGET_MAX)) forget_arenas();
    if (arena_seen.allocs + 8 > ARENAS) forget_arenas();
    arenas_of(off_by[i], 62);
  }
  arenas_of(4096, 63);
}

/* As in CPython: what no arena can be had for is served by the raw allocator. */
static void without_an_arena_small_blocks_are_raw_ones(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free}, now;
  arena_seen.refuse = 1;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  pym_arena_allocator_get(&now);
  CHECK(now.ctx == hook.ctx && now.alloc == hook.alloc && now.free == hook.free);
  unsigned count = 0, pooled = 0;
  for (; count < 2000; count++) {
    small[count] = count % 2 ? pym_obj_malloc(96) : pym_mem_calloc(1, 96);
    if (!CHECK(small[count] != NULL)) return;
    if (count % 2 == 0) CHECK(all_zero(small[count], 96));
    fill(small[count], 96, count);
    pooled += view_class(small[count]) != 0; /* of pools from before */
  }
  CHECK(pooled < 500);
  CHECK_EQ(arena_seen.wrong, 0); /* what it did not give does not go back to it */
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&first);
  void *p = pym_obj_malloc(96);
  CHECK(p != NULL && view_class(p) == 12);
  pym_obj_free(p);
  while (count--) {
    CHECK(holds(small[count], 96, count));
    small[count] =
        count % 2 ? pym_obj_realloc(small[count], 90) : pym_mem_realloc(small[count], 200);
    CHECK(small[count] && holds(small[count], 90, count));
    if (count % 2) pym_obj_free(small[count]);
    else pym_mem_free(small[count]);
  }
  arena_seen.refuse = 0;
  check_sound(pym_heap_default());
}

/* The first hook takes a little memory; where there is none, all stays as it was. */
static void a_hook_that_finds_no_memory_changes_nothing(void) {
  static void *rest[2000];
  unsigned rests = 0;
  pym_arena_allocator first, now, hook = {&arena_seen, arena_alloc, arena_free};
  if (!target_reset(TARGET_INITIAL, TARGET_MAX)) return; /* on wasm it was taken already */
  pym_arena_allocator_get(&first);
  target_fail_after(0, 1);
  for (size_t n = 1 << 20; n > 16; n -= (n + 3) / 4)
    while (rests < COUNT(rest) && (rest[rests] = pym_raw_malloc(n)) != NULL) rests++;
  pym_arena_allocator_set(&hook);
  pym_arena_allocator_get(&now);
  CHECK(now.alloc == first.alloc && now.free == first.free);
  target_fail_after(-1, 0);
  while (rests) pym_raw_free(rest[--rests]);
  check_sound(pym_heap_default());
}

/* A hook that passes on to what it found. */
static struct {
  pym_arena_allocator below;
  unsigned allocs, frees;
} chained;
static void *chained_alloc(void *ctx, size_t size) {
  (void)ctx;
  chained.allocs++;
  return chained.below.alloc(chained.below.ctx, size);
}
static void chained_free(void *ctx, void *p, size_t size) {
  (void)ctx;
  chained.frees++;
  chained.below.free(chained.below.ctx, p, size);
}

static void an_arena_hook_may_pass_on(void) {
  pym_arena_allocator hook = {NULL, chained_alloc, chained_free};
  chained.allocs = chained.frees = 0;
  pym_arena_allocator_get(&chained.below);
  pym_arena_allocator_set(&hook);
  for (unsigned i = 0; i < SMALL; i++) {
    small[i] = pym_obj_malloc(32);
    if (!CHECK(small[i] != NULL)) return;
    fill(small[i], 32, i);
  }
  CHECK(chained.allocs >= 2);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&chained.below);
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 32, i));
    pym_obj_free(small[i]);
  }
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(chained.frees, chained.allocs);
  check_sound(pym_heap_default());
}

/* An arena in 4 MiB for which the pool table has no leaf can be used once it has one, for which
 * there has to be memory; without it the arena goes back. */
static void an_arena_that_cannot_be_used_goes_back(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  pym_heap *hog = pym_heap_new();
  forget_arenas();
  arena_seen.misalign = 0;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook); /* takes a little memory the first time */
  pym_arena_allocator_set(&first);
  target_foreign(128 - target_pages() % 64);
  arena_seen.spare = target_foreign(6);
  const addr *leaf = &view_space()->leaves[target_offset(arena_seen.spare) >> 22];
  target_fail_after(0, 1);
  for (size_t n = 1 << 22; n > 0; n -= (n + 3) / 4) {
    while (pym_heap_malloc(hog, PYM_RAW, n) || pym_raw_malloc(n)) continue;
  }
  while (pym_obj_malloc(264)) continue;
  pym_arena_allocator_set(&hook);
  CHECK(pym_obj_malloc(264) == NULL);
  CHECK_EQ(*leaf, 0);
  CHECK(arena_seen.allocs > 0 && arena_seen.frees == arena_seen.allocs);
  CHECK_EQ(arena_seen.wrong, 0);
  target_fail_after(-1, 0);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&first);
  arena_seen.spare = NULL;
  pym_heap_destroy(hog);
  check_sound(pym_heap_default());
}

/* Arenas far above all other memory. */
static void an_arena_may_lie_anywhere(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  forget_arenas();
  arena_seen.misalign = 0;
  pym_heap *h = pym_heap_new(); /* leaves free pages that are not clean behind */
  void *dirty = pym_heap_malloc(h, PYM_RAW, 1 << 20);
  if (CHECK(dirty != NULL)) fill(dirty, 1 << 20, 1);
  pym_heap_destroy(h);
  unsigned char *strange = target_foreign(2000);
  CHECK(strange != NULL && !pym_owns(strange));
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  for (; count < 3000; count++) {
    small[count] = pym_obj_malloc(304);
    if (!CHECK(small[count] != NULL)) break;
    CHECK(pym_owns(small[count]));
  }
  CHECK(arena_seen.allocs >= 3);
  for (unsigned i = 0; i < 2000; i++) CHECK(!pym_owns(strange + i * WASM_PAGE));
  check_sound(pym_heap_default());
  while (count) pym_obj_free(small[--count]);
  pym_arena_allocator_set(&first);
  check_sound(pym_heap_default());
}

static void other_heaps_do_not_use_the_arena_hook(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  pym_heap *h = pym_heap_new();
  unsigned before = arena_seen.allocs;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  for (unsigned i = 0; i < 3000; i++) CHECK(pym_heap_malloc(h, PYM_OBJ, 256) != NULL);
  CHECK_EQ(arena_seen.allocs, before);
  pym_arena_allocator_set(&first);
  pym_heap_destroy(h);
}

/* The number in the line of a dump that begins with `what`. */
struct wanted {
  const char *what;
  uint64_t value;
};
static void look_for(void *ctx, const char *text, size_t n) {
  struct wanted *w = ctx;
  size_t k = 0;
  while (w->what[k] && k < n && text[k] == w->what[k]) k++;
  if (w->what[k]) return;
  for (; k < n; k++)
    if (text[k] >= '0' && text[k] <= '9') w->value = w->value * 10 + (uint64_t)(text[k] - '0');
}
static uint64_t told_by_dump(const char *what) {
  struct wanted w = {what, 0};
  pym_dump(pym_heap_default(), look_for, &w);
  return w.value;
}

/* An arena from a hook goes back as a whole, also when the one before it in memory is in use, and
 * those that hold something stay. */
static void arenas_go_back_one_by_one(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  pym_heap_trim(pym_heap_default());
  forget_arenas();
  arena_seen.misalign = 0;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  while (count < SMALL && arena_seen.allocs < 6) small[count++] = pym_obj_malloc(208);
  CHECK_EQ(arena_seen.allocs, 6);
  const uint64_t reclaimed = told_by_dump("# arenas reclaimed ");
  const uint64_t arenas = told_by_dump("# arenas allocated current ") - 6;
  CHECK_EQ(told_by_dump("Total "), (arenas + 6) * PYM_ARENA_BYTES);
  CHECK(told_by_dump("# bytes lost to arena alignment ") < 7 * PYM_ARENA_BYTES);
  for (unsigned a = 0; a < 6; a++) { /* the odd ones first */
    unsigned k = a < 3 ? 2 * a + 1 : 2 * (a - 3);
    const unsigned char *gone = arena_seen.given[k];
    for (unsigned i = 0; i < count; i++) {
      const unsigned char *p = small[i];
      if (!p || p < gone || p >= gone + PYM_ARENA_BYTES) continue;
      pym_obj_free(small[i]);
      small[i] = NULL;
    }
    check_context("arena", k);
    /* at the free that emptied it, unless the class still allocates from it */
    const unsigned char *current = at(view_heap(pym_heap_default())->current[1][26] * POOL_BYTES);
    CHECK_EQ(arena_seen.frees, a + !(current >= gone && current < gone + PYM_ARENA_BYTES));
    pym_heap_trim(pym_heap_default());
    CHECK_EQ(arena_seen.frees, a + 1);
    CHECK(arena_seen.given[k] == NULL && pools_in(gone) == 0 && !pym_owns(gone + 5000));
    check_sound(pym_heap_default());
    check_guards();
  }
  CHECK_EQ(told_by_dump("# arenas reclaimed "), reclaimed + 6);
  CHECK_EQ(told_by_dump("# arenas highwater mark "), arenas + 6);
  CHECK_EQ(told_by_dump("# arenas allocated total "), arenas + reclaimed + 6);
  CHECK_EQ(told_by_dump("# arenas allocated current "), arenas);
  CHECK_EQ(told_by_dump("Total "), arenas * PYM_ARENA_BYTES);
  for (unsigned i = 0; i < count; i++) pym_obj_free(small[i]); /* from before the first arena */
  pym_arena_allocator_set(&first);
  CHECK_EQ(arena_seen.wrong, 0);
}

/* Pools that were emptied serve other classes when the hook has no more arenas. */
static void emptied_pools_serve_when_the_hook_refuses(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  forget_arenas();
  arena_seen.misalign = 0;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  arena_seen.refuse = 0;
  while (count < SMALL && arena_seen.allocs < 2) small[count++] = pym_obj_malloc(96);
  arena_seen.refuse = 1;
  while (count < SMALL && view_class(small[count] = pym_obj_malloc(96))) count++;
  CHECK(count > 0 && count < SMALL);
  pym_obj_free(small[count]); /* a raw block: there is no pool left */
  for (unsigned k = 0; k < 2; k++) {
    const unsigned capacity = view_capacity(96);
    for (unsigned i = 0; i < 2 * capacity; i++) pym_obj_free(small[--count]);
    unsigned char *p = pym_obj_malloc(200 + 104 * k);
    CHECK(view_class(p) == 25 + 13 * k && in_arenas(p));
    pym_obj_free(p);
  }
  arena_seen.refuse = 0;
  pym_arena_allocator_set(&first);
  while (count) pym_obj_free(small[--count]);
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(arenas_come_from_the_hook_and_go_back),
            TEST(a_misaligned_arena_serves_all_but_its_ends),
            TEST(without_an_arena_small_blocks_are_raw_ones),
            TEST(a_hook_that_finds_no_memory_changes_nothing), TEST(an_arena_hook_may_pass_on),
            TEST(an_arena_that_cannot_be_used_goes_back), TEST(an_arena_may_lie_anywhere),
            TEST(other_heaps_do_not_use_the_arena_hook), TEST(arenas_go_back_one_by_one),
            TEST(emptied_pools_serve_when_the_hook_refuses));
