/* The smallest program on the library, for the list of what such a module imports and exports. */
#include <pymalloc.h>

int main(void) {
  void *p = pym_obj_malloc(1);
  pym_obj_free(p);
  return p == NULL;
}
