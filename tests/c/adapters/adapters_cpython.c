/* The functions of a PyMemAllocatorEx, and those of the arenas: CPython C API, "Memory
 * Management". */
#include "adapters/cpython.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

#define DOMAIN(d)                                                                       \
  {NULL, pym_cpython_##d##_malloc, pym_cpython_##d##_calloc, pym_cpython_##d##_realloc, \
   pym_cpython_##d##_free}
static const pym_allocator functions[PYM_DOMAINS] = {DOMAIN(raw), DOMAIN(mem), DOMAIN(obj)};
static const size_t sizes[] = {1, 8, 24, 100, 512, 513, 4096, 70000};

static uint64_t live_blocks(unsigned d) {
  return stats_of(pym_heap_default(), (enum pym_domain)d).live_blocks;
}

static void a_block_is_counted_in_its_domain(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    for (unsigned i = 0; i < COUNT(sizes); i++) {
      check_context("domain, size", d * 100 + i);
      uint64_t before = live_blocks(d);
      void *p = functions[d].malloc(NULL, sizes[i]);
      if (!CHECK(p != NULL)) return;
      CHECK(pym_usable_size(p) >= sizes[i]);
      CHECK_EQ(live_blocks(d), before + 1);
      functions[d].free(NULL, p);
      CHECK_EQ(live_blocks(d), before);
    }
  }
}

/* Of blocks that were used before, too. */
static void calloc_gives_zeros(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    for (unsigned i = 0; i < COUNT(sizes) * 2; i++) {
      size_t n = sizes[i / 2];
      check_context("domain, size", d * 100 + i);
      unsigned char *p = functions[d].calloc(NULL, i % 2 ? n : 1, i % 2 ? 1 : n);
      if (!CHECK(p != NULL)) return;
      for (size_t b = 0; b < n; b++)
        if (!CHECK_EQ(p[b], 0)) break;
      fill(p, n, i);
      functions[d].free(NULL, p);
    }
  }
}

static void resizing_keeps_the_contents(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    for (unsigned i = 0; i < COUNT(sizes) * COUNT(sizes); i++) {
      size_t old = sizes[i / COUNT(sizes)], n = sizes[i % COUNT(sizes)];
      check_context("domain, sizes", d * 100 + i);
      void *p = functions[d].realloc(NULL, NULL, old);
      if (!CHECK(p != NULL)) return;
      fill(p, old, i);
      p = functions[d].realloc(NULL, p, n);
      CHECK(p != NULL && holds(p, old < n ? old : n, i));
      functions[d].free(NULL, p);
    }
  }
}

static void no_bytes_are_a_distinct_block(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    void *p = functions[d].malloc(NULL, 0), *q = functions[d].calloc(NULL, 0, 8);
    CHECK(p != NULL && q != NULL && p != q);
    CHECK(functions[d].realloc(NULL, p, 0) != NULL);
    functions[d].free(NULL, p);
    functions[d].free(NULL, q);
    functions[d].free(NULL, NULL);
  }
}

static void no_memory_is_null_and_the_block_stays(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    void *p = functions[d].malloc(NULL, 100);
    fill(p, 100, d);
    target_fail_after(0, 1);
    CHECK(functions[d].malloc(NULL, 900u << 20) == NULL);
    CHECK(functions[d].calloc(NULL, 900, 1u << 20) == NULL);
    CHECK(functions[d].realloc(NULL, p, 900u << 20) == NULL);
    target_fail_after(-1, 0);
    CHECK(holds(p, 100, d));
    functions[d].free(NULL, p);
  }
}

static unsigned hook_calls;
static pym_allocator below;
static void *hook_malloc(void *ctx, size_t n) {
  return (void)ctx, hook_calls++, below.malloc(below.ctx, n);
}
static void *hook_calloc(void *ctx, size_t count, size_t size) {
  return (void)ctx, hook_calls++, below.calloc(below.ctx, count, size);
}
static void *hook_realloc(void *ctx, void *p, size_t n) {
  return (void)ctx, hook_calls++, below.realloc(below.ctx, p, n);
}
static void hook_free(void *ctx, void *p) { (void)ctx, hook_calls++, below.free(below.ctx, p); }

/* The library's hooks lie below CPython's: the debug hooks, the recorder. */
static void a_hook_of_the_library_sees_every_call(void) {
  static const pym_allocator hook = {NULL, hook_malloc, hook_calloc, hook_realloc, hook_free};
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    check_context("domain", d);
    pym_allocator_get((enum pym_domain)d, &below);
    pym_allocator_set((enum pym_domain)d, &hook);
    hook_calls = 0;
    void *p = functions[d].malloc(NULL, 40);
    p = functions[d].realloc(NULL, p, 48);
    functions[d].free(NULL, p);
    functions[d].free(NULL, functions[d].calloc(NULL, 5, 8));
    CHECK_EQ(hook_calls, 5);
    pym_allocator_set((enum pym_domain)d, &below);
  }
}

/* CPython takes its frames there, in pieces of 16 KiB and more. */
static void arenas_of_any_size_are_raw_blocks(void) {
  uint64_t before = live_blocks(PYM_RAW);
  void *a = pym_cpython_arena_alloc(NULL, 16384), *b = pym_cpython_arena_alloc(NULL, 262144);
  CHECK(a != NULL && b != NULL);
  CHECK_EQ(live_blocks(PYM_RAW), before + 2);
  pym_cpython_arena_free(NULL, a, 16384);
  pym_cpython_arena_free(NULL, b, 262144);
  CHECK_EQ(live_blocks(PYM_RAW), before);
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(a_block_is_counted_in_its_domain), TEST(calloc_gives_zeros),
            TEST(resizing_keeps_the_contents), TEST(no_bytes_are_a_distinct_block),
            TEST(no_memory_is_null_and_the_block_stays),
            TEST(a_hook_of_the_library_sees_every_call), TEST(arenas_of_any_size_are_raw_blocks));
