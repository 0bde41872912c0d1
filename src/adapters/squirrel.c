#include "adapters/squirrel.h"

#include "core/base.h"
#include "ports/host.h"

COLD static void *out_of_memory(void) {
  static const char text[] = "pymalloc: out of memory; Squirrel cannot go on\n";
  pym__host_write(text, sizeof text - 1);
  pym__host_trap();
}

void *pym_squirrel_malloc(size_t bytes) {
  void *block = pym_obj_malloc(bytes);
  return LIKELY(block != NULL) ? block : out_of_memory();
}

void *pym_squirrel_realloc(void *block, size_t old, size_t bytes) {
  (void)old;
  block = pym_obj_realloc(block, bytes);
  return LIKELY(block != NULL) ? block : out_of_memory();
}

void pym_squirrel_free(void *block, size_t bytes) { pym_obj_free_sized(block, bytes); }
