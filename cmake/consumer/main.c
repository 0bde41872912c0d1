/* Every installed header and library at once. */
#include <adapters/lua.h>
#include <pymalloc.h>
#include <pymalloc_python.h>
#include <stdlib.h>

int main(void) {
  void *p = PyObject_Malloc(16);
  void *q = pym_lua_alloc(NULL, NULL, 0, 24);
  void *r = malloc(1000);
  int all = p && q && r && pym_owns(p) && pym_owns(q) && pym_owns(r);
  PyObject_Free(p);
  pym_lua_alloc(NULL, q, 24, 0);
  free(r);
  return all && pym_check(pym_heap_default()) == 0 ? 0 : 1;
}
