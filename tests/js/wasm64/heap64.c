/* Two heaps in a memory with 64-bit addresses, for tests/js/wasm64.test.js: what pym_walk and the
 * counters say of them, so that JavaScript can compare. */
#include "pymalloc.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define MIB ((size_t)1 << 20)

static void *keep[1 << 14];
static unsigned kept;
static void *big[32];

static void *held(void *p) {
  if (!p) __builtin_trap();
  keep[kept++] = p;
  return p;
}

/* Blocks of every third class in both domains, every third of them freed; raw blocks of which some
 * are cached. */
static void make_small(pym_heap *h, size_t blocks) {
  const unsigned from = kept;
  for (size_t size = 8; size <= PYM_SMALL_MAX; size += 24)
    for (size_t i = 0; i < blocks + size % 37; i++)
      held(pym_heap_malloc(h, i % 2 ? PYM_OBJ : PYM_MEM, size));
  unsigned i = from;
  for (size_t size = 8; size <= PYM_SMALL_MAX; size += 24)
    for (size_t n = 0; n < blocks + size % 37; n++, i++)
      if (i % 3 == 0) pym_heap_free(h, n % 2 ? PYM_OBJ : PYM_MEM, keep[i]);
  for (unsigned round = 0; round < 2; round++) {
    const unsigned raw = kept;
    for (size_t size = 600; size < 7000; size += 200) held(pym_heap_malloc(h, PYM_RAW, size));
    for (unsigned k = raw; k < kept; k += 2) pym_heap_free(h, PYM_RAW, keep[k]);
  }
}

/* 5 GiB in blocks of 256 MiB to 1 GiB and one of 4.5 GiB, of which only the ends are touched. */
static void make_big(void) {
  static const unsigned mib[] = {1024, 512, 512, 512, 512, 256, 256, 256, 256, 256, 256, 256, 256};
  unsigned n = 0;
  for (; n < sizeof mib / sizeof *mib; n++) {
    unsigned char *p = pym_raw_malloc(mib[n] * MIB);
    if (!p) __builtin_trap();
    p[0] = (unsigned char)n;
    p[mib[n] * MIB - 1] = (unsigned char)~n;
    big[n] = p;
  }
  unsigned char *most = pym_mem_malloc(4608 * MIB);
  if (!most) __builtin_trap();
  most[4608 * MIB - 1] = 64;
  big[n] = most;
}

pym_heap *EXPORT(fill)(void) {
  make_small(pym_heap_default(), 40);
  make_big();
  make_small(pym_heap_default(), 150); /* above 4 GiB */
  pym_heap *h = pym_heap_new();
  make_small(h, 30);
  pym_raw_free(big[3]); /* 512 MiB of free memory below 4 GiB */
  big[3] = NULL;
  return h;
}

void *EXPORT(big_block)(unsigned i) { return big[i]; }

/* As a command: for `wasm-pymalloc run`. */
void EXPORT(_start)(void) { fill(); }

struct met {
  uint64_t what, address, size, count, domain;
};
static struct met met[1 << 15];
static unsigned n_met;

static int note(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                enum pym_domain domain) {
  (void)ctx;
  if (n_met == sizeof met / sizeof *met) return 1;
  met[n_met++] = (struct met){what, (uintptr_t)p, size, count, domain};
  return 0;
}

/* How many things the walk met; `walked` is where they are, five numbers each. */
unsigned EXPORT(walk)(pym_heap *h) {
  n_met = 0;
  return pym_walk(h, note, NULL) ? 0 : n_met;
}
const struct met *EXPORT(walked)(void) { return met; }

const pym_domain_stats *EXPORT(domain_stats)(const pym_heap *h, enum pym_domain d) {
  static pym_domain_stats stats;
  pym_domain_stats_get(h, d, &stats);
  return &stats;
}

const pym_page_stats *EXPORT(page_stats)(void) {
  static pym_page_stats stats;
  pym_page_stats_get(&stats);
  return &stats;
}
