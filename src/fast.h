/* The fast path of malloc and free for small blocks: the one source of it.  pymalloc.h inlines it
 * into callers on wasm, object.h into the library's own functions.
 *
 * malloc   takes the first block of a list: heap, domain and size class have one.  The list holds
 *          the free blocks that one pool, the class's current pool, had when it was last looked at
 * free     finds the pool's entry in the pool table by the address alone, and puts the block into
 *          the list of its own pool; if that is the current pool, into the list that malloc takes
 *          from: what was freed last is in the cache and is the next to go out
 *
 * A free block holds one word: the link to the next free block of its pool, encoded with the
 * instance's key.  A word that does not decode to a link ends the list: a list that has run empty
 * and a damaged block leave the fast path by that one comparison, a hook and a limit by a list that
 * is not there.  The same comparison at free notices a block that is free already. */
#ifndef PYM_FAST_H
#define PYM_FAST_H

#include <stddef.h>
#include <stdint.h>

#define PYM__CLASS_SLOTS 65 /* size / 8; slot 0 holds nothing */
#define PYM__POOL_SHIFT 12

/* 1: compiled for threads, see threads.h.  What the fast path shares with other threads is read and
 * written without order: plain loads and stores in wasm, where those do not tear. */
#if !defined(PYM_THREADS)
#if defined(__wasm_atomics__)
#define PYM_THREADS 1
#else
#define PYM_THREADS 0
#endif
#endif
#if PYM_THREADS && !defined(__wasm__)
#define PYM__READ(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define PYM__WRITE(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define PYM__TOUCH(x) ((void)sizeof(x)) /* a read of anybody's bytes, whose value is not used */
#else
#define PYM__READ(x) (x)
#define PYM__WRITE(x, value) ((x) = (value))
#define PYM__TOUCH(x) ((void)(x))
#endif

/* An offset in linear memory, or a number of its bytes; leaves of the pool table, one for each 4
 * MiB; where the count of a list's blocks begins, above the offset of the first. */
typedef pym_size pym__addr;
#define PYM__LINK_MAX ((pym__addr)0xffff)
#if PYM__MEMORY64
#define PYM__LEAVES 4096
#define PYM__COUNT_SHIFT 48
#define PYM__LIST_BLOCK(list) ((list) & (((uint64_t)1 << PYM__COUNT_SHIFT) - 1))
#else
#define PYM__LEAVES 1024
#define PYM__COUNT_SHIFT 32
#define PYM__LIST_BLOCK(list) ((uint32_t)(list))
#endif

#if defined(__GNUC__)
#define PYM__MAY_ALIAS __attribute__((may_alias))
#define PYM__FAST static inline __attribute__((always_inline, unused))
#define PYM__RARE(x) __builtin_expect(!!(x), 0)
#else
#define PYM__MAY_ALIAS
#define PYM__FAST static inline
#define PYM__RARE(x) (x)
#endif
typedef uint64_t PYM__MAY_ALIAS pym__word; /* of a user's block */

/* What the fast path reads of a heap; it begins one.  Arrays are indexed by domain (mem, object)
 * and by size class, 8 bytes a class, so the rounded size itself is the offset of the element.
 *
 * lists   offset of the first block, and from bit PYM__COUNT_SHIFT on the number of blocks
 * frees   blocks ever freed into their pools
 * reused  blocks ever freed into a list
 * closed  what an encoded link has to be above for the fast path of free: PYM__LINK_MAX, or all
 *         ones where every call takes the slow way
 * span    by how much an address may differ from that of a list's first block, as an exclusive or,
 *         for a freed block to join the list: the bytes of a pool less 1, or 0 while a profile is
 *         on: the blocks that go out between two refills are then those that a refill counted */
struct pym__hot {
  uint64_t lists[2][PYM__CLASS_SLOTS];
  uint64_t frees[2][PYM__CLASS_SLOTS];
  uint64_t reused[2][PYM__CLASS_SLOTS];
  uint64_t closed[2];
  uint32_t span, reserved;
};

/* What belongs to a class of s bytes: the structure moved on so that element 0 of each array is the
 * class's.  All of its fields are then at constant offsets from one address. */
PYM__FAST struct pym__hot *pym__hot_at(struct pym__hot *h, uint32_t s) {
  return (struct pym__hot *)(void *)((char *)h + s);
}

/* An entry of the pool table: what is known of 4 KiB of memory.
 *
 * free   low half of the address of the pool's first free block; that of the pool itself: none
 * left   frees until the slow path has to look: the pool was full, or is empty
 * size   of its blocks, 0: no pool
 * heap   low half of the owner's id */
struct pym__pool {
  uint16_t free, left, size, heap;
};

/* ---- Names of the layout in the linker's eyes ---------------------------------------------
 *
 * They say which layout a caller was compiled for: an old object does not link with a new library,
 * nor one that inlined the unchecked fast path with a hardened library. */
#if defined(PYM_DEBUG) && PYM_DEBUG >= 1
#define PYM__SYMBOL(name) name "_v3_checked"
#else
#define PYM__SYMBOL(name) name "_v3"
#endif

#if defined(__wasm__)
#define PYM__AT(offset) ((void *)(uintptr_t)(offset))
extern uint64_t pym__key __asm__(PYM__SYMBOL("pym__key"));
extern struct pym__hot pym__main_hot __asm__(PYM__SYMBOL("pym__main"));
extern pym__addr pym__leaves[PYM__LEAVES] __asm__(PYM__SYMBOL("pym__space"));
#else
#if !defined(PYM__NATIVE_BASE)
#define PYM__NATIVE_BASE 0x200000000000u
#endif
#define PYM__AT(offset) ((void *)(PYM__NATIVE_BASE + (uintptr_t)(offset))) /* linmem.h */
extern uint64_t pym__key;
#define pym__leaves ((pym__addr *)PYM__AT(1024))
#endif

/* A block of s bytes (a multiple of 8 up to 512), or NULL: the slow way. */
PYM__FAST void *pym__pop(struct pym__hot *h, unsigned domain, uint32_t s) {
  uint64_t *list = pym__hot_at(h, s)->lists[domain - 1], now = *list, link;
  pym__word *block = (pym__word *)PYM__AT(PYM__LIST_BLOCK(now));
  if (PYM__RARE(!PYM__LIST_BLOCK(now)))
    return NULL; /* address 0 is not for reading: sanitizers say so */
  link = *block ^ pym__key;
  if (PYM__RARE(link > PYM__LINK_MAX)) return NULL;
  PYM__WRITE(*list, ((now & ~(uint64_t)PYM__LINK_MAX) | link) - ((uint64_t)1 << PYM__COUNT_SHIFT));
  *block = 0;
  return block;
}

/* The entry of the pool that lies at this offset; NULL: there is none.  Any offset may be passed.
 */
PYM__FAST struct pym__pool *pym__pool_at(pym__addr offset) {
  struct pym__pool *pool;
  pym__addr leaf;
#if PYM__MEMORY64
  if (PYM__RARE(offset >> 22 >= PYM__LEAVES)) return NULL;
#endif
  leaf = PYM__READ(pym__leaves[offset >> 22]);
  if (PYM__RARE(!leaf)) return NULL;
  pool = (struct pym__pool *)PYM__AT(leaf +
                                     (offset >> PYM__POOL_SHIFT & 1023) * (pym__addr)sizeof *pool);
  return PYM__RARE(!pool->size) ? NULL : pool;
}

/* Put the block into the class's list if its pool is current, or else, and while a profile is on,
 * into its pool.  Returns what
 * is left of pool->left, or not 0. */
PYM__FAST uint32_t pym__push(struct pym__hot *h, unsigned domain, struct pym__pool *pool, void *p,
                             pym__addr offset) {
  struct pym__hot *class_hot = pym__hot_at(h, pool->size);
  uint64_t *list = class_hot->lists[domain - 1], now = *list;
  uint32_t left;
  if ((PYM__LIST_BLOCK(now) ^ offset) <= PYM__READ(h->span)) {
    *(pym__word *)p = (now & PYM__LINK_MAX) ^ pym__key;
    PYM__WRITE(*list, ((now & ~(uint64_t)PYM__LINK_MAX) | (uint16_t)offset) +
                          ((uint64_t)1 << PYM__COUNT_SHIFT));
    class_hot->reused[domain - 1][0]++;
    return 1;
  }
  *(pym__word *)p = pool->free ^ pym__key;
  left = pool->left - 1u;
  pool->free = (uint16_t)offset;
  pool->left = (uint16_t)left;
  PYM__WRITE(class_hot->frees[domain - 1][0], class_hot->frees[domain - 1][0] + 1);
  return left;
}

#endif
