/* Linear memory of wasm: memory.grow.  For WASI and freestanding modules; Emscripten keeps its own
 * break, there memory must come from sbrk. */
#include <stddef.h>

#include "ports/linmem_refuse.h"

/* The linker's: end of data and stack, and end of the memory that the module starts with (null
 * from linkers before LLVM 16).  What is above the latter belongs to whoever grew it. */
extern unsigned char __heap_base;
extern unsigned char __heap_end __attribute__((weak));

/* libc's malloc, if something in the program linked it; it believes that [__heap_base, end of
 * memory) is its own, and older ones look at the end of memory only at their first call. */
void *malloc(size_t bytes) __attribute__((weak));
void free(void *p) __attribute__((weak));
/* Defined by malloc.c: malloc is this library. */
extern const char pym__is_malloc __attribute__((weak));

uint32_t pym__linmem_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

addr pym__linmem_end(void) { return (addr)pym__linmem_pages() << 16; }

usize pym__linmem_rest(void) { return 0; }

addr pym__linmem_grow(uint32_t n, addr *to) {
  if (refused()) return 0;
  size_t first = __builtin_wasm_memory_grow(0, n);
  if (first == (size_t)-1) return 0;
  *to = (addr)(first + n) << 16;
  return (addr)first << 16;
}

uint32_t pym__linmem_margin(uint32_t owned) { return margin_of_grow(owned); }

void pym__linmem_start(addr *from, addr *to) {
  *from = *to = 0;
  if (malloc && !&pym__is_malloc) {
    void *first = malloc(1); /* now it has claimed what it will, and nothing of ours is there yet */
    __asm__ volatile("" : "+r"(first)); /* a compiler would leave the pair out */
    free(first);
    return;
  }
  *from = off(&__heap_base);
  *to = &__heap_end ? off(&__heap_end) : pym__linmem_end();
}
