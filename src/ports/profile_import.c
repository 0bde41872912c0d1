/* A host without WASI hears of samples by an import that it gives the module. */
#include "ports/profile_host.h"

__attribute__((import_module("pymalloc"), import_name("profile"))) int pym_host_profile(
    uint32_t what, pym_size size, pym_size block, pym_size heap);

int pym__profile_tell(const struct profile_message *m) {
  return pym_host_profile(m->what, m->size, m->block, m->heap);
}
