/* Linear memory of Emscripten: sbrk.  Its break is who owns what: malloc takes memory there too,
 * and a memory.grow of ours would be handed out to it later.  Needs nothing but what a side
 * module can import, too. */
#include "core/base.h"
#include "ports/linmem_refuse.h"

void *sbrk(intptr_t bytes);
int emscripten_resize_heap(size_t bytes);

uint32_t pym__linmem_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

uint32_t pym__linmem_end(void) { return (off(sbrk(0)) + 15) & ~15u; }

uint32_t pym__linmem_rest(void) { return -off(sbrk(0)) & (PAGE_BYTES - 1); }

/* sbrk takes a signed number, and a negative one moves the break back: more than 2 GiB are taken in
 * two pieces, once linear memory has room for both.  Returns where they begin; UINT32_MAX: refused.
 */
static uint32_t allocate(uint32_t at_break, uint32_t bytes) {
  if (bytes <= INT32_MAX) return off(sbrk((intptr_t)bytes));
  const uint32_t first = (bytes / 2 + 15) & ~15u;
  if (!emscripten_resize_heap(at_break + bytes)) return UINT32_MAX;
  const uint32_t from = off(sbrk((intptr_t)first));
  if (from == UINT32_MAX) return from;
  return off(sbrk((intptr_t)(bytes - first))) == from + first ? from : UINT32_MAX;
}

/* Up to the end of a page, so that growths begin with a page.  Another thread's malloc may move the
 * break between a look at it and the taking of memory: what sbrk returns is ours, wherever it is.
 * Only if that is too short, since it begins at a worse alignment, it is lost and taken anew. */
uint32_t pym__linmem_grow(uint32_t n, uint32_t *to) {
  if (n && refused()) return 0;
  for (;;) {
    const uint32_t at_break = off(sbrk(0)), rest = -at_break & (PAGE_BYTES - 1);
    const uint32_t bytes = (n << 16) + rest;
    if (bytes - 1 >= UINT32_MAX - at_break) return 0; /* nothing, or beyond 4 GiB */
    const uint32_t got = allocate(at_break, bytes), pad = -got & 15;
    if (got == UINT32_MAX) return 0;
    *to = (got + bytes) & ~15u;
    if (got + pad + (n << 16) <= *to) return got + pad;
  }
}

/* None: Emscripten itself grows memory by more than is asked, and within it a break costs nothing
 * to move. */
uint32_t pym__linmem_margin(uint32_t owned) { return (void)owned, 0; }

/* Nothing: what is there already is taken by the first growth, if that is not refused. */
void pym__linmem_start(uint32_t *from, uint32_t *to) { *from = *to = 0; }
