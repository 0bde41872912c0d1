/* Freed memory that a thread holds for its own next requests, so that most of them need no lock.
 *
 * Raw blocks: in the eyes of the default heap they are blocks in use, header and counters, since a
 * header is not to be written to without the lock: the chunk before may become free at any time,
 * which its flag CHUNK_PREV_FREE tells.  So the first word of a held block says that it is free:
 * (HELD ^ offset) << 32 | link to the next, encoded with the key as links are.  It is different
 * at each place, so a copy of that memory is not taken for a held block.
 *
 * Pools: an INTERNAL chunk that the pool table has no class for, as cached chunks are. */
#include "core/thread_hold.h"
#include "core/account.h"
#include "core/chunk.h"
#include "core/chunk_layout.h"
#include "core/corrupt.h"
#include "core/space.h"

#define LOG_LEAST 9u
#define HELD_LEAST 576u /* bytes of a chunk */
_Static_assert(1u << LOG_LEAST << HELD_SIZES / 8 == CACHED_CHUNK_MAX &&
                   HELD_LEAST == (1u << LOG_LEAST) * 9 / 8 && 1u << LOG_LEAST <= PYM_SMALL_MAX,
               "eight sizes to a doubling");

/* The sizes from 0, HELD_LEAST, on: that of a chunk of `size` bytes, rounded up. */
HOT u32 index_up(u32 size) {
  const u32 log = 31 - (u32)__builtin_clz(size - 1);
  return (log - LOG_LEAST) * 8 + ((size - 1) >> (log - 3) & 7);
}
HOT u32 size_at(u32 index) { return (8 + (index & 7) + 1) << (index / 8 + LOG_LEAST - 3); }
/* The largest of them that a chunk of `size` bytes serves. */
HOT u32 index_down(u32 size) { return index_up(size + 1) - 1; }

/* The header of a chunk in use, read without the lock: 0 if it is not sound.  Its flag
 * CHUNK_PREV_FREE may be changing, first in the head and then in the check. */
#if PYM__MEMORY64
HOT usize head_without_lock(addr chunk) {
  const u64 header = PYM__READ(chunk_at(chunk)->header);
  const usize head = header & (((usize)1 << HEAD_BITS) - 1);
  return (check_for(chunk, head, key_of(&pym__main)) | head) == header ? head : 0;
}
#else
HOT usize head_without_lock(addr chunk) {
  const u32 head = PYM__READ(chunk_at(chunk)->head), check = PYM__READ(chunk_at(chunk)->check);
  return (check ^ head ^ chunk ^ key_of(&pym__main)) & ~CHUNK_PREV_FREE ? 0 : head;
}
#endif

HOT void count_held(struct hold *hold, u32 blocks, u32 bytes) {
  PYM__WRITE(hold->blocks, hold->blocks + blocks);
  PYM__WRITE(hold->bytes, hold->bytes + bytes);
}

/* ---- Raw blocks ---- */

u32 pym__holdable_size(u32 n) {
  const u32 size = (u32)chunk_size_for(n);
  return size >= CACHED_CHUNK_MAX ? n : size_at(index_up(size)) - CHUNK_HEADER;
}

/* The first of a list, taken out. */
HOT void *held_pop(struct hold *hold, u32 index) {
  const addr o = from_link(hold->first[index]);
  const usize head = head_without_lock(o - CHUNK_HEADER);
  const u64 word = *(const pym__word *)at(o) ^ pym__key;
  if (UNLIKELY(word >> 32 != (HELD ^ (u32)o) || !head))
    pym__corrupt(CAUSE_FREED_WRITTEN, o, PYM_RAW);
  *(pym__word *)at(o) = 0;
  hold->first[index] = (u32)word;
  if (!(u32)word) hold->sizes &= ~(1u << index);
  count_held(hold, ~0u, CHUNK_HEADER - (u32)(head & ~CHUNK_FLAGS));
  return at(o);
}

static void flush_size(struct hold *hold, u32 index) {
  while (hold->first[index]) pym__raw_free(&pym__main, PYM_RAW, held_pop(hold, index));
}

HOT u32 most_bytes(const struct hold *hold) { return HELD_BYTES_LEAST << hold->doubled; }

/* It holds too much.  What it allocated from what it held since the last time tells what to do: if
 * that is as much as it holds, it may hold more, or a quarter is freed, all blocks of one size
 * before the next size.  If it is less, the thread frees what others allocate: all is freed. */
static COLD void held_too_much(struct hold *hold) {
  const u32 most = most_bytes(hold);
  const int is_reused = hold->reused_bytes - hold->reused_then >= most;
  hold->reused_then = hold->reused_bytes;
  if (is_reused && hold->doubled < HELD_MOST_DOUBLED) {
    hold->doubled++;
    return;
  }
  if (!is_reused) hold->doubled = 0;
  LOCKED();
  while (hold->bytes > (is_reused ? most / 4 * 3 : 0))
    flush_size(hold, hold->next_size++ % HELD_SIZES);
}

int pym__hold_block(struct hold *hold, void *block) {
  const addr o = off(block), chunk = o - CHUNK_HEADER;
  if (UNLIKELY(!in_memory(chunk)) || UNLIKELY(PYM__READ(pym__limits) != NULL)) return 0;
  const usize head = head_without_lock(chunk), size = head & ~CHUNK_FLAGS;
  if ((head & (CHUNK_FLAGS & ~CHUNK_PREV_FREE)) != chunk_flags(PYM_RAW)) return 0;
  if (size < HELD_LEAST || size > CACHED_CHUNK_MAX) return 0;
  if (UNLIKELY(is_held(block))) pym__corrupt(CAUSE_RAW_TWICE, o, PYM_RAW);
  const u32 index = index_down((u32)size);
  *(pym__word *)block = ((u64)(HELD ^ (u32)o) << 32 | hold->first[index]) ^ pym__key;
  hold->first[index] = to_link(o);
  hold->sizes |= 1u << index;
  count_held(hold, 1, (u32)size - CHUNK_HEADER);
  if (UNLIKELY(hold->bytes > most_bytes(hold))) held_too_much(hold);
  return 1;
}

void *pym__held_block(struct hold *hold, u32 n) {
  const u32 size = (u32)chunk_size_for(n);
  if (size > CACHED_CHUNK_MAX) return NULL;
  const u32 index = index_up(size), bytes = hold->bytes, larger = hold->sizes >> index;
  if (!larger || (u32)__builtin_ctz(larger) > HELD_LARGER) return NULL;
  void *block = held_pop(hold, index + (u32)__builtin_ctz(larger));
  PYM__WRITE(hold->reused_blocks, hold->reused_blocks + 1);
  PYM__WRITE(hold->reused_bytes, hold->reused_bytes + (bytes - hold->bytes));
  return block;
}

/* ---- Pools ---- */

addr pym__hold_pop_pool(struct hold *hold) {
  return hold->n_pools ? hold->pools[--hold->n_pools] : 0;
}

int pym__hold_push_pool(struct hold *hold, addr chunk) {
  if (hold->n_pools == HELD_POOLS_MOST || !head_without_lock(chunk)) return 0;
  hold->pools[hold->n_pools++] = chunk;
  return 1;
}

/* A free of one of the thread's blocks writes to the entry of its pool.  Eight of those share a
 * cache line, which is not to go to and fro between threads. */
#define RUN_POOLS (CACHE_LINE / (u32)sizeof(struct pym__pool))
#define RUN_BYTES (RUN_POOLS * POOL_BYTES)
_Static_assert(RUN_POOLS <= HELD_POOLS_MOST, "the rest of one is held");

/* Whatever else is free, twice as much is enough for one where that ends. */
addr pym__run_alloc(void) {
  if (pym__top_bytes(&pym__main) < 2 * RUN_BYTES) return 0;
  return pym__chunk_alloc(&pym__main, PYM_RAW, RUN_BYTES, RUN_BYTES, chunk_flags(INTERNAL));
}

addr pym__hold_run(struct hold *hold, addr run) {
  const u32 flags = chunk_flags(INTERNAL);
  for (u32 i = RUN_POOLS - 1; i; i--) {
    set_head(&pym__main, run + i * POOL_BYTES, POOL_BYTES | flags);
    hold->pools[hold->n_pools++] = run + i * POOL_BYTES;
  }
  set_head(&pym__main, run, POOL_BYTES | flags | (head_at(run) & CHUNK_PREV_FREE));
  return run;
}

/* ---- All of it ---- */

int pym__hold_flush_much(struct hold *hold) {
  return hold->bytes >= HELD_BYTES_MUCH && pym__hold_flush(hold);
}

int pym__hold_flush(struct hold *hold) {
  if (!hold->blocks && !hold->n_pools) return 0;
  for (u32 index = 0; index < HELD_SIZES; index++) flush_size(hold, index);
  while (hold->n_pools) pym__chunk_free(&pym__main, hold->pools[--hold->n_pools]);
  return 1;
}

int pym__hold_check(const struct hold *hold, addr *where) {
  u32 blocks = 0, bytes = 0;
  for (u32 index = 0; index < HELD_SIZES; index++)
    for (u32 link = hold->first[index]; link;) {
      const addr o = from_link(link);
      *where = o;
      if (!in_memory(o - CHUNK_HEADER) || !is_held(at(o)) || blocks++ > hold->blocks) return 1;
      const u32 size = (u32)size_of(o - CHUNK_HEADER);
      if (index_down(size) != index || !(hold->sizes >> index & 1)) return 1;
      bytes += size - CHUNK_HEADER;
      link = (u32)(*(const pym__word *)at(o) ^ pym__key);
    }
  return blocks != hold->blocks || bytes != hold->bytes;
}
