/* The arena hook: where the default heap's arenas come from and go back to. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

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
  arena_seen.wrong += ctx != &arena_seen || size != PYM_ARENA_BYTES;
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

/* Fill three arenas, free everything, with arenas that start `misalign` bytes off. */
static void arenas_of(size_t misalign, unsigned pages_each) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  unsigned before = arena_seen.allocs;
  arena_seen.misalign = misalign;
  check_context("misaligned by", misalign);
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  uint32_t pool = pages_now().pool;
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
  CHECK_EQ(pages_now().pool, pool + got * pages_each);
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
  CHECK_EQ(now.owned, now.free + now.pool + now.raw + now.table);
  CHECK_EQ(arena_seen.frees, arena_seen.allocs);
  CHECK_EQ(arena_seen.wrong, 0);
}

static void forget_arenas(void) { arena_seen.allocs = arena_seen.frees = arena_seen.wrong = 0; }

static void arenas_come_from_the_hook_and_go_back(void) {
  forget_arenas();
  arenas_of(0, 4);
  arenas_of(0, 4);
}

static void a_misaligned_arena_serves_whole_pages_only(void) {
  if (target_reset(TARGET_INITIAL, TARGET_MAX)) forget_arenas();
  arenas_of(16, 3);
  arenas_of(4096, 3);
  arenas_of(40000, 3);
}

static void no_arena_is_out_of_memory(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free}, now;
  arena_seen.refuse = 1;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  pym_arena_allocator_get(&now);
  CHECK(now.ctx == hook.ctx && now.alloc == hook.alloc && now.free == hook.free);
  unsigned count = 0;
  while (count < SMALL && (small[count] = pym_obj_malloc(96)) != NULL) count++;
  CHECK(count < SMALL);
  CHECK(pym_mem_malloc(96) == NULL);
  void *large = pym_obj_malloc(700); /* does not come from an arena */
  CHECK(large != NULL);
  pym_obj_free(large);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&first);
  void *p = pym_obj_malloc(96);
  CHECK(p != NULL);
  pym_obj_free(p);
  while (count) pym_obj_free(small[--count]);
  arena_seen.refuse = 0;
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

/* The library needs a little memory of its own for an arena; without it the arena goes back. */
static void an_arena_that_cannot_be_used_goes_back(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  pym_heap *hog = pym_heap_new();
  forget_arenas();
  arena_seen.misalign = 0;
  arena_seen.spare = target_foreign(6);
  target_fail_after(0, 1);
  for (size_t n = 1 << 22; n > 0; n -= (n + 3) / 4) {
    while (pym_heap_malloc(hog, PYM_RAW, n) || pym_raw_malloc(n)) continue;
  }
  while (pym_obj_malloc(264)) continue;
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  CHECK(pym_obj_malloc(264) == NULL);
  CHECK(arena_seen.allocs > 0 && arena_seen.frees == arena_seen.allocs);
  CHECK_EQ(arena_seen.wrong, 0);
  target_fail_after(-1, 0);
  check_sound(pym_heap_default());
  pym_arena_allocator_set(&first);
  arena_seen.spare = NULL;
  pym_heap_destroy(hog);
  check_sound(pym_heap_default());
}

/* Arenas far above what the first page table covers. */
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

CHECK_CASES(TEST(arenas_come_from_the_hook_and_go_back),
            TEST(a_misaligned_arena_serves_whole_pages_only), TEST(no_arena_is_out_of_memory),
            TEST(an_arena_hook_may_pass_on), TEST(an_arena_that_cannot_be_used_goes_back),
            TEST(an_arena_may_lie_anywhere), TEST(other_heaps_do_not_use_the_arena_hook));
