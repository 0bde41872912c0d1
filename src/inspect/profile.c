/* Sampling by bytes: each byte that is allocated is as likely as any other to be a sample's.
 *
 *   small blocks  a class and domain has its own series of samples: how many blocks come before the
 *                 next one is drawn from the geometric distribution that its size gives.  The
 *                 series are independent, so together they are one series over all bytes
 *   raw blocks    a domain counts bytes down to the next sample, drawn from the exponential one
 *
 * A block of s bytes is thus a sample with the probability 1 - e^(-s / every) and stands for one
 * over that many.  What this file knows are the addresses of sampled blocks that live: stacks and
 * sums are kept by whoever listens. */
#include "core/profile.h"

#include "core/chunk.h"
#include "core/object.h"
#include "core/pool.h"
#include "core/reclaim.h"
#include "core/space.h"
#include "core/watched.h"

struct sampled {
  addr block; /* off; 0: a free slot */
  addr heap;  /* off */
  usize size;
  u32 domain;
};
#define FIRST_SLOTS 512u
#define MOST_SLOTS \
  ((u32)((PYM_SIZE_MAX < MEMORY_MAX ? PYM_SIZE_MAX : MEMORY_MAX) / sizeof(struct sampled)))
_Static_assert(FIRST_SLOTS * sizeof(struct sampled) >= CACHED_CHUNK_MAX,
               "what INTERNAL has, see chunk_layout.h");

static struct {
  struct sampled *table; /* open addressing; of a raw block of the default heap */
  u32 slots, used;       /* slots: a power of two */
  u32 every;
  u32 run;                 /* counts the profiles: a heap whose number differs has old draws */
  u64 seed, state;         /* of the random numbers */
  usize left[PYM_DOMAINS]; /* bytes of raw blocks before the next sample */
  pym_profile_fn *fn;
  void *ctx;
} now;

/* ---- Random numbers ---- */

/* splitmix64 */
static u64 random_bits(void) {
  u64 z = now.state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* Exponentially distributed, of mean 1: -ln(u) for u = m * 2^e, 1 <= m < 2.  Right to 1e-6. */
static COLD double exponential(void) {
  const u64 bits = random_bits() | 1;
  const int e = -1 - __builtin_clzll(bits);
  const double m = 1 + (double)(bits << __builtin_clzll(bits) << 1 >> 12) / 4503599627370496.0;
  const double t = (m - 1) / (m + 1), q = t * t;
  const double ln_m =
      2 * t * (1 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q / 11)))));
  return -e * 0.69314718055994531 - ln_m;
}

/* How much of `unit` bytes each comes before the next sample. */
static COLD u32 draw(u32 unit) {
  const double n = exponential() * now.every / unit;
  return n < 2e9 ? (u32)n : 2000000000u;
}

/* ---- The sampled blocks that live ---- */

static u32 place_of(addr block) { return (u32)block * 0x9e3779b1u >> 7 & (now.slots - 1); }

/* The block's slot, or the free one where it belongs. */
static struct sampled *slot_of(addr block) {
  u32 i = place_of(block);
  while (now.table[i].block && now.table[i].block != block) i = (i + 1) & (now.slots - 1);
  return &now.table[i];
}

static struct sampled *new_table(u32 slots) {
  if (slots > MOST_SLOTS) return NULL;
  const usize bytes = slots * (usize)sizeof(struct sampled);
  struct sampled *table = pym__raw_alloc(&pym__main, INTERNAL, bytes, PYM_RAW_ALIGNMENT, 0);
  if (table) __builtin_memset(table, 0, bytes);
  return table;
}

static COLD int make_room(void) {
  struct sampled *old = now.table;
  const u32 slots = now.slots, wanted = slots ? 2 * slots : FIRST_SLOTS;
  if (4 * (now.used + 1) <= 3 * slots) return 1;
  struct sampled *table = new_table(wanted);
  if (!table) return 0;
  now.table = table;
  now.slots = wanted;
  for (u32 i = 0; i < slots; i++)
    if (old[i].block) *slot_of(old[i].block) = old[i];
  if (slots) pym__raw_free(&pym__main, INTERNAL, old);
  return 1;
}

/* The first call of a profile comes by, so the library has started.  0: no memory. */
static COLD int is_ready(void) {
  if (LIKELY(now.slots)) return 1;
  if (!make_room()) return 0;
  now.state = now.seed ? now.seed : pym__key ^ (u64)now.run << 32;
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) now.left[domain] = draw(1);
  return 1;
}

/* Free the slot, and let those behind it that had to give way move up. */
static COLD void slot_remove(struct sampled *slot) {
  const u32 mask = now.slots - 1;
  u32 hole = (u32)(slot - now.table);
  for (u32 i = (hole + 1) & mask; now.table[i].block; i = (i + 1) & mask) {
    const u32 home = place_of(now.table[i].block);
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    now.table[hole] = now.table[i];
    hole = i;
  }
  now.table[hole].block = 0;
  now.used--;
}

static void tell(enum pym_profile_what what, const struct sampled *s, u32 count) {
  const pym_profile_event event = {what,        (enum pym_domain)s->domain,
                                   at(s->heap), s->block ? at(s->block) : NULL,
                                   s->size,     count};
  now.fn(now.ctx, &event);
}

static COLD void add(struct pym_heap *heap, unsigned domain, const void *block, usize size,
                     u32 count) {
  struct sampled *slot = slot_of(off(block));
  *slot = (struct sampled){off(block), off(heap), size, domain};
  now.used++;
  tell(PYM_PROFILE_ALLOC, slot, count);
}

/* ---- What the slow path asks ---- */

/* Blocks of the class ever handed out, those that are samples left out. */
static u32 mallocs_of(struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 class = size / PYM_ALIGNMENT;
  return (u32)(*filled_of(heap, domain, size) + heap->hot.reused[domain - PYM_MEM][class]) -
         list_of(heap, domain, size)->count;
}

static u32 *due_at(struct pym_heap *heap, unsigned domain, u32 size) {
  return &heap->sample_at[domain - PYM_MEM][size / PYM_ALIGNMENT];
}

/* Blocks before the next sampled one; 0: it is due.  It is late where a limit was in its way. */
static u32 blocks_before(struct pym_heap *heap, unsigned domain, u32 size) {
  const int before = (int)(*due_at(heap, domain, size) - mallocs_of(heap, domain, size));
  return before > 0 ? (u32)before : 0;
}

/* Samples that should have been taken of blocks that went out. */
static COLD u32 take_missed(struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 mallocs = mallocs_of(heap, domain, size);
  u32 n = 0;
  for (; (int)(*due_at(heap, domain, size) - mallocs) < 0 && n < 0x7fff; n++)
    *due_at(heap, domain, size) += 1 + draw(size);
  return n;
}

/* The block that is next stands for these and for itself, if it is one. */
static COLD u32 take_due(struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 missed = take_missed(heap, domain, size);
  if (*due_at(heap, domain, size) != mallocs_of(heap, domain, size)) return missed;
  *due_at(heap, domain, size) += draw(size);
  return missed + 1;
}

static COLD void draw_all(struct pym_heap *heap) {
  heap->profiled = now.run;
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    for (u32 size = PYM_ALIGNMENT; size <= PYM_SMALL_MAX; size += PYM_ALIGNMENT)
      *due_at(heap, domain, size) = mallocs_of(heap, domain, size) + draw(size);
}

/* The block of a small request that is a sample: a raw chunk.  NULL: there is none to be had.  For
 * a thread's heap it is one of the raw domain, which any thread may free. */
static COLD void *sample_small(struct pym_heap *heap, unsigned domain, usize n, usize replaced) {
  const u32 size = rounded_small(n);
  if (pym__limits->is_near(heap, domain, pym__raw_usable_for(n)) || !make_room()) return NULL;
  struct pym_heap *raw = raw_heap_of(heap);
  const unsigned home = raw_domain_of(heap, domain);
  void *block = pym__raw_alloc(raw, home, n, PYM_RAW_ALIGNMENT, replaced);
  if (!block) return NULL;
  add(raw, home, block, size, take_due(heap, domain, size));
  return block;
}

static void *small(struct pym_heap *heap, unsigned domain, usize n, u32 most, usize replaced) {
  const u32 size = rounded_small(n);
  if (!is_ready()) return pym__small_new(heap, domain, n, 1, replaced);
  if (UNLIKELY(heap->profiled != now.run)) draw_all(heap);
  const u32 before = blocks_before(heap, domain, size);
  void *block = before ? NULL : sample_small(heap, domain, n, replaced);
  if (block) return block;
  return pym__small_new(heap, domain, n,
                        before && before < most ? before
                        : before                ? most
                                                : 1,
                        replaced);
}

static void made(struct pym_heap *heap, unsigned domain, void *block, usize usable) {
  if (!is_ready()) return;
  if (usable < now.left[domain]) {
    now.left[domain] -= usable;
    return;
  }
  if (!make_room()) return;
  now.left[domain] = draw(1);
  add(heap, domain, block, usable, 1);
}

static void end_of(struct sampled *slot) {
  tell(PYM_PROFILE_FREE, slot, 1);
  slot_remove(slot);
}

/* Of a heap that is destroyed: the block that was a segment. */
static COLD void segment_freed(addr from, usize bytes) {
  for (u32 i = 0; i < now.slots;) {
    const addr block = now.table[i].block;
    if (block && block - from < bytes) end_of(&now.table[i]); /* another one may move here */
    else i++;
  }
}

static void freed(struct pym_heap *heap, unsigned domain, const void *block, usize usable) {
  if (!now.used) return;
  if (domain == INTERNAL) {
    segment_freed(off(block), usable);
    return;
  }
  struct sampled *slot = slot_of(off(block));
  if (slot->block && slot->heap == off(heap) && slot->domain == domain) end_of(slot);
}

static usize size_of_sample(const void *block) {
  const struct sampled *slot = now.used ? slot_of(off(block)) : NULL;
  return slot && slot->block ? slot->size : 0;
}

/* ---- The interface ---- */

static COLD void open_all(void) {
  for (addr h = pym__space.first_heap; h; h = ((struct pym_heap *)at(h))->next) pym__open(at(h));
}

int pym_profile_start(uint32_t every, uint64_t seed, pym_profile_fn *fn, void *ctx) {
  static const struct profile profile = {small, made, freed, size_of_sample};
  usize soft, hard;
  pym__init(); /* no more: a host may call before the program can call it */
  LOCKED();
  if (pym__profile || !fn) return -1;
  now.slots = now.used = 0;
  now.every = every ? every : PYM_PROFILE_EVERY;
  now.seed = seed;
  now.run++;
  now.fn = fn;
  now.ctx = ctx;
  /* Where limits are looked at every call of the slow way comes by (watched.c), no list is made
   * behind a refill's back, and no block is borrowed. */
  pym_limit_get(&pym__main, PYM_WHOLE_HEAP, &soft, &hard);
  pym_limit_set(&pym__main, PYM_WHOLE_HEAP, soft, hard);
  for (addr h = pym__space.first_heap; h; h = ((struct pym_heap *)at(h))->next)
    if (!is_thread_heap(at(h))) pym__lists_return(at(h));
  pym__trim_thread(); /* other threads' lists: as they run empty */
  pym__profile = &profile;
  open_all(); /* blocks that are freed do not join lists */
  return 0;
}

/* What became due and was not taken, since a limit was in the way. */
static COLD void tell_unseen(struct pym_heap *heap) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++)
    for (u32 size = PYM_ALIGNMENT; size <= PYM_SMALL_MAX; size += PYM_ALIGNMENT) {
      const struct sampled unseen = {0, off(heap), size, domain};
      const u32 n = take_missed(heap, domain, size);
      if (n) tell(PYM_PROFILE_UNSEEN, &unseen, n);
    }
}

void pym_profile_stop(void) {
  LOCKED();
  if (!pym__profile) return;
  for (addr h = pym__space.first_heap; h; h = ((struct pym_heap *)at(h))->next)
    if (!is_thread_heap(at(h)) && ((struct pym_heap *)at(h))->profiled == now.run)
      tell_unseen(at(h));
  pym__profile = NULL;
  open_all();
  if (now.slots) pym__raw_free(&pym__main, INTERNAL, now.table);
}
