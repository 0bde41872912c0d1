/* pym_check on damaged memory: it ends, and reads nothing outside linear memory.
 *
 * Native only: linear memory is copied, damaged, checked and put back; what lies outside it cannot
 * be read there, so a stray read ends the program. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ports/linmem.h"
#include "pymalloc.h"
#include "target.h"

#ifndef FUZZ_CASES
#define FUZZ_CASES 20000
#endif

static pym_heap *first, *second;

static void *arena_alloc(void *ctx, size_t size) {
  (void)ctx, (void)size;
  return target_foreign(5);
}
static void arena_free(void *ctx, void *p, size_t size) { (void)ctx, (void)p, (void)size; }

/* A heap with something of everything: pools of each state, some in an arena from a hook, free
 * chunks, a hole. */
static void build(void) {
  pym_arena_allocator before, hook = {NULL, arena_alloc, arena_free};
  static void *p[600];
  pym_heap *h = pym_heap_new();
  first = pym_heap_default();
  second = pym_heap_new();
  for (unsigned i = 0; i < COUNT(p); i++) {
    size_t n = i % 7 ? i % 500 : 30 * i;
    p[i] = pym_heap_malloc(i % 3 ? pym_heap_default() : second, (enum pym_domain)(i / 3 % 3), n);
    pym_heap_malloc(h, PYM_RAW, 600);
    if (i % 100 == 0) target_foreign(1);
    if (i % 200 == 0) pym_arena_allocator_get(&before), pym_arena_allocator_set(&hook);
    if (i % 200 == 50) pym_arena_allocator_set(&before);
  }
  for (unsigned i = 0; i < COUNT(p); i += 1 + i % 4)
    pym_heap_free(i % 3 ? pym_heap_default() : second, (enum pym_domain)(i / 3 % 3), p[i]);
  pym_heap_destroy(h);
}

/* Places worth damage: the roots, headers of segments and pools, anything else. */
static uint32_t some_place(uint64_t r, uint32_t bytes) {
  switch (r % 5) {
    case 0:
      return LINMEM_DATA + (uint32_t)(r >> 8) % LINMEM_DATA_BYTES;
    case 4:
      return LINMEM_DATA + (uint32_t)(r >> 40 & 1) * 4096 + (uint32_t)(r >> 8) % 96;
    case 1:
      return (uint32_t)((r >> 8) % (bytes / 65536)) * 65536 + (uint32_t)(r >> 40) % 64;
    case 2:
      return (uint32_t)((r >> 8) % (bytes / 4096)) * 4096 + (uint32_t)(r >> 40) % 32;
    default:
      return (uint32_t)(r >> 8) % bytes;
  }
}

static uint32_t some_value(uint64_t r, uint32_t bytes) {
  static const uint32_t edges[] = {
      0, 1, 8, 16, 0xffffffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffff0000, 65536, 0xfff8};
  switch (r % 4) {
    case 0:
      return edges[(r >> 8) % COUNT(edges)];
    case 1:
      return (uint32_t)(r >> 8) % bytes & ~7u;
    case 2:
      return bytes - (uint32_t)(r >> 8) % 64;
    default:
      return (uint32_t)(r >> 8);
  }
}

static void damage(uint64_t seed, uint64_t i, uint32_t bytes) {
  unsigned writes = 1 + (unsigned)(check_mix(seed, i) % 3);
  for (unsigned w = 0; w < writes; w++) {
    uint32_t o = some_place(check_mix(seed, i * 16 + w), bytes) & ~3u;
    uint32_t value = some_value(check_mix(seed, i * 16 + w + 8), bytes);
    uint64_t how = check_mix(seed, ~i * 16 + w);
    if (how & 1) value = *(uint32_t *)at(o) ^ (1u << (how >> 8) % 32);
    *(uint32_t *)at(o) = value;
  }
}

static void pym_check_is_safe_on_damaged_memory(void) {
  target_reset(2, 4096);
  build();
  uint64_t seed = check_seed(), cases = check_option("PYM_CASES", FUZZ_CASES), seen = 0;
  uint32_t bytes = target_pages() * 65536;
  void *copy = malloc(bytes);
  if (!CHECK(copy != NULL)) return;
  memcpy(copy, at(0), bytes);
  for (uint64_t i = check_option("PYM_FIRST", 0); i < cases; i++) {
    damage(seed, i, bytes);
    alarm(10); /* a check that hangs is killed */
    seen += pym_check(first) != 0 || pym_check(second) != 0;
    memcpy(at(0), copy, bytes);
  }
  alarm(0);
  free(copy);
  CHECK(seen > cases / 5);
  CHECK(pym_check(pym_heap_default()) == 0);
  check_print_u64(seen);
  check_print(" of the damaged heaps were found unsound\n");
}

CHECK_CASES(TEST(pym_check_is_safe_on_damaged_memory));
