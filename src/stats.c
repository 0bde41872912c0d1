/* Statistics: the functions of pymalloc.h, and the custom section that tells others the layout. */
#include <stddef.h>

#include "descriptor.h"

/* Blocks of class c ever allocated: all that was moved to its list and is not there. */
static u64 mallocs_of(const pym_heap *h, unsigned d, u32 c) {
  return h->filled[d - PYM_MEM][c] - (h->hot.lists[d - PYM_MEM][c] >> 32);
}

void pym_domain_stats_get(const pym_heap *h, enum pym_domain d, pym_domain_stats *out) {
  pym__init();
  const struct domain *dom = &h->domains[d];
  pym__look((struct pym_heap *)(uintptr_t)h, d, 0);
  *out = (pym_domain_stats){
      .live_blocks = dom->raw_mallocs - dom->raw_frees,
      .live_bytes = pym__live(h, d),
      .peak_bytes = dom->peak,
      .total_blocks = dom->raw_mallocs,
      .total_bytes = dom->raw_bytes,
      .failures = dom->failures,
  };
  if (d == PYM_RAW) return;
  for (u32 c = 1; c < CLASS_SLOTS; c++) {
    const u64 mallocs = mallocs_of(h, d, c);
    out->live_blocks += mallocs - h->hot.frees[d - PYM_MEM][c];
    out->total_blocks += mallocs;
    out->total_bytes += mallocs * c * PYM_ALIGNMENT;
  }
}

void pym_class_stats_get(const pym_heap *h, unsigned index, pym_class_stats *out) {
  *out = (pym_class_stats){0};
  if (index >= CLASSES) return;
  pym__init();
  u32 c = index + 1;
  out->block_size = c * PYM_ALIGNMENT;
  out->total_blocks = mallocs_of(h, PYM_MEM, c) + mallocs_of(h, PYM_OBJ, c);
  out->live_blocks = out->total_blocks - h->hot.frees[0][c] - h->hot.frees[1][c];
  out->pools = h->pools[c];
  out->peak_pools = h->pools_peak[c];
  uint64_t room = (uint64_t)h->pools[c] * pym__pool_capacity(out->block_size);
  out->free_blocks = room - out->live_blocks;
}

/* Pages, or windows of 256 KiB, with a pool in them: groups of `units` 4 KiB that have one. */
static u32 with_pools(u32 units) {
  u32 n = 0;
  for (u32 i = 0; i < LEAVES; i++) {
    const struct pym__pool *pools = at(pym__space.leaves[i]);
    u32 last = ~0u;
    for (u32 unit = 0; pym__space.leaves[i] && unit < LEAF_POOLS; unit++) {
      if (!pools[unit].size || unit / units == last) continue;
      last = unit / units;
      n++;
    }
  }
  return n;
}

/* Whole pages within free chunks of the default heap, whose segments are linear memory. */
static u32 free_pages(void) {
  u32 n = 0;
  for (u32 s = pym__main.segments; s; s = ((const struct segment *)at(s))->next)
    for (u32 c = s + SEGMENT_BYTES; size_of(c); c += size_of(c)) {
      u32 first = (c + PAGE_BYTES - 1) >> 16, end = (c + size_of(c)) >> 16;
      if (!(chunk_at(c)->head & IN_USE) && end > first) n += end - first;
    }
  return n;
}

void pym_page_stats_get(pym_page_stats *out) {
  pym__init();
  const struct space *sp = &pym__space;
  *out = (pym_page_stats){
      .memory = pym__linmem_pages(),
      .owned = sp->pages_owned,
      .free = free_pages(),
      .pool = with_pools(PAGE_BYTES / POOL_BYTES),
      .arenas = with_pools((u32)PYM_ARENA_BYTES / POOL_BYTES),
      .grows = sp->grows,
      .grow_failures = sp->grow_failures,
  };
  out->raw = out->owned > out->free + out->pool ? out->owned - out->free - out->pool : 0;
}

/* ---- The custom section ---- */

#if defined(__wasm__)

/* One record, as the assembler writes it: a custom section cannot be had from a C variable.  The
 * section goes on from record to record; the last line returns to the function's own. */
#define TO_DESCRIPTOR ".section .custom_section.pymalloc,\"\",@\n"
#define BACK "\n.section .text.pym__describe,\"R\",@"
#define RECORD(n, in, type, of, count, stride, value)                                      \
  __asm__ volatile(                                                                        \
      TO_DESCRIPTOR                                                                        \
      ".ascii \"" n                                                                        \
      "\"\n .skip %0\n .int8 %1\n .int8 %2\n"                                              \
      ".int8 %3\n .int8 0\n .int16 %4\n .int16 %5\n .int32 %6" BACK ::"i"(25 - sizeof(n)), \
      "i"(in), "i"(type), "i"(of), "i"(count), "i"(stride), "i"(value));

/* Never called; it and the section stay as long as this file is linked, with LTO too. */
__attribute__((used)) static void pym__describe(void) {
  __asm__ volatile(
      TO_DESCRIPTOR
      ".ascii \"PYMALLOC\"\n .int16 %0\n .int16 %1\n .int32 %2" BACK ::"i"(LAYOUT_VERSION),
      "i"(sizeof(struct descriptor_record)), "i"(N_RECORDS));
  RECORDS
}

__attribute__((export_name("pym_root")))
#endif
const void *
pym_root(void) {
  pym__init();
  return &pym__space;
}
