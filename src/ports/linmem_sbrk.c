/* Linear memory of Emscripten: sbrk.  Its break is who owns what: malloc takes memory there too,
 * and a memory.grow of ours would be handed out to it later.  Needs nothing but what a side
 * module can import, too. */
#include "core/base.h"
#include "ports/linmem_refuse.h"

void *sbrk(intptr_t bytes);
int emscripten_resize_heap(size_t bytes);

uint32_t pym__linmem_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

addr pym__linmem_end(void) { return (off(sbrk(0)) + 15) & ~(addr)15; }

usize pym__linmem_rest(void) { return -off(sbrk(0)) & (PAGE_BYTES - 1); }

#define REFUSED ((addr) - 1)

/* sbrk takes a signed number, and a negative one moves the break back: more than 2 GiB of 32 bits
 * are taken in two pieces, once linear memory has room for both.  Returns where they begin. */
static addr allocate(addr at_break, usize bytes) {
  if (bytes <= REFUSED / 2) return off(sbrk((intptr_t)bytes));
  const usize first = (bytes / 2 + 15) & ~(usize)15;
  if (!emscripten_resize_heap(at_break + bytes)) return REFUSED;
  const addr from = off(sbrk((intptr_t)first));
  if (from == REFUSED) return from;
  return off(sbrk((intptr_t)(bytes - first))) == from + first ? from : REFUSED;
}

/* Up to the end of a page, so that growths begin with a page.  Another thread's malloc may move the
 * break between a look at it and the taking of memory: what sbrk returns is ours, wherever it is.
 * Only if that is too short, since it begins at a worse alignment, it is lost and taken anew. */
addr pym__linmem_grow(uint32_t n, addr *to) {
  if (n && refused()) return 0;
  for (;;) {
    const addr at_break = off(sbrk(0)), rest = -at_break & (PAGE_BYTES - 1);
    const usize wanted = (usize)n << 16, bytes = wanted + rest;
    if (bytes - 1 >= REFUSED - at_break) return 0; /* nothing, or beyond 4 GiB */
    const addr got = allocate(at_break, bytes), pad = -got & 15;
    if (got == REFUSED) return 0;
    *to = (got + bytes) & ~(addr)15;
    if (got + pad + wanted <= *to) return got + pad;
  }
}

/* None: Emscripten itself grows memory by more than is asked, and within it a break costs nothing
 * to move. */
uint32_t pym__linmem_margin(uint32_t owned) { return (void)owned, 0; }

/* Nothing: what is there already is taken by the first growth, if that is not refused. */
void pym__linmem_start(addr *from, addr *to) { *from = *to = 0; }
