/* Linear memory on the machine that runs the tests: 4 GiB of address (16 for PYM__MEMORY64) at a
 * fixed place, opened page by page.  It can be capped, refuse a growth, and let strangers grow
 * between ours. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "core/base.h"
#include "ports/linmem.h"

static uint32_t pages, initial = 1, max_pages = MAX_PAGES;
static int64_t fail_in = -1;
static int fail_forever;
static uint64_t growths;
static uint32_t foreign_every, foreign_pages, foreign_count;
static uint8_t is_foreign[MAX_PAGES];

static void open_pages(uint32_t first, uint32_t n) {
  if (mprotect(at((addr)first << 16), (size_t)n << 16, PROT_READ | PROT_WRITE) != 0)
    __builtin_trap();
  pages = first + n;
}

__attribute__((constructor(101))) static void reserve(void) {
  void *p = mmap((void *)LINMEM_BASE, (size_t)MAX_PAGES << 16, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (p != (void *)LINMEM_BASE) __builtin_trap();
  open_pages(0, 1);
}

uint32_t pym__linmem_pages(void) { return pages; }

/* Give up to n pages; 0 if the cap does not allow it. */
static uint32_t extend(uint32_t n) {
  if (n > max_pages - pages) return 0;
  uint32_t first = pages;
  open_pages(first, n);
  return first;
}

static void grow_foreign(void) {
  if (!foreign_every || ++foreign_count % foreign_every) return;
  uint32_t first = extend(foreign_pages);
  for (uint32_t i = first; first && i < pages; i++) {
    is_foreign[i] = 1;
    memset(at((addr)i << 16), 0xa5 ^ (i & 255), PAGE_BYTES);
  }
}

addr pym__linmem_end(void) { return (addr)pages << 16; }

usize pym__linmem_rest(void) { return 0; }

addr pym__linmem_grow(uint32_t n, addr *to) {
  growths++;
  grow_foreign();
  if (fail_in == 0) {
    if (!fail_forever) fail_in = -1;
    return 0;
  }
  if (fail_in > 0) fail_in--;
  const uint32_t first = extend(n);
  *to = (addr)(first + n) << 16;
  return (addr)first << 16;
}

uint32_t pym__linmem_margin(uint32_t owned) { return margin_of_grow(owned); }

void pym__linmem_start(addr *from, addr *to) {
  *from = LINMEM_DATA + LINMEM_DATA_BYTES;
  *to = (addr)initial << 16;
}

void pym__linmem_fail_after(int64_t k, int forever) {
  fail_in = k;
  fail_forever = forever;
}

void pym__linmem_foreign(uint32_t every, uint32_t n) {
  foreign_every = every;
  foreign_pages = n;
  foreign_count = 0;
}

int pym__linmem_foreign_intact(void) {
  for (uint32_t i = 0; i < pages; i++) {
    const uint8_t *p = at((addr)i << 16);
    for (uint32_t j = 0; is_foreign[i] && j < PAGE_BYTES; j++)
      if (p[j] != (0xa5 ^ (i & 255))) return 0;
  }
  return 1;
}

uint64_t pym__linmem_growths(void) { return growths; }

void pym__linmem_reset(uint32_t initial_pages, uint32_t max) {
  if (madvise((void *)LINMEM_BASE, (size_t)pages << 16, MADV_DONTNEED) != 0) __builtin_trap();
  if (mprotect((void *)LINMEM_BASE, (size_t)pages << 16, PROT_NONE) != 0) __builtin_trap();
  memset(is_foreign, 0, sizeof is_foreign);
  max_pages = max;
  growths = 0;
  pym__linmem_fail_after(-1, 0);
  pym__linmem_foreign(0, 0);
  initial = initial_pages ? initial_pages : 1;
  open_pages(0, initial);
  pym__reset();
}
