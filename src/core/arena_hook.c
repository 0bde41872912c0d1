/* Arenas from somebody else: PyObjectArenaAllocator.  Programs that set none do not link this.
 *
 * Pools of the default heap then lie in a heap of their own, which has nothing else and whose
 * segments are the arenas:
 *
 *   base     s - sizeof(struct arena)   s                                  base + 256 KiB
 *   | < 16   | struct arena             | struct segment | pools         | */
#include "core/chunk.h"
#include "core/heap.h"
#include "core/pool.h"
#include "core/space.h"

/* One arena; it goes back to whoever gave it, whatever is installed then. */
struct arena {
  void *base;
  pym_arena_allocator from;
};
#define ARENA_BYTES ((u32)(sizeof(struct arena) + 15) & ~15u)

static pym_arena_allocator installed;

static struct arena *arena_of(addr segment) { return at(segment - ARENA_BYTES); }

static int arena_from_hook(struct pym_heap *heap, usize bytes) {
  (void)bytes; /* a pool: any arena holds one */
  void *base = installed.alloc(installed.ctx, PYM_ARENA_BYTES);
  if (!base) return 0;
  pym__memory_changed(); /* the hook may have grown it */
  addr segment = ((off(base) + 15) & ~(addr)15) + ARENA_BYTES;
  if (!is_in_linmem(base)) { /* natively */
    installed.free(installed.ctx, base, PYM_ARENA_BYTES);
    return 0;
  }
  addr end = (off(base) + (u32)PYM_ARENA_BYTES) & ~(addr)15;
  if (!end) end = 0u - 16; /* the end of 4 GiB is no 32-bit offset */
  *arena_of(segment) = (struct arena){base, installed};
  pym__segment_add(heap, segment, end);
  return 1;
}

static void arena_to_hook(struct pym_heap *heap, addr segment) {
  const struct arena gone = *arena_of(segment);
  struct domain *counts = &heap->domains[INTERNAL];
  if (arenas_now() + 1 > counts->peak) counts->peak = arenas_now() + 1; /* it is gone already */
  counts->raw_frees++;
  gone.from.free(gone.from.ctx, gone.base, PYM_ARENA_BYTES);
}

/* ---- The interface ---- */

/* Our own memory in the form of a hook, for those who chain. */
static void *base_alloc(void *ctx, size_t size) {
  (void)ctx;
  pym__start();
  LOCKED();
  return pym__raw_alloc(&pym__main, INTERNAL, (u32)size, POOL_BYTES, 0);
}

static void base_free(void *ctx, void *block, size_t size) {
  (void)ctx, (void)size;
  LOCKED();
  pym__raw_free(&pym__main, INTERNAL, block);
}

void pym_arena_allocator_get(pym_arena_allocator *out) {
  *out = pym__hooked && pym__hooked->segment_alloc
             ? installed
             : (pym_arena_allocator){NULL, base_alloc, base_free};
}

void pym_arena_allocator_set(const pym_arena_allocator *a) {
  LOCKED();
  pym__start();
  if (!pym__hooked) {
    pym__hooked = pym__heap_alloc();
    if (!pym__hooked) return;
    pym__hooked->id = pym__main.id;
    pym__hooked->segment_free = arena_to_hook;
  }
  installed = *a;
  pym__hooked->segment_alloc = a->alloc == base_alloc ? NULL : arena_from_hook;
}
