#include "sqlite.h"

#include "object.h"

static pym_heap *served_by; /* NULL: the default heap */

/* SQLite asks for more than nothing and for less than 2 GiB. */
void *pym_sqlite_malloc(int n) {
  return served_by ? pym_heap_malloc(served_by, PYM_OBJ, (size_t)n) : pym_obj_malloc((size_t)n);
}

void pym_sqlite_free(void *p) {
  if (served_by) pym_heap_free(served_by, PYM_OBJ, p);
  else pym_obj_free(p);
}

void *pym_sqlite_realloc(void *p, int n) {
  return served_by ? pym_heap_realloc(served_by, PYM_OBJ, p, (size_t)n)
                   : pym_obj_realloc(p, (size_t)n);
}

int pym_sqlite_size(void *p) { return (int)pym_usable_size(p); }

/* What pym_usable_size will say of a block of n bytes. */
int pym_sqlite_roundup(int n) {
  if (n <= (int)PYM_SMALL_MAX) return (n + 7) & ~7;
  return (int)pym__raw_size((u32)n);
}

int pym_sqlite_init(void *heap) {
  served_by = heap;
  return 0; /* SQLITE_OK */
}

void pym_sqlite_shutdown(void *heap) { (void)heap; }
