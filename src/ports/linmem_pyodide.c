/* Linear memory of a running Pyodide, shared with its malloc, which had all of it before us.
 *
 * A piece comes from what that malloc holds and does not use, some megabytes after start-up, and
 * only then from sbrk.  Units of 4 KiB are taken whole, so that one bit tells whose an address is.
 */
#include "ports/linmem_pyodide.h"

#include "core/state.h"

#define UNIT 4096u
#define WINDOW_SHIFT 26 /* 64 MiB: what one bitmap covers */
#define WINDOW_BYTES ((1u << WINDOW_SHIFT) / UNIT / 8)
#define SLACK (256u << 10)      /* left to Pyodide's malloc: it would take a fifth more */
#define STEP_LEAST (512u << 10) /* of growth */
#define STEP_MOST (1u << 20)
_Static_assert(PAGE_BYTES % UNIT == 0 && WINDOW_BYTES == 2048, "as said above");

static u8 first_window[WINDOW_BYTES];
static u8 *windows[1u << (32 - WINDOW_SHIFT)] = {first_window};

int pym__unit_is_ours(u32 offset) {
  const u8 *bits = windows[offset >> WINDOW_SHIFT];
  u32 unit = offset / UNIT % (WINDOW_BYTES * 8);
  return bits && (bits[unit / 8] >> unit % 8 & 1);
}

/* Bitmaps for [from, to); 0: no memory for them. */
static int windows_for(u32 from, u32 to) {
  for (u32 w = from >> WINDOW_SHIFT; w <= (to - 1) >> WINDOW_SHIFT; w++) {
    if (windows[w]) continue;
    u8 *bits = memalign(16, WINDOW_BYTES);
    if (!bits) return 0;
    __builtin_memset(bits, 0, WINDOW_BYTES);
    windows[w] = bits;
  }
  return 1;
}

static u32 claim(u32 from, u32 bytes) {
  for (u32 offset = from; offset < from + bytes; offset += UNIT) {
    u32 unit = offset / UNIT % (WINDOW_BYTES * 8);
    windows[offset >> WINDOW_SHIFT][unit / 8] |= (u8)(1u << unit % 8);
  }
  return from;
}

/* What Pyodide's malloc has and does not use: it may not take more itself meanwhile.  0: nothing.
 */
static u32 unused_piece(u32 bytes) {
  size_t limit = malloc_footprint_limit();
  malloc_set_footprint_limit(malloc_footprint());
  u32 offset = off(memalign(UNIT, bytes));
  malloc_set_footprint_limit(limit);
  return offset;
}

/* Emscripten grows by a fifth; here by what is needed and a little more. */
static void make_room(u32 to) {
  u32 have = pym__linmem_pages() * PAGE_BYTES, step = to / 32;
  if (step < STEP_LEAST) step = STEP_LEAST;
  if (step > STEP_MOST) step = STEP_MOST;
  if (to + SLACK > have && to + SLACK + step > to) pym_host_resize(to + SLACK + step);
}

static u32 piece_at_break(u32 bytes) {
  u32 at_break = off(sbrk(0)), from = pym__linmem_end(), to = from + bytes;
  if (from < at_break || to < from) return 0;
  make_room(to);
  if (!windows_for(from, to)) return 0;
  if (off(sbrk(0)) != at_break) return piece_at_break(bytes); /* by a bitmap: once in 64 MiB */
  return sbrk((intptr_t)(to - at_break)) == (void *)-1 ? 0 : claim(from, bytes);
}

u32 pym__linmem_pages(void) { return (u32)__builtin_wasm_memory_size(0); }

u32 pym__linmem_end(void) { return (off(sbrk(0)) + UNIT - 1) & ~(UNIT - 1); }

u32 pym__linmem_rest(void) { return 0; }

static u32 piece(u32 bytes) {
  u32 offset = unused_piece(bytes);
  if (!offset) return piece_at_break(bytes);
  if (!windows_for(offset, offset + bytes)) return free(at(offset)), 0;
  pym__main.top_end = 0; /* the port contract says above all before: so there is nothing before */
  if (offset % PAGE_BYTES)
    pym__space.pages_owned--; /* half a page at each end is one page, not two */
  return claim(offset, bytes);
}

u32 pym__linmem_grow(u32 n, u32 *to) {
  const u32 from = n < MAX_PAGES / 2 ? piece(n << 16) : 0;
  *to = from + (n << 16);
  return from;
}

u32 pym__linmem_margin(u32 owned) { return (void)owned, 0; }

void pym__linmem_start(u32 *from, u32 *to) { *from = *to = 0; }
