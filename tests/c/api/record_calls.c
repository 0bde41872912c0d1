/* A program whose every call is known, for tests/js/record.test.js: record_calls [trap | exit] */
#include <stdlib.h>
#include <string.h>

#include "pymalloc.h"

int main(int argc, char **argv) {
  void *a = pym_raw_malloc(1), *b = pym_mem_calloc(3, 7), *c = pym_obj_realloc(NULL, 0);
  c = pym_obj_realloc(c, 600); /* moves */
  pym_mem_free(b);
  pym_raw_free(NULL);
  void *d = pym_obj_malloc(512); /* has b's number */
  void *refused = pym_obj_malloc((size_t)1 << 31);
  pym_obj_free_sized(d, 512);
  a = pym_raw_realloc(a, 100000);

  /* C's malloc is the object domain; it rounds above 8 bytes. */
  void *p = malloc(20);
  p = realloc(p, 5);
  void *q = calloc(2, 8);
  void *aligned = aligned_alloc(256, 30); /* goes past the hooks, and so does its free */
  free(aligned);
  free(q);

  pym_heap *h = pym_heap_new();
  if (!h || !pym_heap_malloc(h, PYM_OBJ, 40)) return 1;
  pym_heap_destroy(h);

  if (argc > 1 && strcmp(argv[1], "trap") == 0) __builtin_trap();
  if (argc > 1 && strcmp(argv[1], "exit") == 0) exit(3);
  pym_raw_free(a);
  pym_obj_free(c);
  free(p);
  return refused != NULL;
}
