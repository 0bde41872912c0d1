/* Emscripten's glue passes samples on to Module.pymalloc.profile, a function that the host puts
 * there (wasm/emscripten/post.js). */
#include <emscripten.h>

#include "ports/profile_host.h"

EM_JS(int, pym_host_profile, (uint32_t what, uint32_t size, uint32_t block, uint32_t heap), {
  const listener = Module['pymalloc'] && Module['pymalloc']['profile'];
  return listener ? listener(what, size, block >>> 0, heap >>> 0) : 0;
})

int pym__profile_tell(const struct profile_message *m) {
  return pym_host_profile(m->what, m->size, m->block, m->heap);
}
