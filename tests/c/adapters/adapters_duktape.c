/* The allocation functions for duk_create_heap: duktape.h. */
#include "adapters/duktape.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

static const size_t sizes[] = {1, 8, 24, 100, 512, 513, 4096, 70000};

/* udata: a heap, or NULL for the default one. */
static void on_both_heaps(void (*body)(void *udata)) {
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

static void resizing_keeps_the_contents_body(void *udata) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
      void *p = i % 2 ? pym_duk_alloc(udata, sizes[i]) : pym_duk_realloc(udata, NULL, sizes[i]);
      if (!CHECK(p != NULL)) return;
      fill(p, sizes[i], i);
      p = pym_duk_realloc(udata, p, sizes[j]);
      CHECK(p != NULL && holds(p, kept, i));
      pym_duk_free(udata, p);
    }
  }
}

static void nothing_and_no_bytes_body(void *udata) {
  uint64_t before = stats_of(pym_heap_default(), PYM_OBJ).live_blocks;
  pym_duk_free(udata, NULL);
  CHECK(pym_duk_realloc(udata, NULL, 0) == NULL);
  void *p = pym_duk_alloc(udata, 40);
  CHECK(pym_duk_realloc(udata, p, 0) == NULL); /* frees */
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_blocks, before);
}

static void no_memory_is_null_and_the_block_stays_body(void *udata) {
  void *p = pym_duk_alloc(udata, 100);
  fill(p, 100, 3);
  target_fail_after(0, 1);
  CHECK(pym_duk_alloc(udata, 900u << 20) == NULL);
  CHECK(pym_duk_realloc(udata, p, 900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 3));
  pym_duk_free(udata, p);
}

static void resizing_keeps_the_contents(void) { on_both_heaps(resizing_keeps_the_contents_body); }
static void nothing_and_no_bytes(void) { on_both_heaps(nothing_and_no_bytes_body); }
static void no_memory_is_null_and_the_block_stays(void) {
  on_both_heaps(no_memory_is_null_and_the_block_stays_body);
}

CHECK_CASES(TEST(resizing_keeps_the_contents), TEST(nothing_and_no_bytes),
            TEST(no_memory_is_null_and_the_block_stays));
