/* Pointers that are no blocks: whatever their bits, free and realloc end in one report, never in a
 * stray read of the fast path.  Native only. */
#include <string.h>

#include "check.h"
#include "ports/linmem.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

static void *wild; /* what is given back */
static pym_heap *child;

static void free_raw(void) { pym_raw_free(wild); }
static void free_mem(void) { pym_mem_free(wild); }
static void free_obj(void) { pym_obj_free(wild); }
static void free_obj_sized(void) { pym_obj_free_sized(wild, 1); }
static void resize_raw(void) { pym_raw_realloc(wild, 100); }
static void resize_mem(void) { pym_mem_realloc(wild, 100); }
static void resize_obj(void) { pym_obj_realloc(wild, 100); }
static void resize_obj_large(void) { pym_obj_realloc(wild, 100000); }
static void free_child_obj(void) { pym_heap_free(child, PYM_OBJ, wild); }
static void free_child_mem(void) { pym_heap_free(child, PYM_MEM, wild); }
static void free_child_raw(void) { pym_heap_free(child, PYM_RAW, wild); }
static void resize_child(void) { pym_heap_realloc(child, PYM_OBJ, wild, 40); }

static void (*const calls[])(void) = {
    free_raw,   free_mem,         free_obj,       free_obj_sized, resize_raw,     resize_mem,
    resize_obj, resize_obj_large, free_child_obj, free_child_mem, free_child_raw, resize_child};

static void expect_no_block(uint32_t o, unsigned call) {
  wild = at(o);
  expect_noticed("wild pointer", "not a block of this heap, or its header was overwritten",
                 calls[call]);
}

/* Blocks of each kind live, some were given back. */
static void prepare(void) {
  static void *p[400];
  child = pym_heap_new();
  for (unsigned i = 0; i < COUNT(p); i++) {
    pym_heap *h = i % 3 ? pym_heap_default() : child;
    p[i] = pym_heap_malloc(h, (enum pym_domain)(i / 3 % 3), 1 + i * 7);
    memset(p[i], 0x5a, 1 + i * 7);
  }
  for (unsigned i = 0; i < COUNT(p); i += 5)
    pym_heap_free(i % 3 ? pym_heap_default() : child, (enum pym_domain)(i / 3 % 3), p[i]);
}

static void an_offset_behind_the_leaf_or_memory_is_reported(void) {
  prepare();
  const uint32_t end = target_pages() << 16, map = 1u << 22; /* where the first leaf ends */
  for (unsigned call = 0; call < COUNT(calls); call++) { /* what ends a segment lies before it */
    wild = at(end);
    expect_noticed("end of memory", "pymalloc: ", calls[call]);
  }
  const uint32_t offsets[] = {end + 16,   end + 8,     end + 4096, map - 4096, map - 8,
                              map,        map + 8,     map + 1,    map + 4096, 0x7fffffff,
                              0x7ffffff8, 0x80000000,  0x80000010, 0xfffff000, 0xffff0000,
                              0xfffffff0, 0xfffffff8,  0xffffffff, 0xe0e0e0e8, 0x20000000,
                              0x1ffffff8, 0x40000010u, 0xdeadbee8, 0xdeadbeef};
  for (unsigned i = 0; i < COUNT(offsets); i++)
    for (unsigned call = 0; call < COUNT(calls); call++) expect_no_block(offsets[i], call);
}

static void any_word_behind_memory_is_reported(void) {
  uint64_t seed = check_seed();
  prepare();
  const uint32_t map = target_pages() << 16;
  for (unsigned i = 0; i < 400; i++) {
    uint32_t o = (uint32_t)check_mix(seed, i);
    if (o >= map) expect_no_block(o, i % COUNT(calls));
  }
}

/* The library's own data, its free memory, the inside of blocks, strangers' pages: no pool's. */
static void any_word_outside_the_pools_is_reported(void) {
  uint64_t seed = check_seed();
  prepare();
  unsigned char *strange = target_foreign(2);
  memset(strange, 0x5a, 2 * WASM_PAGE);
  uint32_t bytes = target_pages() << 16;
  for (unsigned i = 0; i < 600; i++) {
    uint32_t o = (uint32_t)check_mix(seed, i) % bytes & (i % 4 ? ~7u : ~0u);
    if (i % 4 == 3) o = 8 * (i / 4);
    if (view_class(at(o)) || (o % 16 == 0 && o > 20000)) continue; /* perhaps a block */
    expect_no_block(o, i % COUNT(calls));
  }
}

/* With all 4 GiB in use every offset is memory. */
static void wild_pointers_in_full_memory_are_reported(void) {
  static const uint32_t offsets[] = {8, 16, 1024, 0x7ffffff8, 0x80000008, 0xfffffff8, 0xffffffff};
  target_reset(TARGET_INITIAL, 65536);
  prepare();
  while (pym_raw_malloc(64 << 20)) continue;
  while (pym_raw_malloc(WASM_PAGE)) continue;
  for (unsigned i = 0; i < COUNT(offsets); i++)
    for (unsigned call = 0; call < COUNT(calls); call++) expect_no_block(offsets[i], call);
}

CHECK_CASES(TEST(an_offset_behind_the_leaf_or_memory_is_reported),
            TEST(any_word_behind_memory_is_reported), TEST(any_word_outside_the_pools_is_reported),
            TEST(wild_pointers_in_full_memory_are_reported));
