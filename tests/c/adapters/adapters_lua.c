/* The lua_Alloc adapter: Lua 5.4's manual, "lua_Alloc". */
#include "adapters/lua.h"
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

/* Lua's types, passed as osize with a new block. */
enum { LUA_TSTRING = 4, LUA_TTABLE = 5, LUA_TFUNCTION = 6, LUA_TUSERDATA = 7, LUA_TTHREAD = 8 };

static const size_t sizes[] = {1, 8, 16, 24, 40, 56, 100, 512, 513, 600, 4096, 70000};

/* The adapter's ud: a heap, or NULL for the default one. */
static pym_heap *served_by;
static pym_heap *heap(void) { return served_by ? served_by : pym_heap_default(); }

static void on_both_heaps(void (*body)(void)) {
  pym_heap *h = pym_heap_new();
  check_context("default heap", 0);
  served_by = NULL;
  body();
  check_sound(pym_heap_default());
  check_context("heap of its own", 0);
  served_by = h;
  body();
  check_sound(h);
  CHECK_EQ(stats_of(h, PYM_OBJ).live_blocks, 0);
  served_by = NULL;
  pym_heap_destroy(h);
}

static uint64_t live_bytes(void) { return stats_of(heap(), PYM_OBJ).live_bytes; }

static void nothing_to_free_is_nothing_body(void) {
  CHECK(pym_lua_alloc(served_by, NULL, 0, 0) == NULL);
  CHECK(pym_lua_alloc(served_by, NULL, LUA_TTABLE, 0) == NULL);
}

static void a_new_block_comes_with_a_type_for_its_old_size_body(void) {
  uint64_t before = live_bytes();
  for (size_t tag = 0; tag <= 9; tag++) {
    for (unsigned i = 0; i < COUNT(sizes); i++) {
      void *p = pym_lua_alloc(served_by, NULL, tag, sizes[i]);
      if (!CHECK(p != NULL)) return;
      CHECK(pym_usable_size(p) >= sizes[i]);
      CHECK_EQ(live_bytes(), before + pym_usable_size(p));
      fill(p, sizes[i], tag);
      CHECK(pym_lua_alloc(served_by, p, sizes[i], 0) == NULL);
    }
  }
  CHECK_EQ(live_bytes(), before);
}

static void resizing_keeps_the_contents_body(void) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      check_context("from, to class", i * 100 + j);
      size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
      void *p = pym_lua_alloc(served_by, NULL, LUA_TTABLE, sizes[i]);
      fill(p, sizes[i], i);
      p = pym_lua_alloc(served_by, p, sizes[i], sizes[j]);
      CHECK(p != NULL && holds(p, kept, i));
      CHECK(pym_lua_alloc(served_by, p, sizes[j], 0) == NULL);
    }
  }
  check_sound(heap());
}

static void no_memory_is_null_and_the_block_stays_body(void) {
  void *p = pym_lua_alloc(served_by, NULL, LUA_TSTRING, 100);
  fill(p, 100, 3);
  target_fail_after(0, 1);
  CHECK(pym_lua_alloc(served_by, p, 100, 900u << 20) == NULL);
  CHECK(pym_lua_alloc(served_by, NULL, LUA_TSTRING, 900u << 20) == NULL);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 3));
  pym_lua_alloc(served_by, p, 100, 0);
}

/* Lua assumes that the allocator never fails when osize >= nsize. */
static void shrinking_never_fails_body(void) {
  void *p[COUNT(sizes)];
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    p[i] = pym_lua_alloc(served_by, NULL, LUA_TTABLE, sizes[i]);
    fill(p[i], sizes[i], i);
  }
  target_fail_after(0, 1);
  pym_limit_set(heap(), PYM_WHOLE_HEAP, PYM_UNLIMITED, 0);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    size_t n = sizes[i];
    for (size_t to = n; to > 0; n = to, to /= 2) {
      p[i] = pym_lua_alloc(served_by, p[i], n, to);
      if (!CHECK(p[i] != NULL && holds(p[i], to, i))) break;
    }
    CHECK(pym_lua_alloc(served_by, p[i], n, 0) == NULL);
  }
  pym_limit_set(heap(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
  target_fail_after(-1, 0);
  check_sound(pym_heap_default());
}

static void nothing_to_free_is_nothing(void) { on_both_heaps(nothing_to_free_is_nothing_body); }
static void a_new_block_comes_with_a_type_for_its_old_size(void) {
  on_both_heaps(a_new_block_comes_with_a_type_for_its_old_size_body);
}
static void resizing_keeps_the_contents(void) { on_both_heaps(resizing_keeps_the_contents_body); }
static void no_memory_is_null_and_the_block_stays(void) {
  on_both_heaps(no_memory_is_null_and_the_block_stays_body);
}
static void shrinking_never_fails(void) { on_both_heaps(shrinking_never_fails_body); }

CHECK_CASES(TEST(nothing_to_free_is_nothing), TEST(a_new_block_comes_with_a_type_for_its_old_size),
            TEST(resizing_keeps_the_contents), TEST(no_memory_is_null_and_the_block_stays),
            TEST(shrinking_never_fails));
