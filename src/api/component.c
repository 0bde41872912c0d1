/* cabi_realloc over the mem domain: pymalloc_component.h. */
#include "pymalloc_component.h"

#include <stdint.h>

#include "core/space.h"
#include "pymalloc.h"

/* The mem domain aligns small blocks to PYM_ALIGNMENT; types of components need 8 at most. */
_Static_assert(PYM_ALIGNMENT >= 8, "s64 and f64 are aligned to 8");

/* The host's pages, stack and state of its adapter.  They are asked for by the first call that
 * leaves the component, which is ours for random keys; so the heap cannot serve them, and need not.
 */
static void *pages(size_t bytes) {
  const size_t first = __builtin_wasm_memory_grow(0, (bytes + PAGE_BYTES - 1) / PAGE_BYTES);
  if (first == SIZE_MAX) __builtin_trap();
  return (void *)(first * PAGE_BYTES);
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size,
                                                                size_t align, size_t size) {
  if (!size) {
    pym_component_free(old, old_size);
    return (void *)(uintptr_t)align;
  }
  if (!old_size && size >= PAGE_BYTES && !pym__space.is_started) return pages(size);
  void *block = align <= PYM_ALIGNMENT ? pym_mem_realloc(old_size ? old : NULL, size) : NULL;
  if (!block) __builtin_trap();
  return block;
}

void pym_component_free(void *p, size_t bytes) {
  if (bytes) pym_mem_free(p);
}
