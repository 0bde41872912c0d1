/* The JSMallocFunctions adapter: quickjs.h, and what QuickJS's own functions do. */
#include "adapters/quickjs.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

/* As quickjs.h has them. */
typedef struct JSMallocState {
  size_t malloc_count, malloc_size, malloc_limit;
  void *opaque;
} JSMallocState;
typedef struct {
  void *(*js_malloc)(JSMallocState *s, size_t size);
  void (*js_free)(JSMallocState *s, void *ptr);
  void *(*js_realloc)(JSMallocState *s, void *ptr, size_t size);
  size_t (*js_malloc_usable_size)(const void *ptr);
} JSMallocFunctions;
static const JSMallocFunctions js = PYM_QUICKJS_MALLOC_FUNCTIONS;

static const size_t sizes[] = {1, 8, 16, 24, 40, 56, 100, 512, 513, 600, 4096, 70000};

static void on_both_heaps(void (*body)(JSMallocState *s, pym_heap *h)) {
  pym_heap *own = pym_heap_new();
  check_context("default heap", 0);
  body(&(JSMallocState){0, 0, (size_t)-1, NULL}, pym_heap_default());
  check_context("heap of its own", 0);
  body(&(JSMallocState){0, 0, (size_t)-1, own}, own);
  CHECK_EQ(stats_of(own, PYM_OBJ).live_blocks, 0);
  check_sound(own);
  pym_heap_destroy(own);
  check_sound(pym_heap_default());
}

static void the_state_counts_usable_bytes_body(JSMallocState *s, pym_heap *h) {
  void *p[COUNT(sizes)];
  uint64_t before = stats_of(h, PYM_OBJ).live_bytes;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    p[i] = js.js_malloc(s, sizes[i]);
    if (!CHECK(p[i] != NULL)) return;
    fill(p[i], sizes[i], i);
    CHECK(js.js_malloc_usable_size(p[i]) >= sizes[i]);
    CHECK_EQ(s->malloc_count, i + 1);
    CHECK_EQ(s->malloc_size, stats_of(h, PYM_OBJ).live_bytes - before);
  }
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    size_t kept = sizes[i] < 300 ? sizes[i] : 300;
    p[i] = js.js_realloc(s, p[i], 300);
    CHECK(p[i] != NULL && holds(p[i], kept, i));
    CHECK_EQ(s->malloc_size, stats_of(h, PYM_OBJ).live_bytes - before);
  }
  CHECK_EQ(s->malloc_count, COUNT(sizes));
  for (unsigned i = 0; i < COUNT(sizes); i++) js.js_free(s, p[i]);
  CHECK_EQ(s->malloc_count, 0);
  CHECK_EQ(s->malloc_size, 0);
}

static void nothing_and_no_bytes_body(JSMallocState *s, pym_heap *h) {
  (void)h;
  js.js_free(s, NULL);
  CHECK(js.js_realloc(s, NULL, 0) == NULL);
  CHECK_EQ(js.js_malloc_usable_size(NULL), 0);
  void *p = js.js_realloc(s, NULL, 40);
  CHECK(p != NULL && s->malloc_count == 1);
  CHECK(js.js_realloc(s, p, 0) == NULL); /* frees */
  CHECK_EQ(s->malloc_count, 0);
  CHECK_EQ(s->malloc_size, 0);
}

static void the_limit_refuses_and_leaves_the_block_body(JSMallocState *s, pym_heap *h) {
  (void)h;
  s->malloc_limit = 1000;
  void *p = js.js_malloc(s, 600);
  if (!CHECK(p != NULL)) return;
  fill(p, 600, 5);
  size_t size = s->malloc_size;
  CHECK(js.js_malloc(s, 401) == NULL);
  CHECK(js.js_realloc(s, p, 1001) == NULL);
  CHECK_EQ(s->malloc_size, size);
  CHECK_EQ(s->malloc_count, 1);
  CHECK(holds(p, 600, 5));
  p = js.js_realloc(s, p, 1000);
  CHECK(p != NULL && holds(p, 600, 5));
  js.js_free(s, p);
  CHECK_EQ(s->malloc_size, 0);
}

static void no_memory_is_null_and_counts_nothing_body(JSMallocState *s, pym_heap *h) {
  (void)h;
  void *p = js.js_malloc(s, 100);
  fill(p, 100, 3);
  size_t size = s->malloc_size;
  target_fail_after(0, 1);
  CHECK(js.js_malloc(s, 900u << 20) == NULL);
  CHECK(js.js_realloc(s, p, 900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK_EQ(s->malloc_size, size);
  CHECK_EQ(s->malloc_count, 1);
  CHECK(holds(p, 100, 3));
  js.js_free(s, p);
}

static void the_state_counts_usable_bytes(void) {
  on_both_heaps(the_state_counts_usable_bytes_body);
}
static void nothing_and_no_bytes(void) { on_both_heaps(nothing_and_no_bytes_body); }
static void the_limit_refuses_and_leaves_the_block(void) {
  on_both_heaps(the_limit_refuses_and_leaves_the_block_body);
}
static void no_memory_is_null_and_counts_nothing(void) {
  on_both_heaps(no_memory_is_null_and_counts_nothing_body);
}

CHECK_CASES(TEST(the_state_counts_usable_bytes), TEST(nothing_and_no_bytes),
            TEST(the_limit_refuses_and_leaves_the_block),
            TEST(no_memory_is_null_and_counts_nothing));
