#include "domains.h"

#include "check.h"
#include "view.h"

static pym_heap *second;

void check_sound(pym_heap *h) {
  if (CHECK(pym_check(h) == 0)) return;
  check_print(pym_check_message());
  check_print("\n");
}

pym_domain_stats stats_of(const pym_heap *h, enum pym_domain d) {
  pym_domain_stats s;
  pym_domain_stats_get(h, d, &s);
  return s;
}

pym_page_stats pages_now(void) {
  pym_page_stats s;
  pym_page_stats_get(&s);
  return s;
}

pym_size live_in(const pym_heap *h, unsigned which) {
  uint64_t sum = 0;
  if (which == PYM_ALL_HEAPS) {
    for (addr i = view_space()->first_heap; i; i = view_heap(at(i))->next)
      sum += live_in(at(i), PYM_WHOLE_HEAP);
    return (pym_size)sum;
  }
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    if (which == d || which == PYM_WHOLE_HEAP) sum += stats_of(h, (enum pym_domain)d).live_bytes;
  }
  return (pym_size)sum;
}

#define ON_SECOND(x, d)                                                                \
  static void *second_##x##_malloc(size_t n) { return pym_heap_malloc(second, d, n); } \
  static void *second_##x##_calloc(size_t count, size_t size) {                        \
    return pym_heap_calloc(second, d, count, size);                                    \
  }                                                                                    \
  static void *second_##x##_realloc(void *p, size_t n) {                               \
    return pym_heap_realloc(second, d, p, n);                                          \
  }                                                                                    \
  static void second_##x##_free(void *p) { pym_heap_free(second, d, p); }
ON_SECOND(raw, PYM_RAW)
ON_SECOND(mem, PYM_MEM)
ON_SECOND(obj, PYM_OBJ)

#define PLAIN(x, d, hooked, name) \
  {name, d, hooked, pym_##x##_malloc, pym_##x##_calloc, pym_##x##_realloc, pym_##x##_free}
#define SECOND(x, d)                                                                        \
  {"second heap " #x, d, 0, second_##x##_malloc, second_##x##_calloc, second_##x##_realloc, \
   second_##x##_free}

static const struct domain_api plain[] = {
    PLAIN(raw, PYM_RAW, 0, "raw"), PLAIN(mem, PYM_MEM, 0, "mem"), PLAIN(obj, PYM_OBJ, 0, "obj")};
static const struct domain_api on_second[] = {SECOND(raw, PYM_RAW), SECOND(mem, PYM_MEM),
                                              SECOND(obj, PYM_OBJ)};
static const struct domain_api hooked[] = {PLAIN(raw, PYM_RAW, 1, "hooked raw"),
                                           PLAIN(mem, PYM_MEM, 1, "hooked mem"),
                                           PLAIN(obj, PYM_OBJ, 1, "hooked obj")};

/* A hook that passes everything on to what its ctx describes. */
static void *pass_malloc(void *ctx, size_t n) {
  const pym_allocator *below = ctx;
  return below->malloc(below->ctx, n);
}
static void *pass_calloc(void *ctx, size_t count, size_t size) {
  const pym_allocator *below = ctx;
  return below->calloc(below->ctx, count, size);
}
static void *pass_realloc(void *ctx, void *p, size_t n) {
  const pym_allocator *below = ctx;
  return below->realloc(below->ctx, p, n);
}
static void pass_free(void *ctx, void *p) {
  const pym_allocator *below = ctx;
  below->free(below->ctx, p);
}

pym_heap *heap_of(const struct domain_api *api) {
  for (unsigned i = 0; i < PYM_DOMAINS; i++) {
    if (api == &on_second[i]) return second;
  }
  return pym_heap_default();
}

static void run_on(const struct domain_api *api, void (*body)(const struct domain_api *api)) {
  check_context(api->name, 0);
  pym_domain_stats before = stats_of(heap_of(api), api->domain);
  body(api);
  check_context(api->name, 0);
  pym_domain_stats after = stats_of(heap_of(api), api->domain);
  CHECK_EQ(after.live_blocks, before.live_blocks);
  CHECK_EQ(after.live_bytes, before.live_bytes);
  check_sound(heap_of(api));
}

static void run_hooked(const struct domain_api *api, void (*body)(const struct domain_api *api)) {
  pym_allocator below;
  pym_allocator_get(api->domain, &below);
  pym_allocator hook = {&below, pass_malloc, pass_calloc, pass_realloc, pass_free};
  pym_allocator_set(api->domain, &hook);
  run_on(api, body);
  pym_allocator_set(api->domain, &below);
}

void each_domain(void (*body)(const struct domain_api *api)) {
  for (unsigned i = 0; i < PYM_DOMAINS; i++) run_on(&plain[i], body);
  second = pym_heap_new();
  if (!CHECK(second != NULL)) return;
  for (unsigned i = 0; i < PYM_DOMAINS; i++) run_on(&on_second[i], body);
  pym_heap_destroy(second);
  for (unsigned i = 0; i < PYM_DOMAINS; i++) run_hooked(&hooked[i], body);
  check_context("", 0);
}
