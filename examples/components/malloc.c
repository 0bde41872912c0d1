/* cabi_realloc as binding generators write it, over the C library's realloc: here
 * pymalloc::malloc's. */
#include <pymalloc_component.h>
#include <stdint.h>
#include <stdlib.h>

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size,
                                                                size_t align, size_t size) {
  (void)old_size;
  if (!size) return (void *)(uintptr_t)align;
  void *block = realloc(old, size);
  if (!block) abort();
  return block;
}

void pym_component_free(void *p, size_t bytes) {
  if (bytes) free(p);
}
