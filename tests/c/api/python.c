/* The names of CPython's C API, exactly as its page "Memory Management" has them. */
#include "check.h"
#include "pymalloc.h"
#include "pymalloc_python.h"
#include "target.h"

static const struct family {
  const char *name;
  PyMemAllocatorDomain domain;
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} families[] = {
    {"PyMem_Raw", PYMEM_DOMAIN_RAW, PyMem_RawMalloc, PyMem_RawCalloc, PyMem_RawRealloc,
     PyMem_RawFree},
    {"PyMem", PYMEM_DOMAIN_MEM, PyMem_Malloc, PyMem_Calloc, PyMem_Realloc, PyMem_Free},
    {"PyObject", PYMEM_DOMAIN_OBJ, PyObject_Malloc, PyObject_Calloc, PyObject_Realloc,
     PyObject_Free},
};

static uint64_t blocks_in(PyMemAllocatorDomain d) {
  pym_domain_stats s;
  pym_domain_stats_get(pym_heap_default(), (enum pym_domain)d, &s);
  return s.live_blocks;
}

static void each_family_serves_its_own_domain(void) {
  for (unsigned i = 0; i < COUNT(families); i++) {
    const struct family *f = &families[i];
    check_context(f->name, 0);
    uint64_t before = blocks_in(f->domain);
    void *p = f->malloc(100), *q = f->calloc(10, 10), *zero = f->malloc(0);
    CHECK(p && q && zero && p != zero);
    CHECK_EQ(blocks_in(f->domain), before + 3);
    CHECK(all_zero(q, 100));
    fill(p, 100, i);
    p = f->realloc(p, 5000);
    CHECK(p != NULL && holds(p, 100, i));
    CHECK(f->malloc((size_t)PYM_SIZE_MAX + 1) == NULL);
    CHECK(f->calloc(SIZE_MAX / 2, 4) == NULL);
    CHECK(f->realloc(p, SIZE_MAX) == NULL);
    CHECK(holds(p, 100, i));
    f->free(p);
    f->free(q);
    f->free(zero);
    f->free(NULL);
    CHECK_EQ(blocks_in(f->domain), before);
  }
}

struct point {
  double x, y, z;
};

static void new_resize_and_del_are_typed(void) {
  uint64_t before = blocks_in(PYMEM_DOMAIN_MEM);
  struct point *p = PyMem_New(struct point, 10);
  if (!CHECK(p != NULL)) return;
  fill(p, 10 * sizeof *p, 1);
  PyMem_Resize(p, struct point, 100);
  if (!CHECK(p != NULL)) return;
  CHECK(holds(p, 10 * sizeof *p, 1));
  CHECK(pym_usable_size(p) >= 100 * sizeof *p);
  PyMem_Del(p);
  CHECK_EQ(blocks_in(PYMEM_DOMAIN_MEM), before);
}

static void new_and_resize_check_the_product(void) {
  CHECK(PyMem_New(struct point, SIZE_MAX / sizeof(struct point) + 1) == NULL);
  CHECK(PyMem_New(struct point, PYM_SIZE_MAX / sizeof(struct point) + 1) == NULL);
  struct point *p = PyMem_New(struct point, 2), *kept = p;
  fill(p, 2 * sizeof *p, 2);
  PyMem_Resize(p, struct point, SIZE_MAX / sizeof(struct point) + 2);
  CHECK(p == NULL); /* the macro assigns: the caller keeps a copy */
  CHECK(holds(kept, 2 * sizeof *kept, 2));
  PyMem_Del(kept);
}

/* ---- Hooks under their CPython names ---- */

static unsigned calls;
static PyMemAllocatorEx below;

static void *hook_malloc(void *ctx, size_t n) {
  calls++;
  CHECK(ctx == &below);
  return below.malloc(below.ctx, n);
}
static void *hook_calloc(void *ctx, size_t count, size_t size) {
  calls += ctx == &below;
  return below.calloc(below.ctx, count, size);
}
static void *hook_realloc(void *ctx, void *p, size_t n) {
  calls += ctx == &below;
  return below.realloc(below.ctx, p, n);
}
static void hook_free(void *ctx, void *p) {
  calls += ctx == &below;
  below.free(below.ctx, p);
}

static void an_allocator_is_set_and_taken_off(void) {
  for (unsigned i = 0; i < COUNT(families); i++) {
    const struct family *f = &families[i];
    check_context(f->name, 0);
    PyMem_GetAllocator(f->domain, &below);
    PyMemAllocatorEx hook = {&below, hook_malloc, hook_calloc, hook_realloc, hook_free}, now;
    PyMem_SetAllocator(f->domain, &hook);
    PyMem_GetAllocator(f->domain, &now);
    CHECK(now.ctx == &below && now.malloc == hook_malloc && now.calloc == hook_calloc &&
          now.realloc == hook_realloc && now.free == hook_free);
    calls = 0;
    void *p = f->realloc(f->malloc(10), 900), *q = f->calloc(3, 4);
    f->free(p);
    f->free(q);
    CHECK_EQ(calls, 5);
    PyMem_SetAllocator(f->domain, &below);
    f->free(f->malloc(10));
    CHECK_EQ(calls, 5);
  }
}

static void a_domain_that_does_not_exist_has_no_allocator(void) {
  PyMemAllocatorEx none = {&below, hook_malloc, hook_calloc, hook_realloc, hook_free};
  PyMem_SetAllocator((PyMemAllocatorDomain)3, &none); /* ignored */
  PyMem_SetAllocator((PyMemAllocatorDomain)77, &none);
  PyMem_GetAllocator((PyMemAllocatorDomain)3, &none);
  CHECK(!none.ctx && !none.malloc && !none.calloc && !none.realloc && !none.free);
  for (unsigned i = 0; i < COUNT(families); i++) {
    calls = 0;
    families[i].free(families[i].malloc(10));
    CHECK_EQ(calls, 0);
  }
}

static unsigned arenas;

static void *arena_alloc(void *ctx, size_t size) {
  arenas++;
  CHECK(ctx == &arenas && size == PYM_ARENA_BYTES);
  return NULL;
}
static void arena_free(void *ctx, void *p, size_t size) {
  (void)ctx;
  (void)p;
  (void)size;
}

static void an_arena_allocator_is_set_and_taken_off(void) {
  PyObjectArenaAllocator first, hook = {&arenas, arena_alloc, arena_free}, now;
  PyObject_GetArenaAllocator(&first);
  PyObject_SetArenaAllocator(&hook);
  PyObject_GetArenaAllocator(&now);
  CHECK(now.ctx == &arenas && now.alloc == arena_alloc && now.free == arena_free);
  static void *p[5000];
  unsigned count = 0;
  while (count < COUNT(p) && (p[count] = PyObject_Malloc(200)) != NULL) count++;
  CHECK(arenas > 0 && count == COUNT(p)); /* from raw memory, as CPython does */
  PyObject_SetArenaAllocator(&first);
  void *q = PyObject_Malloc(200);
  CHECK(q != NULL);
  PyObject_Free(q);
  while (count) PyObject_Free(p[--count]);
}

CHECK_CASES(TEST(each_family_serves_its_own_domain), TEST(new_resize_and_del_are_typed),
            TEST(new_and_resize_check_the_product), TEST(an_allocator_is_set_and_taken_off),
            TEST(a_domain_that_does_not_exist_has_no_allocator),
            TEST(an_arena_allocator_is_set_and_taken_off));
