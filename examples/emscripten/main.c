/* A program of an embedder, built in three ways: see README.md. */
#include <pymalloc.h>
#include <stdio.h>

int main(void) {
  char *p = pym_obj_malloc(24);
  snprintf(p, 24, "%zu bytes for 20", pym_usable_size(pym_raw_malloc(20)));
  puts(p);
  pym_obj_free(p);
  pym_dump_stderr(pym_heap_default());
  return pym_check(pym_heap_default());
}
