/* Statistics: the functions of pymalloc.h, and the custom section that tells others the layout. */
#include "core/account.h"
#include "core/pool.h"
#include "core/space.h"
#include "inspect/descriptor.h"

/* Blocks of class class in use: all that were moved to its list, are not there and did not come
 * back.
 */
static u64 live_of(const pym_heap *heap, unsigned domain, u32 class) {
  return heap->filled[domain - PYM_MEM][class] - heap->hot.frees[domain - PYM_MEM][class] -
         (heap->hot.lists[domain - PYM_MEM][class] >> PYM__COUNT_SHIFT);
}
/* Those ever freed. */
static u64 frees_of_class(const pym_heap *heap, unsigned domain, u32 class) {
  return heap->hot.frees[domain - PYM_MEM][class] + heap->hot.reused[domain - PYM_MEM][class];
}

void pym_domain_stats_get(const pym_heap *heap, enum pym_domain domain, pym_domain_stats *out) {
  pym__init();
  LOCKED();
  const struct domain *counters = &heap->domains[domain];
  pym__note_peak((struct pym_heap *)(uintptr_t)heap, domain);
  *out = (pym_domain_stats){
      .live_blocks = counters->raw_mallocs - counters->raw_frees,
      .live_bytes = pym__live_bytes(heap, domain),
      .peak_bytes = counters->peak,
      .total_blocks = counters->raw_mallocs,
      .total_bytes = counters->raw_bytes,
      .failures = counters->failures,
  };
  if (domain == PYM_RAW) {
    pym__add_threads(heap, domain, out);
    return;
  }
  for (u32 class = 1; class < CLASS_SLOTS; class ++) {
    const u64 live = live_of(heap, domain, class),
              mallocs = live + frees_of_class(heap, domain, class);
    out->live_blocks += live;
    out->total_blocks += mallocs;
    out->total_bytes += mallocs * class * PYM_ALIGNMENT;
  }
  pym__add_threads(heap, domain, out);
}

void pym_class_stats_get(const pym_heap *heap, unsigned index, pym_class_stats *out) {
  *out = (pym_class_stats){0};
  if (index >= CLASSES) return;
  pym__init();
  LOCKED();
  u32 class = index + 1;
  out->block_size = class * PYM_ALIGNMENT;
  out->live_blocks = live_of(heap, PYM_MEM, class) + live_of(heap, PYM_OBJ, class);
  out->total_blocks = out->live_blocks + frees_of_class(heap, PYM_MEM, class) +
                      frees_of_class(heap, PYM_OBJ, class);
  out->pools = heap->pools[class];
  out->peak_pools = heap->pools_peak[class];
  pym__add_threads_class(heap, class, out);
  uint64_t room = (uint64_t)out->pools * pym__pool_capacity(out->block_size);
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
  for (addr segment = pym__main.segments; segment;
       segment = ((const struct segment *)at(segment))->next)
    for (addr chunk = segment + SEGMENT_BYTES; size_of(chunk); chunk += size_of(chunk)) {
      const u32 first = (u32)((chunk + PAGE_BYTES - 1) >> 16),
                end = (u32)((chunk + size_of(chunk)) >> 16);
      if (kind_of(chunk) == CHUNK_FREE && end > first) n += end - first;
    }
  return n;
}

void pym_page_stats_get(pym_page_stats *out) {
  pym__init();
  LOCKED();
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
  LOCKED();
  return &pym__space;
}
