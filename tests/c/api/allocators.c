/* Allocators chosen by the names that PYTHONMALLOC knows. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "view.h"

static const struct plain {
  char id;
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} plain[PYM_DOMAINS] = {
    {'r', pym_raw_malloc, pym_raw_calloc, pym_raw_realloc, pym_raw_free},
    {'m', pym_mem_malloc, pym_mem_calloc, pym_mem_realloc, pym_mem_free},
    {'o', pym_obj_malloc, pym_obj_calloc, pym_obj_realloc, pym_obj_free},
};

static int all(const unsigned char *p, size_t n, unsigned char value) {
  size_t i = 0;
  while (i < n && p[i] == value) i++;
  return i == n;
}

struct choice {
  const char *name;
  int pools, debug;
};
static const struct choice choices[] = {{"default", 1, 0},      {"malloc", 0, 0},
                                        {"pymalloc", 1, 0},     {"debug", 1, 1},
                                        {"malloc_debug", 0, 1}, {"pymalloc_debug", 1, 1}};

enum { S = sizeof(pym_size) }; /* CPython's */

static void choice_body(const struct choice *c, unsigned d) {
  void *old = plain[d].malloc(40), *old_large = plain[d].malloc(4000);
  fill(old, 40, 1);
  fill(old_large, 4000, 2);
  CHECK_EQ(pym_allocators_use(c->name), 0);
  unsigned char *p = plain[d].malloc(40), *q = plain[d].calloc(3, 2000), *zero = plain[d].malloc(0);
  CHECK(p && q && zero && p != zero && all(q, 6000, 0));
  if (c->debug || pym_owns(p))
    CHECK_EQ(p[-S] == plain[d].id && all(p - S + 1, S - 1, 0xfd) && all(p, 40, 0xcd), c->debug);
  CHECK_EQ(view_class(p) != 0, c->pools && d != PYM_RAW);
  CHECK(c->debug ? pym_usable_size(p) == 40 : pym_usable_size(p) >= 40);
  fill(p, 40, 3);
  p = plain[d].realloc(p, 9000);
  CHECK(p && holds(p, 40, 3) && pym_usable_size(p) >= 9000);
  old = plain[d].realloc(old, 3000);
  CHECK(old && holds(old, 40, 1));
  plain[d].free(old_large = plain[d].realloc(old_large, 20));
  plain[d].free(old);
  plain[d].free(p);
  plain[d].free(q);
  plain[d].free(zero);
  plain[d].free(NULL);
  CHECK(plain[d].malloc(PYM_SIZE_MAX + 1) == NULL);
  pym_heap_trim(pym_heap_default());
}

static void allocators_are_chosen_by_the_names_of_pythonmalloc(void) {
  for (unsigned i = 0; i < COUNT(choices); i++)
    for (unsigned d = 0; d < PYM_DOMAINS; d++) {
      check_context(choices[i].name, d);
      const uint64_t live = stats_of(pym_heap_default(), (enum pym_domain)d).live_blocks;
      choice_body(&choices[i], d);
      CHECK_EQ(pym_allocators_use("default"), 0);
      CHECK_EQ(stats_of(pym_heap_default(), (enum pym_domain)d).live_blocks, live);
      check_sound(pym_heap_default());
    }
}

static void a_name_that_pythonmalloc_does_not_know_changes_nothing(void) {
  static const char *const wrong[] = {"",        "Debug", "debug ", "malloc_", "pymalloc_debugger",
                                      "jemalloc"};
  pym_allocator first, now;
  pym_allocators_use("debug");
  pym_allocator_get(PYM_OBJ, &first);
  for (unsigned i = 0; i < COUNT(wrong); i++) CHECK_EQ(pym_allocators_use(wrong[i]), -1);
  pym_allocator_get(PYM_OBJ, &now);
  CHECK(now.malloc == first.malloc && now.ctx == first.ctx);
  pym_allocators_use("default");
}

CHECK_CASES(TEST(allocators_are_chosen_by_the_names_of_pythonmalloc),
            TEST(a_name_that_pythonmalloc_does_not_know_changes_nothing));
