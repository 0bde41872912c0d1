/* The mrb_allocf for mrb_open_allocf: mruby.h. */
#include "adapters/mruby.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

static const size_t sizes[] = {1, 8, 24, 100, 512, 513, 4096, 70000};

/* ud: a heap, or NULL for the default one. */
static void on_both_heaps(void (*body)(void *ud)) {
  pym_heap *own = pym_heap_new();
  check_context("default heap", 0);
  body(NULL);
  check_context("heap of its own", 0);
  body(own);
  CHECK_EQ(stats_of(own, PYM_OBJ).live_blocks, 0);
  check_sound(own);
  pym_heap_destroy(own);
  check_sound(pym_heap_default());
}

static void resizing_keeps_the_contents_body(void *ud) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
      void *p = pym_mruby_alloc(NULL, NULL, sizes[i], ud);
      if (!CHECK(p != NULL)) return;
      fill(p, sizes[i], i);
      p = pym_mruby_alloc(NULL, p, sizes[j], ud);
      CHECK(p != NULL && holds(p, kept, i));
      pym_mruby_alloc(NULL, p, 0, ud);
    }
  }
}

static void nothing_and_no_bytes_body(void *ud) {
  uint64_t before = stats_of(pym_heap_default(), PYM_OBJ).live_blocks;
  CHECK(pym_mruby_alloc(NULL, NULL, 0, ud) == NULL);
  void *p = pym_mruby_alloc(NULL, NULL, 40, ud);
  CHECK(pym_mruby_alloc(NULL, p, 0, ud) == NULL); /* frees */
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_blocks, before);
}

static void no_memory_is_null_and_the_block_stays_body(void *ud) {
  void *p = pym_mruby_alloc(NULL, NULL, 100, ud);
  fill(p, 100, 3);
  target_fail_after(0, 1);
  CHECK(pym_mruby_alloc(NULL, NULL, 900u << 20, ud) == NULL);
  CHECK(pym_mruby_alloc(NULL, p, 900u << 20, ud) == NULL);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 3));
  pym_mruby_alloc(NULL, p, 0, ud);
}

static void resizing_keeps_the_contents(void) { on_both_heaps(resizing_keeps_the_contents_body); }
static void nothing_and_no_bytes(void) { on_both_heaps(nothing_and_no_bytes_body); }
static void no_memory_is_null_and_the_block_stays(void) {
  on_both_heaps(no_memory_is_null_and_the_block_stays_body);
}

CHECK_CASES(TEST(resizing_keeps_the_contents), TEST(nothing_and_no_bytes),
            TEST(no_memory_is_null_and_the_block_stays));
