/* Before a request fails the callback may free something: then it is tried once more. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "view.h"

/* A cache, as a program has one: blocks that the callback may free. */
static struct {
  void *blocks[64];
  unsigned held, calls, which;
  pym_size live;
  enum pym_domain d;
  int takes; /* the callback asks for memory, too */
} cache;

static void drop(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  CHECK(ctx == &cache);
  cache.calls++;
  cache.which = which;
  cache.live = live;
  while (cache.held) pym_heap_free(h, cache.d, cache.blocks[--cache.held]);
  if (cache.takes) CHECK(pym_heap_malloc(h, PYM_RAW, 900u << 20) == NULL);
}

static void fill_cache(pym_heap *h, enum pym_domain d, size_t n) {
  cache.d = d;
  cache.calls = 0;
  for (cache.held = 0; cache.held < COUNT(cache.blocks); cache.held++)
    cache.blocks[cache.held] = pym_heap_malloc(h, d, n);
  pym_limit_callback(h, drop, &cache);
}

static const struct event *event(unsigned back) {
  const struct space_view *root = view_space();
  return &root->events[(root->event_seq - 1 - back) % EVENTS];
}

static void each_heap(void (*body)(pym_heap *h)) {
  body(pym_heap_default());
  pym_heap *h = pym_heap_new();
  body(h);
  pym_heap_destroy(h);
}

static void hard_body(pym_heap *h) {
  for (unsigned which = 0; which <= PYM_WHOLE_HEAP; which++) {
    const enum pym_domain d = (enum pym_domain)(which % PYM_DOMAINS);
    check_context("limit", which);
    fill_cache(h, d, 1000);
    const pym_size live = live_in(h, which);
    pym_limit_set(h, which, PYM_UNLIMITED, live);
    void *p = pym_heap_malloc(h, d, 5000);
    CHECK(p != NULL && cache.calls == 1 && cache.which == which && cache.live > live);
    CHECK(event(0)->kind == EVENT_HARD_ASKED && event(0)->domain == which);
    CHECK(event(0)->bytes >= 5000);
    CHECK(pym_heap_malloc(h, d, live) == NULL && cache.calls == 2); /* in vain: it is refused */
    CHECK(event(1)->kind == EVENT_HARD_ASKED && event(0)->kind == EVENT_HARD);
    pym_heap_free(h, d, p);
    pym_limit_callback(h, NULL, NULL);
    pym_limit_set(h, which, PYM_UNLIMITED, PYM_UNLIMITED);
    check_sound(h);
  }
}
static void at_a_hard_limit_the_callback_may_make_room(void) { each_heap(hard_body); }

static void *ask_malloc(pym_heap *h, void *p) {
  return (void)p, pym_heap_malloc(h, PYM_RAW, 60000);
}
static void *ask_calloc(pym_heap *h, void *p) {
  return (void)p, pym_heap_calloc(h, PYM_MEM, 2, 30000);
}
static void *ask_realloc(pym_heap *h, void *p) { return pym_heap_realloc(h, PYM_RAW, p, 60000); }
static void *ask_aligned(pym_heap *h, void *p) {
  return (void)p, pym_heap_aligned_alloc(h, 4096, 50000);
}
static void *ask_small(pym_heap *h, void *p) { return (void)p, pym_heap_malloc(h, PYM_OBJ, 64); }

/* Memory is used up, but for what the cache holds. */
static void memory_body(pym_heap *h) {
  static void *(*const asks[])(pym_heap *, void *) = {ask_malloc, ask_calloc, ask_realloc,
                                                      ask_aligned, ask_small};
  static void *rest[20000];
  for (unsigned i = 0; i < COUNT(asks); i++) {
    unsigned n = 0;
    check_context("way to ask", i);
    void *p = pym_heap_malloc(h, PYM_RAW, 600);
    fill(p, 600, i);
    fill_cache(h, PYM_RAW, 1000); /* 64 of them, side by side */
    target_fail_after(0, 1);
    pym_limit_callback(h, NULL, NULL);
    for (size_t size = 60000; size > 8 && n < COUNT(rest); size /= 2)
      while (n < COUNT(rest) && (rest[n] = pym_heap_malloc(h, PYM_RAW, size))) n++;
    CHECK(asks[i](h, p) == NULL);
    pym_limit_callback(h, drop, &cache);
    void *q = asks[i](h, p);
    CHECK(q != NULL && cache.calls == 1 && cache.which == PYM_MEMORY && cache.live > 60000);
    CHECK(event(0)->kind == EVENT_OOM_ASKED && event(0)->bytes >= (i == 4 ? 64 : 50000));
    if (i == 2) CHECK(holds(q, 600, i));
    CHECK(pym_heap_malloc(h, PYM_RAW, 800u << 20) == NULL && cache.calls == 2);
    CHECK(event(1)->kind == EVENT_OOM_ASKED && event(0)->kind == EVENT_OOM);
    pym_limit_callback(h, NULL, NULL);
    target_fail_after(-1, 0);
    pym_heap_free(h, i == 1 ? PYM_MEM : i == 4 ? PYM_OBJ : PYM_RAW, q);
    if (i != 2) pym_heap_free(h, PYM_RAW, p);
    while (n) pym_heap_free(h, PYM_RAW, rest[--n]);
    check_sound(h);
  }
}
static void without_memory_the_callback_may_make_room(void) { each_heap(memory_body); }

static void a_request_of_the_callback_that_fails_does_not_call_it_again(void) {
  pym_heap *h = pym_heap_default();
  fill_cache(h, PYM_RAW, 1000);
  cache.takes = 1;
  target_fail_after(0, 1);
  CHECK(pym_raw_malloc(900u << 20) == NULL);
  CHECK_EQ(cache.calls, 1);
  target_fail_after(-1, 0);
  cache.takes = 0;
  pym_limit_callback(h, NULL, NULL);
}

CHECK_CASES(TEST(at_a_hard_limit_the_callback_may_make_room),
            TEST(without_memory_the_callback_may_make_room),
            TEST(a_request_of_the_callback_that_fails_does_not_call_it_again));
