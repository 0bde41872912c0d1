/* A program with shared memory, for link.test.mjs. */
#include <pymalloc.h>

int main(void) {
  void *p = pym_obj_malloc(24);
  pym_obj_free(p);
  return p == NULL;
}
