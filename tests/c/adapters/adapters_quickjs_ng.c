/* The JSMallocFunctions adapter for quickjs-ng: quickjs.h of 0.17, and what its own functions do.
 */
#include "adapters/quickjs_ng.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

/* As quickjs.h has it. */
typedef struct {
  void *(*js_calloc)(void *opaque, size_t count, size_t size);
  void *(*js_malloc)(void *opaque, size_t size);
  void (*js_free)(void *opaque, void *ptr);
  void *(*js_realloc)(void *opaque, void *ptr, size_t size);
  size_t (*js_malloc_usable_size)(const void *ptr);
} JSMallocFunctions;
static const JSMallocFunctions js = PYM_QUICKJS_NG_MALLOC_FUNCTIONS;

/* 4096 and a little less: arenas. */
static const size_t sizes[] = {1, 8, 24, 100, 512, 513, 4088, 4096, 70000};

/* opaque: a heap, or NULL for the default one. */
static void on_both_heaps(void (*body)(void *opaque, pym_heap *h)) {
  pym_heap *own = pym_heap_new();
  check_context("default heap", 0);
  body(NULL, pym_heap_default());
  check_context("heap of its own", 0);
  body(own, own);
  CHECK_EQ(stats_of(own, PYM_OBJ).live_blocks, 0);
  check_sound(own);
  pym_heap_destroy(own);
  check_sound(pym_heap_default());
}

static void resizing_keeps_the_contents_body(void *opaque, pym_heap *h) {
  uint64_t before = stats_of(h, PYM_OBJ).live_blocks;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
      void *p = i % 2 ? js.js_malloc(opaque, sizes[i]) : js.js_realloc(opaque, NULL, sizes[i]);
      if (!CHECK(p != NULL)) return;
      CHECK_EQ(stats_of(h, PYM_OBJ).live_blocks, before + 1);
      fill(p, sizes[i], i);
      p = js.js_realloc(opaque, p, sizes[j]);
      CHECK(p != NULL && holds(p, kept, i));
      js.js_free(opaque, p);
    }
  }
}

/* The runtime's limit is as true as this. */
static void usable_sizes_are_those_that_the_heap_counts_body(void *opaque, pym_heap *h) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    uint64_t before = stats_of(h, PYM_OBJ).live_bytes;
    void *p = js.js_malloc(opaque, sizes[i]);
    if (!CHECK(p != NULL)) return;
    CHECK(js.js_malloc_usable_size(p) >= sizes[i]);
    CHECK_EQ(js.js_malloc_usable_size(p), stats_of(h, PYM_OBJ).live_bytes - before);
    js.js_free(opaque, p);
  }
  CHECK_EQ(js.js_malloc_usable_size(NULL), 0);
}

static void calloc_clears_what_was_used_body(void *opaque, pym_heap *h) {
  (void)h;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    char *p = js.js_malloc(opaque, sizes[i]);
    if (!CHECK(p != NULL)) return;
    fill(p, sizes[i], 7);
    js.js_free(opaque, p);
    p = js.js_calloc(opaque, 1, sizes[i]);
    if (!CHECK(p != NULL)) return;
    size_t n = 0;
    while (n < sizes[i] && p[n] == 0) n++;
    CHECK_EQ(n, sizes[i]);
    js.js_free(opaque, p);
  }
  const size_t half = (size_t)1 << (4 * sizeof(size_t)); /* half * half is 0 */
  CHECK(js.js_calloc(opaque, half, half + 1) == NULL);
}

static void no_memory_is_null_and_the_block_stays_body(void *opaque, pym_heap *h) {
  (void)h;
  js.js_free(opaque, NULL);
  void *p = js.js_malloc(opaque, 100);
  fill(p, 100, 3);
  target_fail_after(0, 1);
  CHECK(js.js_malloc(opaque, 900u << 20) == NULL);
  CHECK(js.js_calloc(opaque, 900, 1u << 20) == NULL);
  CHECK(js.js_realloc(opaque, p, 900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 3));
  js.js_free(opaque, p);
}

static void resizing_keeps_the_contents(void) { on_both_heaps(resizing_keeps_the_contents_body); }
static void usable_sizes_are_those_that_the_heap_counts(void) {
  on_both_heaps(usable_sizes_are_those_that_the_heap_counts_body);
}
static void calloc_clears_what_was_used(void) { on_both_heaps(calloc_clears_what_was_used_body); }
static void no_memory_is_null_and_the_block_stays(void) {
  on_both_heaps(no_memory_is_null_and_the_block_stays_body);
}

CHECK_CASES(TEST(resizing_keeps_the_contents), TEST(usable_sizes_are_those_that_the_heap_counts),
            TEST(calloc_clears_what_was_used), TEST(no_memory_is_null_and_the_block_stays));
