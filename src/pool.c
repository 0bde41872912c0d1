/* Pools of equal blocks.
 *
 *   unused --- pool_new ---> usable --- all its blocks taken ---> current --- list empty ---> full
 *     ^                       |  ^                                                             |
 *     +--- last block free ---+  +------------------- a block comes free ----------------------+
 *
 * Unused is raw memory: a pool is a chunk of it, at a multiple of 4096.  Its state is an entry of
 * the pool table, which free finds by the address alone (fast.h):
 *
 *   usable    in the class's list of pools, heap->usable; pool->left counts the blocks in use down
 *   current   a domain allocates from the blocks it had; those that come free meanwhile are in the
 *             pool's own list, and are the next to be taken
 *   full      in no list; pool->left is 1, so that the next free is noticed
 *
 * The last block that comes free makes a usable pool raw memory at once.  Malloc takes from one
 * pool at a time; the next is the one that became usable last. */
#include "object.h"
#include "raw.h"

struct pym_heap *pym__hooked;

u32 pym__pool_used(const struct pym__pool *pool) {
  return pool->free & (POOL_BYTES - 1) ? pool->left : pym__pool_capacity(pool->size);
}

/* The entry of a unit that has a leaf: it was a pool at some time. */
HOT struct pym__pool *entry_of(u32 unit) {
  return (struct pym__pool *)at(pym__space.leaves[unit / LEAF_POOLS]) + unit % LEAF_POOLS;
}
HOT struct pool_header *header_of(u32 unit) { return at(unit << POOL_SHIFT); }
HOT u16 no_block(u32 unit) { return (u16)(unit << POOL_SHIFT); }
HOT u32 first_free(u32 unit, const struct pym__pool *pool) {
  return (unit << POOL_SHIFT & ~0xffffu) | pool->free;
}

/* The link in the free block at o, which was verified to be one of this pool's; or corruption. */
HOT u16 link_in(u32 o) {
  const u64 link = *(const pym__word *)at(o) ^ pym__key;
  if (UNLIKELY(link > PYM__LINK_MAX || ((u32)link ^ o) >> POOL_SHIFT & 15))
    pym__corrupt(CAUSE_FREED_WRITTEN, o, INTERNAL);
  return (u16)link;
}
HOT void set_link(u32 o, u16 next) { *(pym__word *)at(o) = next ^ pym__key; }

/* ---- Pools with free blocks, by class ---- */

HOT void usable_push(struct pym_heap *h, u32 unit, u32 s) {
  u32 *first = &h->usable[s / 8];
  header_of(unit)->next = *first;
  header_of(unit)->prev = 0;
  if (*first) header_of(*first)->prev = unit;
  *first = unit;
}

/* What the header of a pool holds of its entry: a byte of either that is written to is noticed. */
HOT u32 check_of(u32 unit, const struct pym__pool *pool) {
  return ((u32)pool->heap << 16 | pool->size) * 0x9e3779b1u ^ unit << POOL_SHIFT ^ pym__space.raw_key;
}

/* A unit that a link leads to: a pool of the class. */
static APART u32 verified_unit(const struct pym_heap *h, u32 unit, u32 s) {
  const struct pym__pool *pool = unit < 1u << (32 - POOL_SHIFT) ? pym__pool_at(unit << POOL_SHIFT) : NULL;
  if (UNLIKELY(!pool || pool->size != s || pool->heap != (u16)h->id ||
               header_of(unit)->check != check_of(unit, pool)))
    pym__corrupt(CAUSE_LINKS, unit << POOL_SHIFT, INTERNAL);
  return unit;
}

static TIDY void usable_remove(struct pym_heap *h, u32 unit, u32 s) {
  const struct pool_header links = *header_of(unit);
  u32 *before = links.prev ? &header_of(verified_unit(h, links.prev, s))->next : &h->usable[s / 8];
  if (UNLIKELY(*before != unit ||
               (links.next && header_of(verified_unit(h, links.next, s))->prev != unit)))
    pym__corrupt(CAUSE_LINKS, unit << POOL_SHIFT, INTERNAL);
  *before = links.next;
  if (links.next) header_of(links.next)->prev = links.prev;
  header_of(unit)->next = header_of(unit)->prev = 0;
}

/* The pool that became usable last, taken out.  0: there is none. */
HOT u32 usable_pop(struct pym_heap *h, u32 s) {
  u32 *first = &h->usable[s / 8];
  const u32 unit = *first;
  if (UNLIKELY(!unit)) return 0;
  const u32 next = header_of(verified_unit(h, unit, s))->next;
  if (next) {
    struct pool_header *behind = header_of(verified_unit(h, next, s));
    if (UNLIKELY(behind->prev != unit)) pym__corrupt(CAUSE_LINKS, next << POOL_SHIFT, INTERNAL);
    behind->prev = 0;
  }
  *first = next;
  header_of(unit)->next = 0;
  return unit;
}

HOT u32 *current_of(struct pym_heap *h, unsigned d, u32 s) {
  return &h->current[d - PYM_MEM][s / PYM_ALIGNMENT];
}
HOT int is_current(struct pym_heap *h, u32 unit, u32 s) {
  return *current_of(h, PYM_MEM, s) == unit || *current_of(h, PYM_OBJ, s) == unit;
}

/* ---- A pool comes and goes ---- */

/* The leaf of the pool table that has an entry for the unit; 0: no memory. */
static COLD int cover(u32 unit) {
  u32 *leaf = &pym__space.leaves[unit / LEAF_POOLS];
  if (*leaf) return 1;
  const u32 bytes = LEAF_POOLS * (u32)sizeof(struct pym__pool);
  void *p = pym__raw_new(&pym__main, INTERNAL, bytes, PYM_RAW_ALIGNMENT, 0);
  if (!p) return 0;
  __builtin_memset(p, 0, bytes);
  *leaf = off(p);
  return 1;
}

static void link_blocks(u32 base, u32 s, u32 n) {
  u32 o = base + POOL_HEADER;
  WORD_BY_WORD while (--n) {
    set_link(o, (u16)(o + s));
    o += s;
  }
  set_link(o, (u16)base);
}

/* A usable pool for blocks of s bytes.  0: no memory. */
static TIDY int pool_new(struct pym_heap *h, unsigned d, u32 s) {
  struct pym_heap *source =
      h == &pym__main && pym__hooked && pym__hooked->get_segment ? pym__hooked : h;
  const u32 c = pym__chunk_alloc(source, d, POOL_BYTES, POOL_BYTES, chunk_flags(INTERNAL));
  const u32 base = c + HEADER, unit = unit_of(base);
  if (!c) return 0;
  if (!cover(unit)) {
    pym__chunk_free(source, c);
    return 0;
  }
  struct pym__pool *pool = at(pym__space.leaves[unit / LEAF_POOLS]);
  pool[unit % LEAF_POOLS] =
      (struct pym__pool){(u16)(base + POOL_HEADER), 0, (u16)s, (u16)h->id};
  header_of(unit)->check = check_of(unit, &pool[unit % LEAF_POOLS]);
  link_blocks(base, s, pym__pool_capacity(s));
  usable_push(h, unit, s);
  h->pools_used++;
  if (++h->pools[s / 8] > h->pools_peak[s / 8]) h->pools_peak[s / 8] = h->pools[s / 8];
  return 1;
}

/* Hardened and debug builds: are all blocks of the pool in its list, as its entry says? */
static TIDY void verify_whole(u32 unit, const struct pym__pool *pool) {
#if PYM_DEBUG >= 1
  const u32 base = unit << POOL_SHIFT, capacity = pym__pool_capacity(pool->size);
  u32 n = 0;
  for (u32 o = first_free(unit, pool); o != base && n <= capacity; n++)
    o = (o & ~PYM__LINK_MAX) | link_in(o);
  if (n != capacity) pym__corrupt(CAUSE_POOL, base, INTERNAL);
#else
  (void)unit, (void)pool;
#endif
}

/* No block of the pool is in use, and it is in no list: it is raw memory again. */
static TIDY void pool_retire(struct pym_heap *h, u32 unit, struct pym__pool *pool) {
  const u32 c = (unit << POOL_SHIFT) - HEADER;
  struct pym_heap *source = is_sound(h, c) ? h : pym__hooked ? pym__hooked : h;
  h->pools[pool->size / 8]--;
  h->pools_used--;
  *pool = (struct pym__pool){0, 0, 0, 0};
  pym__chunk_free(source, c);
}

/* A block of the full pool came free while the list of its class and domain is empty: it is the
 * list, and the pool is current. */
static int make_current(struct pym_heap *h, unsigned d, u32 unit, struct pym__pool *pool, u32 o) {
  const u32 s = pool->size;
  struct list *list = list_of(h, d, s);
  u32 *current = current_of(h, d, s);
  if (list->count || !is_open(h, d) || UNLIKELY(pym__limits != NULL)) return 0;
  if (*current) {
    struct pym__pool *before = entry_of(*current);
    if (before->free != no_block(*current)) return 0;
    before->left = 1;
  }
  *list = (struct list){o, 1};
  *current = unit;
  pool->free = no_block(unit);
  pool->left = (u16)pym__pool_capacity(s);
  ++*filled_of(h, d, s);
  return 1;
}

void pym__pool_event(struct pym_heap *h, unsigned d, u32 o) {
  const u32 unit = unit_of(o);
  struct pym__pool *pool = entry_of(unit);
  const u32 s = pool->size;
  if (UNLIKELY(pool->heap != (u16)h->id || header_of(unit)->check != check_of(unit, pool)))
    pym__corrupt(CAUSE_POOL, o, INTERNAL);
  if (link_in(o) == no_block(unit)) { /* it was full: this is the first block to come back */
    if (make_current(h, d, unit, pool, o)) return;
    pool->left = (u16)(pym__pool_capacity(s) - 1);
    usable_push(h, unit, s);
  } else if (!is_current(h, unit, s)) {
    verify_whole(unit, pool);
    usable_remove(h, unit, s);
    pool_retire(h, unit, pool);
  }
}

/* ---- Blocks between pools and the lists that are allocated from ---- */

int pym__has_usable(const struct pym_heap *h, unsigned d, u32 s) {
  const u32 unit = h->current[d - PYM_MEM][s / PYM_ALIGNMENT];
  return h->usable[s / 8] || (unit && entry_of(unit)->free != no_block(unit));
}

/* The list's blocks are in their pool's own list again, and the pool is current no more. */
static TIDY void leave_current(struct pym_heap *h, unsigned d, u32 s) {
  struct list *list = list_of(h, d, s);
  const u32 unit = *current_of(h, d, s), n = list->count;
  struct pym__pool *pool = entry_of(unit);
  if (n) {
    u32 last = list->block;
    for (u32 i = 1; i < n; i++) last = (last & ~PYM__LINK_MAX) | link_in(last);
    if (UNLIKELY(link_in(last) != no_block(unit))) pym__corrupt(CAUSE_TWICE_OR_WRITTEN, last, d);
    pool->left = (u16)(pym__pool_used(pool) - n);
    set_link(last, pool->free);
    pool->free = (u16)list->block;
    *filled_of(h, d, s) -= n;
    pym__count_class(h, d, s);
  }
  *list = (struct list){0, 0};
  *current_of(h, d, s) = 0;
  if (pool->free == no_block(unit)) pool->left = 1;
  else usable_push(h, unit, s);
}

/* Make sure of a usable pool.  An arena hook may be called, and may use the heap. */
static TIDY int find_usable(struct pym_heap *h, unsigned d, u32 s) {
  if (*current_of(h, d, s)) leave_current(h, d, s);
  return h->usable[s / 8] || pool_new(h, d, s);
}

/* One block of the first usable pool. */
static TIDY u64 take_one(struct pym_heap *h, unsigned d, u32 s) {
  if (!find_usable(h, d, s)) return 0;
  const u32 unit = verified_unit(h, h->usable[s / 8], s);
  struct pym__pool *pool = entry_of(unit);
  const u32 o = first_free(unit, pool);
  const u16 next = link_in(o);
  set_link(o, no_block(unit));
  pool->free = next;
  pool->left = (u16)(pool->left + 1);
  if (next == no_block(unit)) {
    usable_remove(h, unit, s);
    pool->left = 1;
  }
  return (u64)1 << 32 | o;
}

/* All free blocks of one pool, which is current from now on: the current one, if blocks of it came
 * free meanwhile, or else the next. */
HOT u64 take_all(struct pym_heap *h, unsigned d, u32 s) {
  u32 *current = current_of(h, d, s), unit;
  struct pym__pool *pool;
  while ((unit = *current) == 0 || (pool = entry_of(unit))->free == no_block(unit)) {
    if (unit) pool->left = 1; /* it is full */
    *list_of(h, d, s) = (struct list){0, 0};
    if (LIKELY((*current = usable_pop(h, s)) != 0)) continue;
    if (!pool_new(h, d, s)) return 0;
    /* An arena hook may have asked for blocks of the class. */
    if (UNLIKELY(list_of(h, d, s)->count)) return *(u64 *)(void *)list_of(h, d, s);
  }
  const u32 o = first_free(unit, pool), capacity = pym__pool_capacity(s), n = capacity - pool->left;
  pool->free = no_block(unit);
  pool->left = (u16)capacity;
  *filled_of(h, d, s) += n;
  return (u64)n << 32 | o;
}

void *pym__refill(struct pym_heap *h, unsigned d, u32 s, u32 most, u32 less) {
  struct list *list = list_of(h, d, s);
  if (UNLIKELY(list->count || list->block != *current_of(h, d, s) << POOL_SHIFT)) /* it did not end so */
    pym__corrupt(CAUSE_FREED_WRITTEN, list->block, d);
  const u64 taken = LIKELY(most > 1) ? take_all(h, d, s) : take_one(h, d, s);
  if (UNLIKELY(!taken)) return NULL;
  if (UNLIKELY(most == 1)) ++*filled_of(h, d, s);
  *(u64 *)(void *)list = taken;
  if (UNLIKELY(!h->is_reclaimable)) pym__reclaimable(h);
  count_class(h, d, s);
  charge(h, d, 0, less);
  void *p = pym__pop(&h->hot, d, s);
  if (UNLIKELY(!p)) pym__corrupt(CAUSE_FREED_WRITTEN, list->block, d);
  /* Without a current pool nothing may lead to one: it may be raw memory one day. */
  if (UNLIKELY(most == 1)) *list = (struct list){0, 0};
  return p;
}

TIDY void pym__list_return(struct pym_heap *h, unsigned d, u32 s) {
  const u32 unit = *current_of(h, d, s);
  if (!unit) return;
  leave_current(h, d, s);
  struct pym__pool *pool = entry_of(unit);
  if (pool->left) return;
  usable_remove(h, unit, s);
  pool_retire(h, unit, pool);
}

/* Is the block at o one of a pool's list of at most n that begins at `first`? */
static int is_in(u32 o, u32 first, u32 n) {
  const u32 base = base_of(o);
  for (; n && first != base; n--) {
    if (first == o) return 1;
    first = (first & ~PYM__LINK_MAX) | link_in(first);
  }
  return 0;
}

COLD int pym__pool_has_free(struct pym_heap *h, const struct pym__pool *pool, u32 o) {
  const u32 unit = unit_of(o), s = pool->size;
  if (is_in(o, first_free(unit, pool), pym__pool_capacity(s))) return 1;
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++) {
    const struct list *list = list_of(h, d, s);
    if (*current_of(h, d, s) == unit && is_in(o, list->block, list->count)) return 1;
  }
  return 0;
}

TIDY int pym__list_retire(struct pym_heap *h, unsigned d, u32 s) {
  const u32 unit = *current_of(h, d, s), n = list_of(h, d, s)->count;
  if (!unit || pym__pool_used(entry_of(unit)) != n) return 0;
  *list_of(h, d, s) = (struct list){0, 0};
  *filled_of(h, d, s) -= n;
  pym__count_class(h, d, s);
  *current_of(h, d, s) = 0;
  pool_retire(h, unit, entry_of(unit));
  return 1;
}
