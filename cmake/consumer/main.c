/* Every installed header and library at once. */
#include <adapters/duktape.h>
#include <adapters/lua.h>
#include <adapters/mruby.h>
#include <adapters/quickjs.h>
#include <adapters/quickjs_ng.h>
#include <adapters/sqlite.h>
#include <adapters/squirrel.h>
#include <pymalloc.h>
#include <pymalloc_python.h>
#include <stdlib.h>

int main(void) {
  void *p = PyObject_Malloc(16);
  void *q = pym_lua_alloc(NULL, NULL, 0, 24);
  void *r = malloc(1000);
  void *s = pym_duk_alloc(NULL, 40);
  void *t = pym_sqlite_malloc(pym_sqlite_roundup(100));
  int all = pym_owns(p) && pym_owns(q) && pym_owns(r) && pym_quickjs_usable_size(s) >= 40 &&
            pym_quickjs_ng_usable_size(s) >= 40 && pym_sqlite_size(t) >= 104;
  pym_duk_free(NULL, s);
  pym_mruby_alloc(NULL, pym_mruby_alloc(NULL, NULL, 40, NULL), 0, NULL);
  pym_squirrel_free(pym_squirrel_malloc(40), 40);
  pym_sqlite_free(t);
  PyObject_Free(p);
  pym_lua_alloc(NULL, q, 24, 0);
  free(r);
  return all && pym_check(pym_heap_default()) == 0 ? 0 : 1;
}
