/* Linear memory of Emscripten: sbrk.  Its break is who owns what: malloc takes memory there too, and
 * a memory.grow of ours would be handed out to it later.  Needs nothing but sbrk, so a side module
 * that imports it can have this file as well. */
#include <stddef.h>

#include "internal.h"
#include "linmem_refuse.h"

void *sbrk(intptr_t bytes);

uint32_t pym__linmem_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

uint32_t pym__linmem_end(void) { return (off(sbrk(0)) + 15) & ~15u; }

uint32_t pym__linmem_grow(uint32_t n) {
  uint32_t end = off(sbrk(0)), from = (end + 15) & ~15u, most = (MAX_PAGES - 1) << 16;
  if (refused() || n > (most - from) >> 16) return 0;
  return sbrk((intptr_t)((n << 16) + from - end)) == (void *)-1 ? 0 : from;
}

/* None: Emscripten itself grows memory by more than is asked, and within it a break costs nothing
 * to move. */
uint32_t pym__linmem_margin(uint32_t owned) { return (void)owned, 0; }

/* The rest of the page that the break is in, so that growths begin with a page.  What lies behind,
 * up to the end of memory, is taken by them. */
void pym__linmem_start(uint32_t *from, uint32_t *to) {
  uint32_t end = off(sbrk(0)), page = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  *from = *to = 0;
  if (page - end < START_LEAST || sbrk((intptr_t)(page - end)) == (void *)-1) return;
  *from = end;
  *to = page;
}
