/* Hooks: what replaces a domain's allocator. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

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
    check_sound(pym_heap_default());
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

/* What decides whether free takes the fast path, as readers outside see it. */
static uint64_t closed_of(enum pym_domain d) {
  return d == PYM_RAW ? 0 : view_heap(pym_heap_default())->hot.closed[d - PYM_MEM];
}

static void unhooked_body(enum pym_domain d, struct counting *c) {
  pym_allocator first = c->below, now;
  pym_allocator_get(d, &now);
  CHECK(d == PYM_RAW || closed_of(d) == UINT64_MAX);
  pym_allocator_set(d, &first);
  CHECK(d == PYM_RAW || closed_of(d) == PYM__LINK_MAX);
  pym_allocator_set(d, &now);
  CHECK(d == PYM_RAW || closed_of(d) == UINT64_MAX);
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

/* Whatever the pool table says of an address: the hook is asked. */
static void any_pointer_body(enum pym_domain d, struct counting *c) {
  void *freed = NULL;
  pym_allocator own = {&freed, own_malloc, own_calloc, own_realloc, own_free};
  pym_allocator_set(d, &own);
  uintptr_t start = (uintptr_t)pym_heap_default() - (uintptr_t)target_offset(pym_heap_default());
  if (target_pages() < 500) target_foreign(500); /* where the table has no leaf */
  for (uint64_t page = 1; page < target_pages(); page++) {
    void *p = (void *)(start + (uintptr_t)page * WASM_PAGE + 16);
    plain[d].free(p);
    if (!CHECK(freed == p)) break;
  }
  pym_allocator_set(d, &c->below);
}
static void any_pointer_reaches_the_hook(void) { each_hooked(any_pointer_body); }

/* Some functions of a hook replaced, the others those that were there, ctx too: as legal as all. */
static pym_allocator under;
static unsigned called[4];
static void *part_malloc(void *ctx, size_t n) { return called[0]++, under.malloc(ctx, n); }
static void *part_calloc(void *ctx, size_t count, size_t size) {
  return called[1]++, under.calloc(ctx, count, size);
}
static void *part_realloc(void *ctx, void *p, size_t n) {
  return called[2]++, under.realloc(ctx, p, n);
}
static void part_free(void *ctx, void *p) { called[3]++, under.free(ctx, p); }

static void part_body(enum pym_domain d, unsigned parts) {
  pym_allocator hook, now;
  pym_allocator_get(d, &under);
  hook = under;
  if (parts & 1) hook.malloc = part_malloc;
  if (parts & 2) hook.calloc = part_calloc;
  if (parts & 4) hook.realloc = part_realloc;
  if (parts & 8) hook.free = part_free;
  pym_allocator_set(d, &hook);
  pym_allocator_get(d, &now);
  CHECK(same_allocator(&now, &hook));
  for (unsigned k = 0; k < 4; k++) called[k] = 0;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    void *p = plain[d].malloc(sizes[i]), *q = plain[d].calloc(1, sizes[i]);
    p = plain[d].realloc(p, sizes[i] / 2 + 100);
    CHECK(p && q);
    plain[d].free(p);
    plain[d].free(q);
  }
  for (unsigned k = 0; k < 4; k++)
    CHECK_EQ(called[k], parts >> k & 1 ? COUNT(sizes) * (k == 3 ? 2 : 1) : 0);
  pym_allocator_set(d, &under);
}
static void any_part_of_an_allocator_may_be_replaced(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    for (unsigned parts = 1; parts < 16; parts++) {
      check_context("domain, functions", d * 100 + parts);
      part_body((enum pym_domain)d, parts);
    }
  check_sound(pym_heap_default());
}

/* As in CPython: a hook may count frees. */
static void null_body(enum pym_domain d, struct counting *c) {
  plain[d].free(NULL);
  CHECK_EQ(c->frees, 1);
  CHECK(c->last_pointer == NULL);
  if (d == PYM_OBJ) pym_obj_free_sized(NULL, 8);
  CHECK_EQ(c->frees, d == PYM_OBJ ? 2 : 1);
}
static void a_free_of_null_reaches_the_hook(void) { each_hooked(null_body); }

CHECK_CASES(TEST(every_call_and_its_size_reach_the_hook), TEST(a_sized_free_reaches_the_hook),
            TEST(other_domains_and_heap_functions_do_not_reach_the_hook),
            TEST(an_excessive_size_does_not_reach_the_hook),
            TEST(blocks_live_across_hooking_and_unhooking),
            TEST(setting_what_was_there_first_takes_the_hook_off), TEST(hooks_chain),
            TEST(what_was_below_stays_callable_and_limited), TEST(a_hook_may_serve_from_elsewhere),
            TEST(any_pointer_reaches_the_hook), TEST(a_free_of_null_reaches_the_hook),
            TEST(any_part_of_an_allocator_may_be_replaced));
