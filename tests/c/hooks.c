/* Hooks: what replaces a domain's allocator, and where arenas come from. */
#include "check.h"
#include "pymalloc.h"
#include "target.h"

static pym_page_stats pages_now(void) {
  pym_page_stats s;
  pym_page_stats_get(&s);
  return s;
}

static void check_sound(void) {
  if (!CHECK(pym_check(pym_heap_default()) == 0)) check_print(pym_check_message());
}

/* ---- Allocator hooks ---- */

/* A hook that counts and passes on. */
struct counting {
  pym_allocator below;
  unsigned mallocs, callocs, reallocs, frees;
  size_t last_size, last_count;
  void *last_pointer;
};

static void *count_malloc(void *ctx, size_t n) {
  struct counting *c = ctx;
  c->mallocs++;
  c->last_size = n;
  return c->below.malloc(c->below.ctx, n);
}
static void *count_calloc(void *ctx, size_t count, size_t size) {
  struct counting *c = ctx;
  c->callocs++;
  c->last_count = count;
  c->last_size = size;
  return c->below.calloc(c->below.ctx, count, size);
}
static void *count_realloc(void *ctx, void *p, size_t n) {
  struct counting *c = ctx;
  c->reallocs++;
  c->last_pointer = p;
  c->last_size = n;
  return c->below.realloc(c->below.ctx, p, n);
}
static void count_free(void *ctx, void *p) {
  struct counting *c = ctx;
  c->frees++;
  c->last_pointer = p;
  c->below.free(c->below.ctx, p);
}

static void install(enum pym_domain d, struct counting *c) {
  *c = (struct counting){.mallocs = 0};
  pym_allocator_get(d, &c->below);
  pym_allocator hook = {c, count_malloc, count_calloc, count_realloc, count_free};
  pym_allocator_set(d, &hook);
}

static unsigned calls(const struct counting *c) {
  return c->mallocs + c->callocs + c->reallocs + c->frees;
}

/* The plain functions by domain. */
static const struct plain {
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} plain[PYM_DOMAINS] = {
    {pym_raw_malloc, pym_raw_calloc, pym_raw_realloc, pym_raw_free},
    {pym_mem_malloc, pym_mem_calloc, pym_mem_realloc, pym_mem_free},
    {pym_obj_malloc, pym_obj_calloc, pym_obj_realloc, pym_obj_free},
};

static void each_hooked(void (*body)(enum pym_domain d, struct counting *c)) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    static struct counting c;
    check_context("domain", d);
    install((enum pym_domain)d, &c);
    body((enum pym_domain)d, &c);
    pym_allocator_set((enum pym_domain)d, &c.below);
    check_sound();
  }
}

static const size_t sizes[] = {0, 1, 8, 24, 512, 513, 5000, 100000};

static void calls_arrive_body(enum pym_domain d, struct counting *c) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = plain[d].malloc(sizes[i]);
    CHECK_EQ(c->mallocs, i + 1);
    CHECK_EQ(c->last_size, sizes[i]);
    void *q = plain[d].calloc(3, sizes[i]);
    CHECK_EQ(c->callocs, i + 1);
    CHECK(c->last_count * c->last_size == 3 * sizes[i]);
    void *r = plain[d].realloc(p, sizes[i] + 40);
    CHECK_EQ(c->reallocs, i + 1);
    CHECK(c->last_pointer == p);
    CHECK_EQ(c->last_size, sizes[i] + 40);
    CHECK(p && q && r);
    plain[d].free(r);
    CHECK(c->last_pointer == r);
    plain[d].free(q);
    CHECK(c->last_pointer == q);
    CHECK_EQ(c->frees, 2 * i + 2);
  }
}
static void every_call_and_its_size_reach_the_hook(void) { each_hooked(calls_arrive_body); }

static void sized_free_body(enum pym_domain d, struct counting *c) {
  if (d != PYM_OBJ) return;
  void *p = pym_obj_malloc(40);
  pym_obj_free_sized(p, 40);
  CHECK_EQ(c->frees, 1);
  CHECK(c->last_pointer == p);
}
static void a_sized_free_reaches_the_hook(void) { each_hooked(sized_free_body); }

static void only_its_domain_body(enum pym_domain d, struct counting *c) {
  for (unsigned other = 0; other < PYM_DOMAINS; other++) {
    if (other == d) continue;
    plain[other].free(plain[other].realloc(plain[other].malloc(8), 600));
    plain[other].free(plain[other].calloc(8, 1000));
  }
  pym_heap_free(pym_heap_default(), d, pym_heap_malloc(pym_heap_default(), d, 100));
  CHECK_EQ(calls(c), 0);
}
static void other_domains_and_heap_functions_do_not_reach_the_hook(void) {
  each_hooked(only_its_domain_body);
}

static void excessive_body(enum pym_domain d, struct counting *c) {
  CHECK(plain[d].malloc(PYM_SIZE_MAX + 1) == NULL);
  CHECK(plain[d].malloc(SIZE_MAX) == NULL);
  CHECK(plain[d].calloc(SIZE_MAX / 2, 4) == NULL);
  CHECK(plain[d].calloc(2, PYM_SIZE_MAX) == NULL);
  CHECK(plain[d].realloc(NULL, SIZE_MAX - 7) == NULL);
  CHECK_EQ(calls(c), 0);
}
static void an_excessive_size_does_not_reach_the_hook(void) { each_hooked(excessive_body); }

/* Blocks from before the hook go to the hook's free and realloc, blocks under it to what is there
 * after it. */
static void across_body(enum pym_domain d, struct counting *c) {
  pym_allocator_set(d, &c->below);
  void *small = plain[d].malloc(40), *large = plain[d].malloc(4000), *kept = plain[d].malloc(40);
  fill(kept, 40, 1);
  install(d, c);
  plain[d].free(small);
  CHECK_EQ(c->frees, 1);
  CHECK(c->last_pointer == small);
  large = plain[d].realloc(large, 9000);
  CHECK_EQ(c->reallocs, 1);
  kept = plain[d].realloc(kept, 80);
  CHECK(holds(kept, 40, 1));
  pym_allocator_set(d, &c->below);
  plain[d].free(large);
  plain[d].free(kept);
  CHECK_EQ(c->frees, 1);
}
static void blocks_live_across_hooking_and_unhooking(void) { each_hooked(across_body); }

static int same_allocator(const pym_allocator *a, const pym_allocator *b) {
  return a->ctx == b->ctx && a->malloc == b->malloc && a->calloc == b->calloc &&
         a->realloc == b->realloc && a->free == b->free;
}

static void unhooked_body(enum pym_domain d, struct counting *c) {
  pym_allocator first = c->below, now;
  pym_allocator_get(d, &now);
  CHECK(!same_allocator(&now, &first) && now.ctx == c);
  pym_allocator_set(d, &first);
  pym_allocator_get(d, &now);
  CHECK(same_allocator(&now, &first));
  plain[d].free(plain[d].realloc(plain[d].malloc(8), 600));
  CHECK_EQ(calls(c), 0);
}
static void setting_what_was_there_first_takes_the_hook_off(void) { each_hooked(unhooked_body); }

static void chain_body(enum pym_domain d, struct counting *c) {
  static struct counting upper;
  install(d, &upper);
  void *p = plain[d].malloc(24);
  CHECK(upper.mallocs == 1 && c->mallocs == 1);
  plain[d].free(p);
  CHECK(upper.frees == 1 && c->frees == 1);
  CHECK_EQ(upper.below.ctx == c, 1);
  pym_allocator_set(d, &upper.below);
  plain[d].free(plain[d].malloc(24));
  CHECK(upper.mallocs == 1 && c->mallocs == 2);
}
static void hooks_chain(void) { each_hooked(chain_body); }

/* The allocator got first stays callable under a hook, at each size, and obeys limits. */
static void below_body(enum pym_domain d, struct counting *c) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = c->below.malloc(c->below.ctx, sizes[i]);
    CHECK(p != NULL);
    p = c->below.realloc(c->below.ctx, p, sizes[i] * 2 + 1);
    CHECK(p != NULL && pym_owns(p));
    c->below.free(c->below.ctx, p);
  }
  CHECK_EQ(calls(c), 0);
  pym_limit_set(pym_heap_default(), d, PYM_UNLIMITED, 0);
  CHECK(plain[d].malloc(8) == NULL);
  CHECK_EQ(c->mallocs, 1);
  pym_limit_set(pym_heap_default(), d, PYM_UNLIMITED, PYM_UNLIMITED);
}
static void what_was_below_stays_callable_and_limited(void) { each_hooked(below_body); }

/* A hook that serves from its own memory: the library sees none of it. */
static unsigned char *own_memory;
static size_t own_used;
static void *own_malloc(void *ctx, size_t n) {
  (void)ctx;
  void *p = own_memory + own_used;
  own_used += (n + 15) & ~(size_t)15;
  return p;
}
static void *own_calloc(void *ctx, size_t count, size_t size) {
  return own_malloc(ctx, count * size);
}
static void *own_realloc(void *ctx, void *p, size_t n) {
  (void)p;
  return own_malloc(ctx, n);
}
static void own_free(void *ctx, void *p) { *(void **)ctx = p; }

static void foreign_body(enum pym_domain d, struct counting *c) {
  void *freed = NULL;
  pym_allocator own = {&freed, own_malloc, own_calloc, own_realloc, own_free};
  pym_domain_stats before, after;
  pym_domain_stats_get(pym_heap_default(), d, &before);
  own_memory = target_foreign(1);
  own_used = 0;
  if (!CHECK(own_memory != NULL)) return;
  pym_allocator_set(d, &own);
  unsigned char *p = plain[d].malloc(24), *q = plain[d].calloc(4, 10);
  CHECK(p == own_memory && q == own_memory + 32);
  CHECK(!pym_owns(p));
  plain[d].free(q);
  CHECK(freed == q);
  pym_allocator_set(d, &c->below);
  pym_domain_stats_get(pym_heap_default(), d, &after);
  CHECK_EQ(after.total_blocks, before.total_blocks);
  CHECK_EQ(after.live_bytes, before.live_bytes);
}
static void a_hook_may_serve_from_elsewhere(void) { each_hooked(foreign_body); }

/* Whatever the page table says of an address, or does not reach: the hook is asked. */
static void any_pointer_body(enum pym_domain d, struct counting *c) {
  void *freed = NULL;
  pym_allocator own = {&freed, own_malloc, own_calloc, own_realloc, own_free};
  pym_allocator_set(d, &own);
  uintptr_t start = (uintptr_t)pym_heap_default() - (uintptr_t)target_offset(pym_heap_default());
  if (target_pages() < 500) target_foreign(500); /* more than the first page table covers */
  for (uint64_t page = 1; page < target_pages(); page++) {
    void *p = (void *)(start + (uintptr_t)page * WASM_PAGE + 16);
    plain[d].free(p);
    if (!CHECK(freed == p)) break;
  }
  pym_allocator_set(d, &c->below);
}
static void any_pointer_reaches_the_hook(void) { each_hooked(any_pointer_body); }

/* ---- Arena hook ---- */

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
  check_sound();
  check_guards();
  pym_arena_allocator_set(&first); /* arenas go back to where they came from all the same */
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 32, i));
    pym_obj_free(small[i]);
  }
  check_sound();
  pym_page_stats now = pages_now();
  CHECK_EQ(now.owned, now.free + now.pool + now.raw + now.table);
  CHECK(arena_seen.allocs - arena_seen.frees <= 1); /* blocks at hand may hold the last */
  CHECK_EQ(arena_seen.wrong, 0);
}

static void forget_arenas(void) {
  arena_seen.allocs = arena_seen.frees = arena_seen.wrong = 0;
}

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
  check_sound();
  pym_arena_allocator_set(&first);
  void *p = pym_obj_malloc(96);
  CHECK(p != NULL);
  pym_obj_free(p);
  while (count) pym_obj_free(small[--count]);
  arena_seen.refuse = 0;
  check_sound();
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
  check_sound();
  pym_arena_allocator_set(&chained.below);
  for (unsigned i = 0; i < SMALL; i++) {
    CHECK(holds(small[i], 32, i));
    pym_obj_free(small[i]);
  }
  CHECK(chained.frees + 1 >= chained.allocs);
  check_sound();
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
  check_sound();
  pym_arena_allocator_set(&first);
  arena_seen.spare = NULL;
  pym_heap_destroy(hog);
  check_sound();
}

/* Arenas far above what the first page table covers. */
static void an_arena_may_lie_anywhere(void) {
  pym_arena_allocator first, hook = {&arena_seen, arena_alloc, arena_free};
  forget_arenas();
  arena_seen.misalign = 0;
  CHECK(target_foreign(2000) != NULL);
  pym_arena_allocator_get(&first);
  pym_arena_allocator_set(&hook);
  unsigned count = 0;
  for (; count < 3000; count++) {
    small[count] = pym_obj_malloc(304);
    if (!CHECK(small[count] != NULL)) break;
    CHECK(pym_owns(small[count]));
  }
  CHECK(arena_seen.allocs >= 3);
  check_sound();
  while (count) pym_obj_free(small[--count]);
  pym_arena_allocator_set(&first);
  check_sound();
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

CHECK_CASES(TEST(every_call_and_its_size_reach_the_hook), TEST(a_sized_free_reaches_the_hook),
            TEST(other_domains_and_heap_functions_do_not_reach_the_hook),
            TEST(an_excessive_size_does_not_reach_the_hook),
            TEST(blocks_live_across_hooking_and_unhooking),
            TEST(setting_what_was_there_first_takes_the_hook_off), TEST(hooks_chain),
            TEST(what_was_below_stays_callable_and_limited), TEST(a_hook_may_serve_from_elsewhere),
            TEST(any_pointer_reaches_the_hook),
            TEST(arenas_come_from_the_hook_and_go_back),
            TEST(a_misaligned_arena_serves_whole_pages_only), TEST(no_arena_is_out_of_memory),
            TEST(an_arena_hook_may_pass_on), TEST(an_arena_that_cannot_be_used_goes_back),
            TEST(an_arena_may_lie_anywhere),
            TEST(other_heaps_do_not_use_the_arena_hook));
