/* Linear memory is the module's own: it cannot shrink, so the cases of a program share it. */
#include "ports/linmem.h"
#include "target.h"

int target_reset(uint32_t initial, uint32_t max) {
  (void)initial;
  (void)max;
  pym__linmem_fail_after(-1, 0);
  return 0;
}

void target_fail_after(int64_t k, int forever) { pym__linmem_fail_after(k, forever); }

uint64_t target_growths(void) { return pym__linmem_growths(); }

int target_strangers(uint32_t every, uint32_t pages) {
  (void)every;
  (void)pages;
  return 0;
}

int target_strangers_intact(void) { return 1; }

uint32_t target_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }

uint64_t target_offset(const void *p) { return (uintptr_t)p; }
