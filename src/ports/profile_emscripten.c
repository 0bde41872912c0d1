/* Emscripten's glue passes samples on to Module.pymalloc.profile, a function that the host puts
 * there (wasm/emscripten/post.js). */
#include <emscripten.h>

#include "ports/profile_host.h"

/* The formatter takes this for C: no arrows, no triple equal signs. */
EM_JS(int, pym_host_profile, (uint32_t what, pym_size size, pym_size block, pym_size heap), {
  const listener = Module['pymalloc'] && Module['pymalloc']['profile'];
  function number(n) { return typeof n == 'bigint' ? Number(n) : n >>> 0; }
  return listener ? listener(what, number(size), number(block), number(heap)) : 0;
})

int pym__profile_tell(const struct profile_message *m) {
  return pym_host_profile(m->what, m->size, m->block, m->heap);
}
