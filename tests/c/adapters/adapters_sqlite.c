/* The sqlite3_mem_methods adapter: sqlite3.h. */
#include "adapters/sqlite.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

/* As sqlite3.h has it. */
struct mem_methods {
  void *(*xMalloc)(int);
  void (*xFree)(void *);
  void *(*xRealloc)(void *, int);
  int (*xSize)(void *);
  int (*xRoundup)(int);
  int (*xInit)(void *);
  void (*xShutdown)(void *);
  void *pAppData;
};

static const int sizes[] = {1, 8, 9, 16, 24, 100, 511, 512, 513, 520, 4096, 4360, 70000};

static void with_methods(pym_heap *heap, void (*body)(const struct mem_methods *m, pym_heap *h)) {
  const struct mem_methods m = PYM_SQLITE_MEM_METHODS(heap);
  CHECK_EQ(m.xInit(m.pAppData), 0);
  body(&m, heap ? heap : pym_heap_default());
  m.xShutdown(m.pAppData);
}

static void on_both_heaps(void (*body)(const struct mem_methods *m, pym_heap *h)) {
  pym_heap *own = pym_heap_new();
  check_context("default heap", 0);
  with_methods(NULL, body);
  check_context("heap of its own", 0);
  with_methods(own, body);
  CHECK_EQ(stats_of(own, PYM_OBJ).live_blocks, 0);
  check_sound(own);
  pym_heap_destroy(own);
  check_sound(pym_heap_default());
}

static void a_request_rounded_up_fills_its_block_body(const struct mem_methods *m, pym_heap *h) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    check_context("size", (uint64_t)sizes[i]);
    uint64_t before = stats_of(h, PYM_OBJ).live_bytes;
    int n = m->xRoundup(sizes[i]);
    CHECK(n >= sizes[i] && n % 8 == 0);
    CHECK_EQ(m->xRoundup(n), n);
    void *p = m->xMalloc(n);
    if (!CHECK(p != NULL)) return;
    CHECK_EQ(m->xSize(p), n);
    CHECK_EQ(stats_of(h, PYM_OBJ).live_bytes - before, n);
    m->xFree(p);
  }
}

static void resizing_keeps_the_contents_body(const struct mem_methods *m, pym_heap *h) {
  (void)h;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      size_t kept = (size_t)(sizes[i] < sizes[j] ? sizes[i] : sizes[j]);
      void *p = m->xMalloc(sizes[i]);
      fill(p, (size_t)sizes[i], i);
      p = m->xRealloc(p, sizes[j]);
      CHECK(p != NULL && holds(p, kept, i) && m->xSize(p) >= sizes[j]);
      m->xFree(p);
    }
  }
}

static void no_memory_is_null_and_the_block_stays_body(const struct mem_methods *m, pym_heap *h) {
  (void)h;
  void *p = m->xMalloc(100);
  fill(p, 100, 3);
  target_fail_after(0, 1);
  CHECK(m->xMalloc(0x7fffff00) == NULL); /* the most that SQLite asks for */
  CHECK(m->xRealloc(p, 900 << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 3));
  m->xFree(p);
}

static void a_request_rounded_up_fills_its_block(void) {
  on_both_heaps(a_request_rounded_up_fills_its_block_body);
}
static void resizing_keeps_the_contents(void) { on_both_heaps(resizing_keeps_the_contents_body); }
static void no_memory_is_null_and_the_block_stays(void) {
  on_both_heaps(no_memory_is_null_and_the_block_stays_body);
}

CHECK_CASES(TEST(a_request_rounded_up_fills_its_block), TEST(resizing_keeps_the_contents),
            TEST(no_memory_is_null_and_the_block_stays));
