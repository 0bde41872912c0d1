/* The three memory functions of Squirrel, with sizes: squirrel.h.  That they end the program when
 * there is no memory: examples/squirrel. */
#include "adapters/squirrel.h"

#include "check.h"
#include "domains.h"
#include "pymalloc.h"

/* As Squirrel has it on wasm32. */
typedef unsigned SQUnsignedInteger;
void *sq_vm_malloc(SQUnsignedInteger n);
void *sq_vm_realloc(void *p, SQUnsignedInteger old, SQUnsignedInteger n);
void sq_vm_free(void *p, SQUnsignedInteger n);
PYM_SQUIRREL_MEMORY_FUNCTIONS

static const size_t sizes[] = {1, 8, 24, 100, 512, 513, 4096, 70000};

static void resizing_keeps_the_contents(void) {
  uint64_t before = stats_of(pym_heap_default(), PYM_OBJ).live_blocks;
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    for (unsigned j = 0; j < COUNT(sizes); j++) {
      const SQUnsignedInteger from = (SQUnsignedInteger)sizes[i], to = (SQUnsignedInteger)sizes[j];
      void *p = i % 2 ? sq_vm_malloc(from) : sq_vm_realloc(NULL, 0, from);
      if (!CHECK(p != NULL)) return;
      CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_blocks, before + 1);
      fill(p, from, i);
      p = sq_vm_realloc(p, from, to);
      CHECK(p != NULL && holds(p, from < to ? from : to, i));
      sq_vm_free(p, to);
    }
  }
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_blocks, before);
  check_sound(pym_heap_default());
}

static void nothing_is_freed_as_nothing(void) {
  uint64_t before = stats_of(pym_heap_default(), PYM_OBJ).live_blocks;
  sq_vm_free(NULL, 0);
  CHECK_EQ(stats_of(pym_heap_default(), PYM_OBJ).live_blocks, before);
}

CHECK_CASES(TEST(resizing_keeps_the_contents), TEST(nothing_is_freed_as_nothing));
