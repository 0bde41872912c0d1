/* Linear memory of Emscripten: sbrk.  Its break is who owns what: malloc takes memory there too,
 * and a memory.grow of ours would be handed out to it later.  Needs nothing but sbrk, so a side
 * module that imports it can have this file as well. */
#include <stddef.h>

#include "internal.h"
#include "linmem_refuse.h"

void *sbrk(intptr_t bytes);

uint32_t pym__linmem_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

uint32_t pym__linmem_end(void) { return (off(sbrk(0)) + 15) & ~15u; }

/* Another thread's malloc may move the break between a look at it and the taking of memory: what
 * sbrk returns is ours, wherever it is.  Only if that is too short, since it begins at a worse
 * alignment, it is lost and taken anew. */
uint32_t pym__linmem_grow(uint32_t n) {
  if (refused()) return 0;
  for (;;) {
    uint32_t pad = -off(sbrk(0)) & 15, got = off(sbrk((intptr_t)((n << 16) + pad)));
    if (got == UINT32_MAX) return 0;
    if ((-got & 15) <= pad) return got + (-got & 15);
  }
}

/* None: Emscripten itself grows memory by more than is asked, and within it a break costs nothing
 * to move. */
uint32_t pym__linmem_margin(uint32_t owned) { return (void)owned, 0; }

/* The rest of the page that the break is in, so that growths begin with a page.  What lies behind,
 * up to the end of memory, is taken by them. */
void pym__linmem_start(uint32_t *from, uint32_t *to) {
  uint32_t rest = -off(sbrk(0)) & (PAGE_BYTES - 1), got = off(sbrk((intptr_t)rest));
  *from = *to = 0;
  if (got == UINT32_MAX) return;
  *from = got;
  *to = got + rest;
}
