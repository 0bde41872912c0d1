/* Replay a recorded trace against the shadow model: contents intact, counters equal to the model's.
 *
 *   gzip -dc program.trace.gz | replay
 *
 * The format is described in tests/traces/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "shadow.h"
#include "target.h"

#define IDS_MAX 262144u /* live blocks at once */
#define CHECK_EVERY 50000u

enum { MARK, MALLOC, CALLOC, REALLOC, REALLOC_NULL, FREE, OPS };

struct header {
  char magic[8];
  uint32_t header_bytes, records, ids, peak_live;
  uint64_t peak_bytes;
  uint32_t end_live, clipped, count[OPS];
};
_Static_assert(sizeof(struct header) == 64, "as documented");

struct record {
  uint32_t what, id;
};

static struct shadow_block blocks[IDS_MAX];
static uint32_t seen[OPS], live, peak_live;
static uint64_t requested, peak_requested;

static void *(*const mallocs[])(size_t) = {pym_raw_malloc, pym_mem_malloc, pym_obj_malloc};
static void *(*const callocs[])(size_t, size_t) = {pym_raw_calloc, pym_mem_calloc, pym_obj_calloc};
static void *(*const reallocs[])(void *, size_t) = {pym_raw_realloc, pym_mem_realloc,
                                                    pym_obj_realloc};
static void (*const frees[])(void *) = {pym_raw_free, pym_mem_free, pym_obj_free};

/* What the trace says of itself: requested bytes, not usable ones. */
static uint32_t sizes[IDS_MAX];
static void recount(uint32_t id, uint32_t n) {
  requested += n;
  requested -= sizes[id];
  sizes[id] = n;
  if (requested > peak_requested) peak_requested = requested;
}

static void start_block(unsigned op, unsigned d, uint32_t id, uint32_t n) {
  struct shadow_block *b = &blocks[id];
  if (!CHECK(b->p == NULL)) return;
  b->domain = (uint8_t)d;
  b->seed = id + 7;
  void *p = op == MALLOC ? mallocs[d](n) : op == CALLOC ? callocs[d](1, n) : reallocs[d](NULL, n);
  if (!CHECK(p != NULL)) return;
  if (op == CALLOC) CHECK(all_zero(p, n));
  shadow_enter(b, p, n);
  recount(id, n);
  if (++live > peak_live) peak_live = live;
}

static void resize_block(unsigned d, uint32_t id, uint32_t n) {
  struct shadow_block *b = &blocks[id];
  if (!CHECK(b->p != NULL && b->domain == d)) return;
  void *p = reallocs[d](b->p, n);
  if (!CHECK(p != NULL)) return;
  shadow_move(b, p, n);
  recount(id, n);
}

static void end_block(unsigned d, uint32_t id, uint32_t n) {
  struct shadow_block *b = &blocks[id];
  if (!CHECK(b->p != NULL && b->domain == d)) return;
  CHECK_EQ(sizes[id], n);
  void *p = b->p;
  shadow_strike(b);
  if (d == PYM_OBJ && id % 2) pym_obj_free_sized(p, n ? n : 1);
  else frees[d](p);
  recount(id, 0);
  live--;
}

static void replay_record(const struct record *r) {
  unsigned op = r->what & 7, d = r->what >> 3 & 3;
  uint32_t n = r->what >> 5;
  if (!CHECK(op < OPS && d < PYM_DOMAINS)) return;
  seen[op]++;
  if (op == MARK) return;
  if (!CHECK(r->id < IDS_MAX)) return;
  if (op == FREE) end_block(d, r->id, n);
  else if (op == REALLOC) resize_block(d, r->id, n);
  else start_block(op, d, r->id, n);
}

static void check_totals(const struct header *h) {
  for (unsigned op = 0; op < OPS; op++) CHECK_EQ(seen[op], h->count[op]);
  CHECK_EQ(live, h->end_live);
  CHECK_EQ(peak_live, h->peak_live);
  CHECK_EQ(peak_requested, h->peak_bytes);
  shadow_check();
  for (uint32_t id = 0; id < h->ids; id++) {
    if (blocks[id].p) end_block(blocks[id].domain, id, sizes[id]);
  }
  shadow_check();
  CHECK_EQ(shadow_live(&shadow_heaps[0], PYM_WHOLE_HEAP), 0);
}

static void a_recorded_program_finds_its_blocks_intact(void) {
  static struct record records[4096];
  struct header h;
  if (!CHECK(fread(&h, sizeof h, 1, stdin) == 1)) return;
  if (!CHECK(memcmp(h.magic, "CPYTRC01", 8) == 0 && h.header_bytes == sizeof h)) return;
  if (!CHECK(h.ids <= IDS_MAX && h.clipped == 0)) return;
  shadow_start();
  uint32_t done = 0;
  for (size_t got; (got = fread(records, sizeof *records, COUNT(records), stdin)) > 0;) {
    for (size_t i = 0; i < got && check_failures() == 0; i++) {
      check_context("record", done);
      replay_record(&records[i]);
      if (++done % CHECK_EVERY == 0) shadow_check();
    }
  }
  CHECK_EQ(done, h.records);
  check_totals(&h);
  check_print_u64(done);
  check_print(" records\n");
}

CHECK_CASES(TEST(a_recorded_program_finds_its_blocks_intact));
