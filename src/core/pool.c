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
 *   current   a domain allocates from the list of its free blocks, and what that domain frees joins
 *             the list; what the other domain frees is in the pool's own list, to be taken next
 *   full      in no list; pool->left is 1, so that the next free is noticed
 *
 * The last block that comes free makes a usable pool raw memory at once.  Malloc takes from one
 * pool at a time; the next is the one that became usable last. */
#include "core/pool.h"

#include "core/account.h"
#include "core/chunk.h"
#include "core/corrupt.h"

u32 pym__pool_used(const struct pym__pool *pool) {
  return pool->free & (POOL_BYTES - 1) ? pool->left : pym__pool_capacity(pool->size);
}

/* The entry of a unit that has a leaf: it was a pool at some time. */
HOT struct pym__pool *entry_of(u32 unit) {
  return (struct pym__pool *)at(pym__space.leaves[unit / LEAF_POOLS]) + unit % LEAF_POOLS;
}
HOT struct pool_header *header_of(u32 unit) { return at(unit_base(unit)); }
HOT u16 no_block(u32 unit) { return (u16)(unit << POOL_SHIFT); }
HOT addr first_free(u32 unit, const struct pym__pool *pool) {
  return (unit_base(unit) & ~PYM__LINK_MAX) | pool->free;
}

/* What a struct list is, as one number. */
HOT u64 list_word(addr block, u32 count) { return (u64)count << PYM__COUNT_SHIFT | block; }

/* The link in the free block at offset, which was verified to be one of this pool's; or corruption.
 */
HOT u16 link_in(addr offset) {
  const u64 link = *(const pym__word *)at(offset) ^ pym__key;
  if (UNLIKELY(link > PYM__LINK_MAX || ((addr)link ^ offset) >> POOL_SHIFT & 15))
    pym__corrupt(CAUSE_FREED_WRITTEN, offset, INTERNAL);
  return (u16)link;
}
HOT void set_link(addr offset, u16 next) { *(pym__word *)at(offset) = next ^ pym__key; }

/* ---- Pools with free blocks, by class ---- */

/* What the header of a pool holds of its entry and of its own link: a byte of any that is written
 * to is noticed. */
HOT u32 check_of(u32 unit, const struct pym__pool *pool) {
  return ((u32)pool->heap << 16 | pool->size) * 0x9e3779b1u ^ unit << POOL_SHIFT ^
         pym__space.raw_key;
}
HOT int is_sound_pool(u32 unit, const struct pym__pool *pool) {
  return (header_of(unit)->check ^ header_of(unit)->next) == check_of(unit, pool);
}
HOT void set_next(u32 unit, u32 next) {
  struct pool_header *header = header_of(unit);
  header->check ^= header->next ^ next;
  header->next = next;
}

#if PYM_THREADS
/* In a thread's heap the pool that became usable first is the next: while it waits, other threads'
 * frees come back to it.  0: not there. */
HOT int usable_append(struct pym_heap *heap, u32 unit, u32 size) {
  u32 *last = &heap->last_usable[size / 8];
  if (!is_thread_heap(heap)) return 0;
  const u32 before = heap->usable[size / 8] ? *last : 0;
  *last = unit;
  if (!before) return 0;
  set_next(before, unit);
  header_of(unit)->prev = before;
  return 1;
}
HOT void set_last_usable(struct pym_heap *heap, u32 size, u32 unit) {
  heap->last_usable[size / 8] = unit;
}
#else
#define usable_append(heap, unit, size) 0
#define set_last_usable(heap, size, unit) ((void)0)
#endif

HOT void usable_push(struct pym_heap *heap, u32 unit, u32 size) {
  u32 *first = &heap->usable[size / 8];
  if (usable_append(heap, unit, size)) return;
  set_next(unit, *first);
  if (*first) header_of(*first)->prev = unit;
  *first = unit;
}

#define MAX_UNITS (MAX_PAGES * (PAGE_BYTES / POOL_BYTES))

/* The header of the pool that a link leads to: one of the class. */
HOT struct pool_header *verified_links(const struct pym_heap *heap, u32 unit, u32 size) {
  const struct pym__pool *pool = unit < MAX_UNITS ? pym__pool_at(unit_base(unit)) : NULL;
  if (UNLIKELY(!pool || pool->size != size || pool->heap != (u16)heap->id ||
               !is_sound_pool(unit, pool)))
    pym__corrupt(CAUSE_LINKS, unit_base(unit), INTERNAL);
  return header_of(unit);
}
/* The same, one copy of it for all that is not the way of a refill. */
static COLD struct pool_header *verified_links_cold(const struct pym_heap *heap, u32 unit,
                                                    u32 size) {
  return verified_links(heap, unit, size);
}

static COLD void usable_remove(struct pym_heap *heap, u32 unit, u32 size) {
  const struct pool_header links = *header_of(unit);
  const u32 first = heap->usable[size / 8];
  if (first != unit) {
    if (UNLIKELY(verified_links_cold(heap, links.prev, size)->next != unit))
      pym__corrupt(CAUSE_LINKS, unit_base(unit), INTERNAL);
    set_next(links.prev, links.next);
  } else {
    heap->usable[size / 8] = links.next;
  }
  if (links.next) {
    struct pool_header *behind = verified_links_cold(heap, links.next, size);
    if (UNLIKELY(behind->prev != unit)) pym__corrupt(CAUSE_LINKS, unit_base(unit), INTERNAL);
    behind->prev = links.prev;
  } else {
    set_last_usable(heap, size, links.prev);
  }
  set_next(unit, 0);
}

/* The pool that became usable last, taken out.  0: there is none.  The next one is not looked at:
 * what leads back from a first pool has no meaning. */
HOT u32 usable_pop(struct pym_heap *heap, u32 size) {
  u32 *first = &heap->usable[size / 8];
  const u32 unit = *first;
  if (UNLIKELY(!unit)) return 0;
  *first = verified_links(heap, unit, size)->next;
  set_next(unit, 0);
  return unit;
}

HOT u32 *current_of(struct pym_heap *heap, unsigned domain, u32 size) {
  return &heap->current[domain - PYM_MEM][size / PYM_ALIGNMENT];
}
HOT int is_current(struct pym_heap *heap, u32 unit, u32 size) {
  return *current_of(heap, PYM_MEM, size) == unit || *current_of(heap, PYM_OBJ, size) == unit;
}

/* ---- A pool comes and goes ---- */

/* The leaf of the pool table that has an entry for the unit; 0: no memory. */
static COLD int leaf_add(u32 unit) {
  addr *leaf = &pym__space.leaves[unit / LEAF_POOLS];
  if (*leaf) return 1;
  const u32 bytes = LEAF_POOLS * (u32)sizeof(struct pym__pool);
  void *block = pym__raw_alloc(&pym__main, INTERNAL, bytes, PYM_RAW_ALIGNMENT, 0);
  if (!block) return 0;
  __builtin_memset(block, 0, bytes);
  PYM__WRITE(*leaf, off(block));
  return 1;
}

static void link_blocks(addr base, u32 size, u32 n) {
  addr offset = base + POOL_HEADER;
  WORD_BY_WORD while (--n) {
    set_link(offset, (u16)(offset + size));
    offset += size;
  }
  set_link(offset, (u16)base);
}

/* Does it take the place of one that was reclaimed? */
static COLD void note_restored(struct pym_heap *heap, unsigned domain, u32 size) {
  u64 *reclaimed = &heap->reclaimed[domain - PYM_MEM];
  if (!(*reclaimed & class_bit(size))) return;
  *reclaimed &= ~class_bit(size);
  heap->restored_pools++;
}

/* A chunk for a pool, which the pool table has an entry for.  0: no memory. */
HOT addr pool_chunk(struct pym_heap *heap, unsigned domain) {
  LOCKED();
  struct pym_heap *source = heap == &pym__main && pym__hooked && pym__hooked->segment_alloc
                                ? pym__hooked
                                : raw_heap_of(heap);
  const addr run = take_run(heap);
  const addr chunk = run ? run
                         : pym__chunk_alloc(source, raw_domain_of(heap, domain), POOL_BYTES,
                                            POOL_BYTES, chunk_flags(INTERNAL));
  if (!chunk) return 0;
  if (leaf_add(unit_of(chunk + CHUNK_HEADER))) return run ? split_run(heap, run) : chunk;
  pym__chunk_free(source, chunk);
  return 0;
}

/* A usable pool for blocks of size bytes.  0: no memory. */
static COLD int pool_new(struct pym_heap *heap, unsigned domain, u32 size) {
  addr chunk = take_held_pool(heap);
  if (!chunk && !(chunk = pool_chunk(heap, domain))) return 0;
  const addr base = chunk + CHUNK_HEADER;
  const u32 unit = unit_of(base);
  struct pym__pool *pool = at(pym__space.leaves[unit / LEAF_POOLS]);
  pool[unit % LEAF_POOLS] =
      (struct pym__pool){(u16)(base + POOL_HEADER), 0, (u16)size, (u16)heap->id};
  *header_of(unit) = (struct pool_header){0, 0, check_of(unit, &pool[unit % LEAF_POOLS]), 0};
  link_blocks(base, size, pym__pool_capacity(size));
  usable_push(heap, unit, size);
  note_restored(heap, domain, size);
  heap->pools_used++;
  const u32 pools = heap->pools[size / 8] + 1;
  PYM__WRITE(heap->pools[size / 8], pools);
  if (pools > heap->pools_peak[size / 8]) PYM__WRITE(heap->pools_peak[size / 8], pools);
  return 1;
}

/* Hardened and debug builds: are all blocks of the pool in its list, as its entry says? */
static COLD void verify_whole(u32 unit, const struct pym__pool *pool) {
#if PYM_DEBUG >= 1
  const addr base = unit_base(unit);
  const u32 capacity = pym__pool_capacity(pool->size);
  u32 n = 0;
  for (addr offset = first_free(unit, pool); offset != base && n <= capacity; n++)
    offset = (offset & ~PYM__LINK_MAX) | link_in(offset);
  if (n != capacity) pym__corrupt(CAUSE_POOL, base, INTERNAL);
#else
  (void)unit, (void)pool;
#endif
}

/* No block of the pool is in use, and it is in no list: it is raw memory again. */
static COLD void pool_retire(struct pym_heap *heap, u32 unit, struct pym__pool *pool) {
  const addr chunk = unit_base(unit) - CHUNK_HEADER;
  PYM__WRITE(heap->pools[pool->size / 8], heap->pools[pool->size / 8] - 1);
  heap->pools_used--;
  *pool = (struct pym__pool){0, 0, 0, 0};
  if (hold_pool(heap, chunk)) return;
  LOCKED();
  struct pym_heap *raw = raw_heap_of(heap);
  struct pym_heap *source = is_sound(raw, chunk) ? raw : pym__hooked ? pym__hooked : raw;
  pym__chunk_free(source, chunk);
}

/* A block of the full pool came free while the list of its class and domain is empty: it is the
 * list, and the pool is current. */
static int make_current(struct pym_heap *heap, unsigned domain, u32 unit, struct pym__pool *pool,
                        addr offset) {
  const u32 size = pool->size;
  struct list *list = list_of(heap, domain, size);
  u32 *current = current_of(heap, domain, size);
  if (list->count || !is_open(heap, domain) || UNLIKELY(PYM__READ(pym__limits) != NULL)) return 0;
  if (*current) {
    struct pym__pool *before = entry_of(*current);
    if (before->free != no_block(*current)) return 0;
    before->left = 1;
  }
  *(u64 *)(void *)list = list_word(offset, 1);
  *current = unit;
  pool->free = no_block(unit);
  pool->left = (u16)pym__pool_capacity(size);
  filled_add(heap, domain, size, 1);
  return 1;
}

void pym__pool_transition(struct pym_heap *heap, unsigned domain, addr offset) {
  LOCKED_FOR(heap);
  const u32 unit = unit_of(offset);
  struct pym__pool *pool = entry_of(unit);
  const u32 size = pool->size;
  if (UNLIKELY(pool->heap != (u16)heap->id || !is_sound_pool(unit, pool)))
    pym__corrupt(CAUSE_POOL, offset, INTERNAL);
  if (link_in(offset) == no_block(unit)) { /* it was full: this is the first block to come back */
    if (make_current(heap, domain, unit, pool, offset)) return;
    pool->left = (u16)(pym__pool_capacity(size) - 1);
    usable_push(heap, unit, size);
  } else if (!is_current(heap, unit, size)) {
    verify_whole(unit, pool);
    usable_remove(heap, unit, size);
    pool_retire(heap, unit, pool);
  }
}

/* ---- Blocks between pools and the lists that are allocated from ---- */

int pym__has_usable(const struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 unit = heap->current[domain - PYM_MEM][size / PYM_ALIGNMENT];
  return heap->usable[size / 8] || (unit && entry_of(unit)->free != no_block(unit));
}

/* The list's blocks are in their pool's own list again, and the pool is current no more. */
static COLD void leave_current(struct pym_heap *heap, unsigned domain, u32 size) {
  struct list *list = list_of(heap, domain, size);
  const u32 unit = *current_of(heap, domain, size), n = list->count;
  struct pym__pool *pool = entry_of(unit);
  if (n) {
    addr last = list->block;
    for (u32 i = 1; i < n; i++) last = (last & ~PYM__LINK_MAX) | link_in(last);
    if (UNLIKELY(link_in(last) != no_block(unit)))
      pym__corrupt(CAUSE_TWICE_OR_WRITTEN, last, domain);
    pool->left = (u16)(pym__pool_used(pool) - n);
    set_link(last, pool->free);
    pool->free = (u16)list->block;
    filled_add(heap, domain, size, 0 - (u64)n);
    pym__count_class(heap, domain, size);
  }
  *list = (struct list){0, 0};
  *current_of(heap, domain, size) = 0;
  if (pool->free == no_block(unit)) pool->left = 1;
  else usable_push(heap, unit, size);
}

/* Make sure of a usable pool.  An arena hook may be called, and may use the heap. */
static COLD int find_usable(struct pym_heap *heap, unsigned domain, u32 size) {
  if (*current_of(heap, domain, size)) leave_current(heap, domain, size);
  return heap->usable[size / 8] || pool_new(heap, domain, size);
}

/* One block of the first usable pool. */
static COLD u64 pool_pop_block(struct pym_heap *heap, unsigned domain, u32 size) {
  if (!find_usable(heap, domain, size)) return 0;
  const u32 unit = heap->usable[size / 8];
  verified_links_cold(heap, unit, size);
  struct pym__pool *pool = entry_of(unit);
  const addr offset = first_free(unit, pool);
  const u16 next = link_in(offset);
  set_link(offset, no_block(unit));
  pool->free = next;
  pool->left = (u16)(pool->left + 1);
  if (next == no_block(unit)) {
    usable_remove(heap, unit, size);
    pool->left = 1;
  }
  return list_word(offset, 1);
}

#define TOUCH_LEAST 16u /* blocks: for fewer it is not worth the while */
/* Reads every cache line of the pool.  Blocks that came free long ago are met by malloc in an order
 * that no processor foresees, each miss waiting for the one before; these do not wait. */
HOT void touch_lines(u32 unit) {
  const volatile u32 *line = at(unit_base(unit));
  for (u32 i = 0; i < POOL_BYTES / 4; i += 16) PYM__TOUCH(line[i]);
}

/* All free blocks of one pool, which is current from now on: the current one, if blocks of it came
 * free meanwhile, or else the next. */
HOT u64 pool_pop_all(struct pym_heap *heap, unsigned domain, u32 size) {
  u32 *current = current_of(heap, domain, size), unit;
  struct pym__pool *pool;
  int is_new = 0; /* its blocks will be met one behind the other */
  while ((unit = *current) == 0 || (pool = entry_of(unit))->free == no_block(unit)) {
    if (unit) pool->left = 1; /* it is full */
    *list_of(heap, domain, size) = (struct list){0, 0};
    if (LIKELY((*current = usable_pop(heap, size)) != 0)) continue;
    if (!pool_new(heap, domain, size)) return 0;
    is_new = 1;
    /* An arena hook may have asked for blocks of the class. */
    if (UNLIKELY(list_of(heap, domain, size)->count))
      return *(u64 *)(void *)list_of(heap, domain, size);
  }
  const addr offset = first_free(unit, pool);
  const u32 capacity = pym__pool_capacity(size), n = capacity - pool->left;
  if (n >= TOUCH_LEAST && 4 * n > capacity && !is_new) touch_lines(unit);
  pool->free = no_block(unit);
  pool->left = (u16)capacity;
  filled_add(heap, domain, size, n);
  return list_word(offset, n);
}

/* Of the blocks that were taken no more than `most` go out; the others are their pool's own list.
 */
static COLD u64 take_fewer(struct pym_heap *heap, unsigned domain, u32 size, u32 granted,
                           u64 taken) {
  const u32 n = (u32)(taken >> PYM__COUNT_SHIFT), unit = *current_of(heap, domain, size);
  addr last = PYM__LIST_BLOCK(taken);
  if (granted == 1) filled_add(heap, domain, size, 1);
  if (n <= granted || entry_of(unit)->free != no_block(unit)) return taken;
  for (u32 i = 1; i < granted; i++) last = (last & ~PYM__LINK_MAX) | link_in(last);
  entry_of(unit)->free = link_in(last);
  entry_of(unit)->left = (u16)(pym__pool_capacity(size) - (n - granted));
  set_link(last, no_block(unit));
  filled_add(heap, domain, size, 0 - (u64)(n - granted));
  return list_word(PYM__LIST_BLOCK(taken), granted);
}

void *pym__refill(struct pym_heap *heap, unsigned domain, u32 size, u32 granted, usize replaced) {
  struct list *list = list_of(heap, domain, size);
  if (UNLIKELY(list->count ||
               list->block != unit_base(*current_of(heap, domain, size)))) /* it did not end so */
    pym__corrupt(CAUSE_FREED_WRITTEN, list->block, domain);
  u64 taken =
      LIKELY(granted > 1) ? pool_pop_all(heap, domain, size) : pool_pop_block(heap, domain, size);
  if (UNLIKELY(!taken)) return NULL;
  if (UNLIKELY(granted < POOL_BYTES)) taken = take_fewer(heap, domain, size, granted, taken);
  *(u64 *)(void *)list = taken;
  if (UNLIKELY(!heap->is_reclaimable) && !is_thread_heap(heap)) pym__reclaimable(heap);
  void *block = pym__pop(&heap->hot, domain, size);
  if (UNLIKELY(!block)) pym__corrupt(CAUSE_FREED_WRITTEN, list->block, domain);
  /* Without a current pool nothing may lead to one: it may be raw memory one day. */
  if (UNLIKELY(granted == 1)) *list = (struct list){0, 0};
  count_class(heap, domain, size); /* with this block out: it lives */
  charge(heap, domain, 0, replaced);
  return block;
}

COLD void pym__list_return(struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 unit = *current_of(heap, domain, size);
  if (!unit) return;
  leave_current(heap, domain, size);
  struct pym__pool *pool = entry_of(unit);
  if (pool->left) return;
  usable_remove(heap, unit, size);
  pool_retire(heap, unit, pool);
}

/* Is the block at offset one of a pool's list of at most n that begins at `first`? */
static int is_in(addr offset, addr first, u32 n) {
  const addr base = base_of(offset);
  for (; n && first != base; n--) {
    if (first == offset) return 1;
    first = (first & ~PYM__LINK_MAX) | link_in(first);
  }
  return 0;
}

COLD int pym__pool_has_free(struct pym_heap *heap, const struct pym__pool *pool, addr offset) {
  const u32 unit = unit_of(offset), s = pool->size;
  if (is_in(offset, first_free(unit, pool), pym__pool_capacity(s))) return 1;
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) {
    const struct list *list = list_of(heap, domain, s);
    if (*current_of(heap, domain, s) == unit && is_in(offset, list->block, list->count)) return 1;
  }
  return 0;
}

COLD int pym__list_retire(struct pym_heap *heap, unsigned domain, u32 size) {
  const u32 unit = *current_of(heap, domain, size), n = list_of(heap, domain, size)->count;
  if (!unit || pym__pool_used(entry_of(unit)) != n) return 0;
  *list_of(heap, domain, size) = (struct list){0, 0};
  filled_add(heap, domain, size, 0 - (u64)n);
  pym__count_class(heap, domain, size);
  *current_of(heap, domain, size) = 0;
  pool_retire(heap, unit, entry_of(unit));
  return 1;
}
