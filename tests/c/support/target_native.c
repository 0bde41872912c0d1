/* Linear memory is simulated: tests start from a fresh one and choose its size. */
#include "ports/linmem.h"
#include "target.h"

int target_reset(uint32_t initial, uint32_t max) {
  pym__linmem_reset(initial, max);
  return 1;
}

void target_fail_after(int64_t k, int forever) { pym__linmem_fail_after(k, forever); }

uint64_t target_growths(void) { return pym__linmem_growths(); }

/* The simulation knows one way to grow; asked for here, the library does not hear of it. */
void *target_foreign(uint32_t pages) {
  addr to;
  const addr from = pym__linmem_grow(pages, &to);
  return from ? at(from) : 0;
}

int target_strangers(uint32_t every, uint32_t pages) {
  pym__linmem_foreign(every, pages);
  return 1;
}

int target_strangers_intact(void) { return pym__linmem_foreign_intact(); }

uint32_t target_pages(void) { return pym__linmem_pages(); }

uint64_t target_offset(const void *p) { return (uint64_t)((uintptr_t)p - LINMEM_BASE); }
