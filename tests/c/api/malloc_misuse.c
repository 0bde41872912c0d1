/* Where this library is malloc, free and its family get any pointer: what is no block of malloc's
 * ends in a report, as with the domain functions. */
#include <malloc.h>
#include <stdlib.h>

#include "check.h"
#include "pymalloc.h"
#include "traps.h"

static void *volatile kept; /* so that the compiler leaves all of it in */
static void *volatile others[300];
static volatile size_t size;

#define NOT_OURS "pymalloc: not a block of this heap, or its header was overwritten, address 0x"
#define TWICE "pymalloc: double free, address 0x"
#define RAW_TWICE "pymalloc: double free of a raw block, address 0x"

/* ---- Freed twice, in each size ---- */

static void twice(void) {
  kept = malloc(size);
  others[0] = malloc(size);
  free(kept);
  free(kept);
}
static void twice_with_others_between(void) {
  for (unsigned i = 0; i < COUNT(others); i++) others[i] = malloc(size);
  kept = malloc(size);
  free(kept);
  for (unsigned i = 0; i < COUNT(others); i++) free(others[i]);
  free(kept);
}
static void resized_after(void) {
  kept = malloc(size);
  others[0] = malloc(size);
  free(kept);
  kept = realloc(kept, size + 100);
}
static void twice_aligned(void) {
  kept = aligned_alloc(64, size);
  others[0] = malloc(size);
  free(kept);
  free(kept);
}

/* ---- No block of malloc's ---- */

static void *where(void) {
  others[0] = malloc(10);
  return (void *)(uintptr_t)size;
}
static void free_it(void) { free(where()); }
static void resize_it(void) { kept = realloc(where(), 10); }
static void size_of_it(void) { kept = (void *)malloc_usable_size(where()); }
static void free_a_heap(void) { free(pym_heap_new()); }
static void resize_a_heap(void) { kept = realloc(pym_heap_new(), 10); }
static void free_of_another_heap(void) { free(pym_heap_malloc(pym_heap_new(), PYM_OBJ, 4000)); }
static unsigned char data[64] = {1};
static void free_data(void) { free(data + 16); }
static void free_stack(void) {
  unsigned char local[64] = {0};
  kept = local + 16;
  free(kept);
}

static const struct {
  const char *name, *said;
  void (*run)(void);
  size_t size;
} table[] = {
    {"24 bytes twice", TWICE, twice, 24},
    {"512 bytes twice", TWICE, twice, 512},
    {"513 bytes twice", RAW_TWICE, twice, 513},
    {"2,000 bytes twice", RAW_TWICE, twice, 2000},
    {"8,000 bytes twice", RAW_TWICE, twice, 8000},
    {"100,000 bytes twice", RAW_TWICE, twice, 100000},
    {"24 bytes twice, others between", TWICE, twice_with_others_between, 24},
    {"600 bytes twice, others between", RAW_TWICE, twice_with_others_between, 600},
    {"9,000 bytes twice, others between", RAW_TWICE, twice_with_others_between, 9000},
    {"24 bytes resized after free", TWICE, resized_after, 24},
    {"600 bytes resized after free", RAW_TWICE, resized_after, 600},
    {"20,000 bytes resized after free", RAW_TWICE, resized_after, 20000},
    {"aligned twice", RAW_TWICE, twice_aligned, 600},
    {"free behind memory", NOT_OURS, free_it, 0xfffffff0},
    {"free of an odd address", NOT_OURS, free_it, 0xfffffff1},
    {"free in the middle of nowhere", NOT_OURS, free_it, 0x80000010},
    {"realloc behind memory", NOT_OURS, resize_it, 0xfffffff0},
    {"usable size behind memory", NOT_OURS, size_of_it, 0xfffffff0},
    {"usable size of an odd address", NOT_OURS, size_of_it, 0x7fffffff},
    {"free of a heap", RAW_TWICE, free_a_heap, 0},
    {"realloc of a heap", RAW_TWICE, resize_a_heap, 0},
    {"free of another heap's block", NOT_OURS, free_of_another_heap, 0},
    {"free of data", NOT_OURS, free_data, 0},
    {"free of a stack address", NOT_OURS, free_stack, 0},
};
const unsigned attacks = COUNT(table);

void attack(unsigned i) {
  size = table[i].size;
  table[i].run();
}
int attack_noticed(unsigned i) { return starts_with(said, table[i].said); }
const char *attack_name(unsigned i) { return table[i].name; }
