#include "pymalloc_stats.h"

#include <string.h>

enum { CONSTANT, SPACE, HEAP, DOMAIN, LIST = 7 }; /* groups of the section */
enum { U8 = 1, U16, U32, U64, STRUCT };           /* types */
enum { SECTION_HEADER = 16, RECORD_LEAST = 36, NAME = 24, INTERNAL = 3 };

static uint64_t number(const uint8_t *p, unsigned bytes) { /* little-endian, at any address */
  uint64_t v = 0;
  while (bytes--) v = v << 8 | p[bytes];
  return v;
}

/* ---- The section ---- */

static int leb(struct pym_bytes *b, uint32_t *out) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (!b->n) return 0;
    const uint8_t byte = *b->at;
    b->at++, b->n--;
    v |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return *out = (uint32_t)v, v <= UINT32_MAX;
  }
  return 0;
}

struct pym_bytes pym_stats_section(struct pym_bytes wasm) {
  const struct pym_bytes none = {NULL, 0};
  uint32_t size, name;
  if (wasm.n < 8 || memcmp(wasm.at, "\0asm\1\0\0\0", 8)) return none;
  for (wasm.at += 8, wasm.n -= 8; wasm.n; wasm.at += size, wasm.n -= size) {
    const uint8_t id = *wasm.at;
    wasm.at++, wasm.n--;
    if (!leb(&wasm, &size) || size > wasm.n) return none;
    struct pym_bytes s = {wasm.at, size};
    if (id == 0 && leb(&s, &name) && name == 8 && s.n >= 8 && !memcmp(s.at, "pymalloc", 8))
      return (struct pym_bytes){s.at + 8, s.n - 8};
  }
  return none;
}

/* ---- Fields ---- */

/* Where reading is done.  The first thing that is wrong is kept; then everything reads as 0. */
struct reader {
  struct pym_bytes section, memory;
  const char *wrong;
};

struct field {
  unsigned type, of, count, stride;
  uint32_t value;
};

static uint64_t fail(struct reader *r, const char *why) {
  if (!r->wrong) r->wrong = why;
  return 0;
}

static struct field find(struct reader *r, unsigned group, const char *name) {
  const uint32_t bytes = (uint32_t)number(r->section.at + 10, 2);
  const uint64_t records = number(r->section.at + 12, 4);
  for (uint64_t i = 0; i < records; i++) {
    const uint8_t *p = r->section.at + SECTION_HEADER + i * bytes;
    if (p[24] == group && !strncmp((const char *)p, name, NAME))
      return (struct field){p[25], p[26], (unsigned)number(p + 28, 2), (unsigned)number(p + 30, 2),
                            (uint32_t)number(p + 32, 4)};
  }
  fail(r, "the section lacks a field that is read");
  return (struct field){0};
}

static uint32_t constant(struct reader *r, const char *name) {
  return find(r, CONSTANT, name).value;
}

/* Element i of a field in the structure at `base`. */
static uint64_t element(struct reader *r, uint64_t base, struct field f, unsigned i) {
  const unsigned bytes = f.type == U32 ? 4 : f.type == U64 ? 8 : 0;
  const uint64_t at = base + f.value + (uint64_t)i * f.stride;
  if (!bytes || (i && i >= f.count)) return fail(r, "a field has another type or fewer elements");
  if (at + bytes > r->memory.n) return fail(r, "a structure does not lie in memory");
  return number(r->memory.at + at, bytes);
}

static uint64_t get(struct reader *r, unsigned group, uint64_t base, const char *name) {
  return element(r, base, find(r, group, name), 0);
}

/* Element i of an array of structures; n: how long the array has to be. */
static uint64_t structure(struct reader *r, uint64_t base, struct field f, unsigned i) {
  if (f.type != STRUCT || i >= f.count) return fail(r, "an array of structures is too short");
  return base + f.value + (uint64_t)i * f.stride;
}

static const char *check_section(struct reader *r) {
  const struct pym_bytes s = r->section;
  if (s.n < SECTION_HEADER || memcmp(s.at, "PYMALLOC", 8)) return "no section pymalloc";
  const uint64_t bytes = number(s.at + 10, 2), records = number(s.at + 12, 4);
  if (bytes < RECORD_LEAST || records > (s.n - SECTION_HEADER) / bytes) return "the section is cut";
  if (number(s.at + 8, 2) != 3) return "the section has another version than 3";
  return NULL;
}

/* ---- Statistics ---- */

static uint64_t raw_live(struct reader *r, uint64_t domain) {
  return get(r, DOMAIN, domain, "raw_bytes") - get(r, DOMAIN, domain, "raw_freed");
}

static void read_domain(struct reader *r, uint64_t at, struct pym_domain_stats *d) {
  const uint64_t blocks = get(r, DOMAIN, at, "raw_mallocs");
  d->live_bytes = raw_live(r, at);
  d->live_blocks = blocks - get(r, DOMAIN, at, "raw_frees");
  d->total_blocks = blocks;
  d->total_bytes = get(r, DOMAIN, at, "raw_bytes");
  d->peak_bytes = get(r, DOMAIN, at, "peak");
  d->failures = get(r, DOMAIN, at, "failures");
  d->soft = (uint32_t)get(r, DOMAIN, at, "soft");
  d->hard = (uint32_t)get(r, DOMAIN, at, "hard");
}

/* Blocks of a domain that lie outside of pools. */
static uint32_t raw_blocks(struct reader *r, uint64_t at) {
  return (uint32_t)(get(r, DOMAIN, at, "raw_mallocs") - get(r, DOMAIN, at, "raw_frees"));
}

/* Blocks in pools are counted by class; slot 0 of each array holds nothing, object's follow mem's.
 */
static void read_classes(struct reader *r, uint64_t heap, struct pym_stats *out) {
  const unsigned alignment = constant(r, "alignment");
  const struct field filled = find(r, HEAP, "filled"), frees = find(r, HEAP, "frees");
  const struct field reused = find(r, HEAP, "reused");
  const struct field lists = find(r, HEAP, "lists"), count = find(r, LIST, "count");
  const struct field pools = find(r, HEAP, "pools"), peak = find(r, HEAP, "pools_peak");
  if (constant(r, "classes") != PYM_STATS_CLASSES)
    fail(r, "the section has another number of classes");
  for (unsigned c = 1; c <= PYM_STATS_CLASSES && !r->wrong; c++) {
    struct pym_class_stats *class = &out->classes[c - 1];
    class->block_size = c * alignment;
    class->pools = (uint32_t)element(r, heap, pools, c);
    class->peak_pools = (uint32_t)element(r, heap, peak, c);
    for (unsigned d = 1; d <= 2; d++) {
      const unsigned slot = (d - 1) * (PYM_STATS_CLASSES + 1) + c;
      const uint64_t listed = element(r, structure(r, heap, lists, slot), count, 0);
      const uint64_t freed = element(r, heap, frees, slot);
      const uint64_t live = element(r, heap, filled, slot) - listed - freed;
      const uint64_t total = live + freed + element(r, heap, reused, slot);
      class->total_blocks += total, class->live_blocks += live;
      out->domains[d].total_blocks += total, out->domains[d].live_blocks += live;
      out->domains[d].total_bytes += total * class->block_size;
      out->domains[d].live_bytes += live * class->block_size;
      out->pool_space -= live * class->block_size;
    }
  }
}

static void read_heap(struct reader *r, uint64_t heap, struct pym_stats *out) {
  const struct field domains = find(r, HEAP, "domains");
  if (get(r, HEAP, heap, "magic") != constant(r, "heap_magic"))
    fail(r, "no heap where one should be");
  for (unsigned d = 0; d < 3; d++) read_domain(r, structure(r, heap, domains, d), &out->domains[d]);
  out->heap = (uint32_t)heap;
  out->soft = (uint32_t)get(r, HEAP, heap, "soft");
  out->hard = (uint32_t)get(r, HEAP, heap, "hard");
  out->pools = (uint32_t)get(r, HEAP, heap, "pools_used");
  out->segments = (uint32_t)get(r, HEAP, heap, "raw_segments");
  out->raw_bytes = (uint32_t)get(r, HEAP, heap, "raw_bytes");
  out->raw_free = (uint32_t)get(r, HEAP, heap, "raw_free");
  out->raw_cached = (uint32_t)get(r, HEAP, heap, "raw_cached");
  for (unsigned d = 0; d <= INTERNAL; d++)
    out->raw_chunks += raw_blocks(r, structure(r, heap, domains, d));
  out->own_bytes = raw_live(r, structure(r, heap, domains, INTERNAL));
  const uint64_t header = constant(r, "raw_header"), of_pool = header + constant(r, "pool_header");
  out->header_bytes = out->raw_chunks * header + out->pools * of_pool +
                      out->segments * (constant(r, "segment_header") + header);
  out->pool_space = (uint64_t)out->pools * (out->pool_bytes - of_pool);
  read_classes(r, heap, out);
  for (unsigned d = 0; d < 3; d++)
    if (out->domains[d].peak_bytes < out->domains[d].live_bytes)
      out->domains[d].peak_bytes = out->domains[d].live_bytes;
}

const char *pym_stats_read(struct pym_stats *out, struct pym_bytes section, struct pym_bytes memory,
                           uint32_t root, unsigned heap) {
  struct reader r = {section, memory, NULL};
  memset(out, 0, sizeof *out);
  if ((r.wrong = check_section(&r))) return r.wrong;
  out->memory_bytes = memory.n;
  out->page_bytes = constant(&r, "page_bytes");
  out->pool_bytes = constant(&r, "pool_bytes");
  if (get(&r, SPACE, root, "magic") != constant(&r, "space_magic"))
    fail(&r, "no root structure there");
  out->pages_owned = (uint32_t)get(&r, SPACE, root, "pages_owned");
  out->grows = get(&r, SPACE, root, "grows");
  out->grow_failures = get(&r, SPACE, root, "grow_failures");
  out->fault = (uint32_t)get(&r, SPACE, root, "fault");
  out->fault_at = (uint32_t)get(&r, SPACE, root, "fault_at");
  uint64_t at = get(&r, SPACE, root, "first_heap");
  while (heap-- && at && !r.wrong) at = get(&r, HEAP, at, "next");
  if (!at) fail(&r, "there are not so many heaps");
  if (!r.wrong) read_heap(&r, at, out);
  return r.wrong;
}

/* ---- As text ---- */

static const char *bytes(char text[24], uint64_t n) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)n;
  unsigned unit = 0;
  for (; value >= 1023.5 && unit < 4; unit++) value /= 1024;
  snprintf(text, 24, "%.*f %s",
           !unit || value >= 99.95 ? 0
           : value < 9.995         ? 2
                                   : 1,
           value, units[unit]);
  return text;
}

static void print_domain(FILE *to, const char *name, const struct pym_domain_stats *d) {
  char a[24], b[24], c[24];
  fprintf(to, "  %-6s  %10s  %10llu  %10s  %10s  %12llu  %7llu", name, bytes(a, d->live_bytes),
          (unsigned long long)d->live_blocks, bytes(b, d->peak_bytes), bytes(c, d->total_bytes),
          (unsigned long long)d->total_blocks, (unsigned long long)d->failures);
  if (d->hard != PYM_STATS_UNLIMITED) fprintf(to, "  limit %s", bytes(a, d->hard));
  if (d->soft != PYM_STATS_UNLIMITED) fprintf(to, "  soft limit %s", bytes(a, d->soft));
  fputc('\n', to);
}

static void print_part(FILE *to, const char *name, uint64_t n, uint64_t whole) {
  char text[24];
  if (n)
    fprintf(to, "  %-24s  %10s  %5.1f %%\n", name, bytes(text, n),
            100.0 * (double)n / (double)whole);
}

void pym_stats_print(FILE *to, const struct pym_stats *s) {
  static const char *const names[] = {"raw", "mem", "object"};
  const uint64_t in_pools = (uint64_t)s->pools * s->pool_bytes;
  uint64_t live = 0;
  char a[24];
  fprintf(to, "  %-6s  %10s  %10s  %10s  %10s  %12s  %7s\n", "domain", "live", "blocks", "peak",
          "ever", "blocks", "refused");
  for (unsigned d = 0; d < 3; d++)
    print_domain(to, names[d], &s->domains[d]), live += s->domains[d].live_bytes;
  if (s->hard != PYM_STATS_UNLIMITED) fprintf(to, "  limit of the heap: %s\n", bytes(a, s->hard));
  fprintf(to, "\nlinear memory: %s; %llu growths, %llu refused\n", bytes(a, s->memory_bytes),
          (unsigned long long)s->grows, (unsigned long long)s->grow_failures);
  print_part(to, "pools of small blocks", in_pools, s->memory_bytes);
  print_part(to, "raw blocks", s->raw_bytes - s->raw_free - s->raw_cached - in_pools,
             s->memory_bytes);
  print_part(to, "free, for either", s->raw_free + s->raw_cached, s->memory_bytes);
  print_part(to, "not the allocator's", s->memory_bytes - s->raw_bytes, s->memory_bytes);
  fprintf(to, "\nwhere the allocator's %s are now:\n", bytes(a, s->raw_bytes));
  print_part(to, "live blocks", live, s->raw_bytes);
  print_part(to, "the library's own blocks", s->own_bytes, s->raw_bytes);
  print_part(to, "headers", s->header_bytes, s->raw_bytes);
  print_part(to, "free space in pools", s->pool_space, s->raw_bytes);
  print_part(to, "free raw memory", s->raw_free + s->raw_cached, s->raw_bytes);
  fprintf(to, "\n  block size        live  pools  at peak        blocks\n");
  for (const struct pym_class_stats *c = s->classes; c < s->classes + PYM_STATS_CLASSES; c++)
    if (c->total_blocks)
      fprintf(to, "  %10u  %10s  %5u  %7u  %12llu\n", c->block_size,
              bytes(a, c->live_blocks * c->block_size), c->pools, c->peak_pools,
              (unsigned long long)c->total_blocks);
  if (s->fault) fprintf(to, "corruption found: cause %u, at 0x%x\n", s->fault, s->fault_at);
}
