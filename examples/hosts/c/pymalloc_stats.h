/* Statistics of a wasm module that links wasm-pymalloc, for hosts in C: read from the module's file
 * and its linear memory, no guest call but pym_root.  The format: docs/descriptor.md.
 *
 * Nothing that is read is trusted: every offset is checked against the section, the structure or
 * the memory that it has to lie in. */
#ifndef PYMALLOC_STATS_H
#define PYMALLOC_STATS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PYM_STATS_CLASSES 64
#define PYM_STATS_UNLIMITED 0xffffffffu

struct pym_bytes {
  const uint8_t *at;
  size_t n;
};

struct pym_domain_stats {
  uint64_t live_bytes, live_blocks, peak_bytes, total_bytes, total_blocks, failures;
  uint32_t soft, hard; /* PYM_STATS_UNLIMITED: none */
};

struct pym_class_stats {
  uint32_t block_size, pools, peak_pools;
  uint64_t live_blocks, total_blocks;
};

struct pym_stats {
  struct pym_domain_stats domains[3]; /* raw, mem, object */
  struct pym_class_stats classes[PYM_STATS_CLASSES];
  uint32_t heap;       /* its address: what the exports pym_limit_set, pym_check ... take */
  uint32_t soft, hard; /* of the heap */
  uint32_t page_bytes, pool_bytes, pages_owned, pools;
  uint32_t segments, raw_bytes, raw_free, raw_cached, raw_chunks;
  uint64_t memory_bytes, grows, grow_failures, own_bytes, header_bytes, pool_space;
  uint32_t fault, fault_at; /* 0: no corruption was found */
};

/* The custom section `pymalloc` in the bytes of a .wasm file.  n is 0 if there is none. */
struct pym_bytes pym_stats_section(struct pym_bytes wasm);

/* Of the heap with number `heap` in the list, 0 the default one.  memory: the module's linear
 * memory as it is now; root: what its export pym_root returned.  NULL, or why there are none. */
const char *pym_stats_read(struct pym_stats *out, struct pym_bytes section, struct pym_bytes memory,
                           uint32_t root, unsigned heap);

/* What `wasm-pymalloc run --stats` prints, without its bars. */
void pym_stats_print(FILE *to, const struct pym_stats *stats);

#endif
