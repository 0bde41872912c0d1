/* A guest with tenants: each has a heap of its own, whose limit the host sets.  As a WASI reactor.
 */
#include <pymalloc.h>

/* Store `records` of `bytes` each for the tenant; returns how many there was room for. */
__attribute__((export_name("store"))) unsigned store(pym_heap *tenant, unsigned records,
                                                     unsigned bytes) {
  for (unsigned i = 0; i < records; i++) {
    char *record = pym_heap_malloc(tenant, PYM_OBJ, bytes);
    if (!record) return i;
    for (unsigned k = 0; k < bytes; k++) record[k] = (char)i;
  }
  return records;
}
