/* Memory that the library did not hand out but a program wants to have counted: PyTraceMalloc_Track
 * of CPython.  Programs that do not trace do not link this.
 *
 * One open table of blocks, keyed by domain and address, in a raw block of the default heap.  It
 * doubles when it is three quarters full. */
#include "core/chunk.h"
#include "core/space.h"

struct traced {
  uintptr_t p;
  size_t size;
  unsigned domain;
  int used;
};

static struct {
  struct traced *table; /* NULL: not tracing */
  u32 slots, used;      /* slots: a power of two */
  uint64_t bytes, peak;
} traces;

#define FIRST_SLOTS 512u
#define MOST_SLOTS \
  ((u32)((PYM_SIZE_MAX < MEMORY_MAX ? PYM_SIZE_MAX : MEMORY_MAX) / sizeof(struct traced)))
_Static_assert(FIRST_SLOTS * sizeof(struct traced) >= CACHED_CHUNK_MAX,
               "what INTERNAL has, see chunk_layout.h");

static struct traced *new_table(u32 slots) {
  if (slots > MOST_SLOTS) return NULL;
  const usize bytes = slots * (usize)sizeof(struct traced);
  struct traced *table = pym__raw_alloc(&pym__main, INTERNAL, bytes, PYM_RAW_ALIGNMENT, 0);
  if (table) __builtin_memset(table, 0, bytes);
  return table;
}

static u32 place_of(unsigned domain, uintptr_t p) {
  uint64_t key = (uint64_t)p * 0x9e3779b97f4a7c15u ^ domain * 0xbf58476d1ce4e5b9u;
  return (u32)(key >> 32) & (traces.slots - 1);
}

/* The block's slot, or the free one where it belongs. */
static struct traced *slot_of(unsigned domain, uintptr_t p) {
  u32 i = place_of(domain, p);
  struct traced *t = &traces.table[i];
  while (t->used && (t->p != p || t->domain != domain)) {
    i = (i + 1) & (traces.slots - 1);
    t = &traces.table[i];
  }
  return t;
}

static int make_room(void) {
  struct traced *old = traces.table;
  const u32 slots = traces.slots;
  if (4 * (traces.used + 1) <= 3 * slots) return 1;
  struct traced *table = new_table(2 * slots);
  if (!table) return 0;
  traces.table = table;
  traces.slots = 2 * slots;
  for (u32 i = 0; i < slots; i++)
    if (old[i].used) *slot_of(old[i].domain, old[i].p) = old[i];
  pym__raw_free(&pym__main, INTERNAL, old);
  return 1;
}

/* Free slot t, and let those behind it that had to give way move up. */
static void slot_remove(struct traced *t) {
  const u32 mask = traces.slots - 1;
  u32 hole = (u32)(t - traces.table);
  for (u32 i = (hole + 1) & mask; traces.table[i].used; i = (i + 1) & mask) {
    const u32 home = place_of(traces.table[i].domain, traces.table[i].p);
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    traces.table[hole] = traces.table[i];
    hole = i;
  }
  traces.table[hole].used = 0;
}

/* ---- The interface ---- */

static int is_on(void) { return pym__dump_extra != NULL; }

static void say_traces(pym__say_fn *say_number, const void *o) {
  say_number(o, "# traced blocks of others", traces.used);
  say_number(o, "# bytes in them", traces.bytes);
  say_number(o, "# most bytes in them", traces.peak);
}

int pym_trace_start(void) {
  if (is_on()) return 0;
  pym__start();
  traces.table = new_table(FIRST_SLOTS);
  if (!traces.table) return -1;
  traces.slots = FIRST_SLOTS;
  traces.used = 0;
  traces.bytes = traces.peak = 0;
  pym__dump_extra = say_traces;
  return 0;
}

void pym_trace_stop(void) {
  if (!is_on()) return;
  pym__dump_extra = NULL;
  pym__raw_free(&pym__main, INTERNAL, traces.table);
}

int pym_trace(unsigned domain, uintptr_t p, size_t bytes) {
  if (!is_on()) return -2;
  struct traced *t = slot_of(domain, p);
  if (!t->used) {
    if (!make_room()) return -1;
    t = slot_of(domain, p);
    *t = (struct traced){p, 0, domain, 1};
    traces.used++;
  }
  traces.bytes += bytes - (uint64_t)t->size;
  t->size = bytes;
  if (traces.bytes > traces.peak) traces.peak = traces.bytes;
  return 0;
}

int pym_untrace(unsigned domain, uintptr_t p) {
  if (!is_on()) return -2;
  struct traced *t = slot_of(domain, p);
  if (!t->used) return 0;
  traces.bytes -= t->size;
  traces.used--;
  slot_remove(t);
  return 0;
}

int pym_trace_stats_get(unsigned domain, pym_trace_stats *out) {
  *out = (pym_trace_stats){0};
  if (!is_on()) return -2;
  for (u32 i = 0; i < traces.slots; i++) {
    const struct traced *t = &traces.table[i];
    if (!t->used || (domain != PYM_TRACE_ALL && t->domain != domain)) continue;
    out->blocks++;
    out->bytes += t->size;
  }
  out->peak_bytes = domain == PYM_TRACE_ALL ? traces.peak : 0;
  return 0;
}
