/* sbrk for programs of Emscripten without its malloc (-sMALLOC=none): from some version on that is
 * where sbrk comes from.  Linked with malloc_emscripten.c only, so nobody else's malloc takes
 * memory beside it; weak, since an Emscripten that has its own may link that.
 *
 * As Emscripten's, it takes its argument as unsigned: memory never gets smaller. */
#include <emscripten/heap.h>
#include <stdint.h>

extern unsigned char __heap_base;

__attribute__((weak)) void *sbrk(intptr_t bytes) {
  static uintptr_t end;
  if (!end) end = (uintptr_t)&__heap_base;
  const uintptr_t from = end, to = from + (uintptr_t)bytes;
  if (to < from) return (void *)-1;
  const uintptr_t memory = (uintptr_t)__builtin_wasm_memory_size(0) << 16; /* 0: all of 4 GiB */
  if (memory && to > memory && !emscripten_resize_heap(to)) return (void *)-1;
  end = to;
  return (void *)from;
}
