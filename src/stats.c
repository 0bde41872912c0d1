/* Statistics: the functions of pymalloc.h, and the custom section that tells others the layout. */
#include <stddef.h>

#include "internal.h"

void pym_domain_stats_get(const pym_heap *h, enum pym_domain d, pym_domain_stats *out) {
  pym__start();
  const struct domain *dom = &h->domains[d];
  pym__look((struct pym_heap *)(uintptr_t)h, d);
  *out = (pym_domain_stats){
      .live_blocks = dom->raw_mallocs - dom->raw_frees,
      .live_bytes = pym__live(h, d),
      .peak_bytes = dom->peak,
      .total_blocks = dom->raw_mallocs,
      .total_bytes = dom->raw_bytes,
      .failures = dom->failures,
  };
  if (d == PYM_RAW) return;
  const u64 *mallocs = d == PYM_MEM ? h->mem_mallocs : h->obj_mallocs;
  const u64 *frees = d == PYM_MEM ? h->mem_frees : h->obj_frees;
  for (u32 c = 1; c < CLASS_SLOTS; c++) {
    out->live_blocks += mallocs[c] - frees[c];
    out->total_blocks += mallocs[c];
    out->total_bytes += mallocs[c] * c * PYM_ALIGNMENT;
  }
}

void pym_class_stats_get(const pym_heap *h, unsigned index, pym_class_stats *out) {
  *out = (pym_class_stats){0};
  if (index >= CLASSES) return;
  pym__start();
  u32 c = index + 1;
  out->block_size = c * PYM_ALIGNMENT;
  out->total_blocks = h->mem_mallocs[c] + h->obj_mallocs[c];
  out->live_blocks = out->total_blocks - h->mem_frees[c] - h->obj_frees[c];
  out->pools = h->pools[c];
  out->peak_pools = h->pools_peak[c];
  uint64_t carved = 0;
  for (u32 o = h->all_pages; o; o = ((const struct page *)at(o))->all_next) {
    const struct pool *pools = at(o + PAGE_HEADER);
    for (u32 i = 0; i < POOLS_PER_PAGE; i++)
      if (!(((const struct page *)at(o))->unused >> i & 1) && pools[i].size == out->block_size)
        carved += pools[i].carved;
  }
  out->free_blocks = carved - out->live_blocks;
}

void pym_page_stats_get(pym_page_stats *out) {
  pym__start();
  const struct space *sp = &pym__space;
  *out = (pym_page_stats){
      .memory = pym__linmem_pages(),
      .owned = sp->pages_owned,
      .peak_owned = sp->pages_owned_peak,
      .free = sp->pages_free,
      .pool = sp->pages_pool,
      .raw = sp->pages_raw,
      .table = sp->pages_owned - sp->pages_free - sp->pages_pool - sp->pages_raw,
      .grows = sp->grows,
      .grow_failures = sp->grow_failures,
  };
  for (u32 o = sp->first_heap; o; o = ((const struct pym_heap *)at(o))->next)
    out->arenas += ((const struct pym_heap *)at(o))->arenas;
}

/* ---- The custom section ---- */

#if defined(__wasm__)

#define TYPE_u8 1
#define TYPE_u16 2
#define TYPE_u32 3
#define TYPE_u64 4
#define TYPE_STRUCT 5
enum { IN_CONST, IN_SPACE, IN_HEAP, IN_DOMAIN, IN_EVENT, IN_PAGE, IN_POOL, IN_BIN };

#define CONSTANTS(X)                      \
  X(layout_version, LAYOUT_VERSION)       \
  X(debug, PYM_DEBUG)                     \
  X(page_bytes, PAGE_BYTES)               \
  X(pool_bytes, POOL_BYTES)               \
  X(arena_bytes, PYM_ARENA_BYTES)         \
  X(alignment, PYM_ALIGNMENT)             \
  X(small_max, PYM_SMALL_MAX)             \
  X(classes, CLASSES)                     \
  X(events, EVENTS)                       \
  X(page_header, PAGE_HEADER)             \
  X(pool_descriptor, sizeof(struct pool)) \
  X(raw_header, 8)                        \
  X(space_bytes, sizeof(struct space))    \
  X(heap_bytes, sizeof(struct pym_heap))  \
  X(domain_bytes, sizeof(struct domain))  \
  X(event_bytes, sizeof(struct event))    \
  X(space_magic, SPACE_MAGIC)             \
  X(heap_magic, HEAP_MAGIC)               \
  X(page_magic, PAGE_MAGIC)               \
  X(kind_foreign, PAGE_FOREIGN)           \
  X(kind_free, PAGE_FREE)                 \
  X(kind_raw, PAGE_RAW)                   \
  X(kind_table, PAGE_TABLE)               \
  X(kind_pool, PAGE_POOL)                 \
  X(state_usable, POOL_USABLE)            \
  X(state_full, POOL_FULL)

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
#define CONST_RECORD(n, v) RECORD(#n, IN_CONST, TYPE_u32, 0, 1, 0, v)
#define FIELD_RECORD(in, strukt, t, n, c) \
  RECORD(#n, in, TYPE_##t, 0, c, sizeof(t), offsetof(struct strukt, n))
#define SPACE_RECORD(t, n, c, what) FIELD_RECORD(IN_SPACE, space, t, n, c)
#define HEAP_RECORD(t, n, c, what) FIELD_RECORD(IN_HEAP, pym_heap, t, n, c)
#define DOMAIN_RECORD(t, n, c, what) FIELD_RECORD(IN_DOMAIN, domain, t, n, c)
#define EVENT_RECORD(t, n, c, what) FIELD_RECORD(IN_EVENT, event, t, n, c)
#define PAGE_RECORD(t, n, c, what) FIELD_RECORD(IN_PAGE, page, t, n, c)
#define POOL_RECORD(t, n, c, what) FIELD_RECORD(IN_POOL, pool, t, n, c)
#define BIN_RECORD(t, n, c, what) FIELD_RECORD(IN_BIN, bin, t, n, c)
#define STRUCT_RECORD(in, strukt, n, group_of, c, elem) \
  RECORD(#n, in, TYPE_STRUCT, group_of, c, sizeof(struct elem), offsetof(struct strukt, n))

#define RECORDS                                                                            \
  CONSTANTS(CONST_RECORD)                                                                  \
  SPACE_FIELDS(SPACE_RECORD)                                                               \
  STRUCT_RECORD(IN_SPACE, space, events, IN_EVENT, EVENTS, event) HEAP_FIELDS(HEAP_RECORD) \
      STRUCT_RECORD(IN_HEAP, pym_heap, domains, IN_DOMAIN, PYM_DOMAINS + 1, domain)        \
          DOMAIN_FIELDS(DOMAIN_RECORD) EVENT_FIELDS(EVENT_RECORD) PAGE_FIELDS(PAGE_RECORD) \
              POOL_FIELDS(POOL_RECORD) BIN_FIELDS(BIN_RECORD)                              \
                  STRUCT_RECORD(IN_HEAP, pym_heap, mem, IN_BIN, CLASS_SLOTS, bin)          \
                      STRUCT_RECORD(IN_HEAP, pym_heap, obj, IN_BIN, CLASS_SLOTS, bin)

#define COUNT(...) +1
enum {
  N_RECORDS = 0 CONSTANTS(COUNT) SPACE_FIELDS(COUNT) HEAP_FIELDS(COUNT) DOMAIN_FIELDS(COUNT)
                  EVENT_FIELDS(COUNT) PAGE_FIELDS(COUNT) POOL_FIELDS(COUNT) BIN_FIELDS(COUNT) +
              4 /* events, domains, mem, obj */
};

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
  pym__start();
  return &pym__space;
}
