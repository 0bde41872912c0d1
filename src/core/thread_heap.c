/* malloc for threads: each has a heap of its own for small blocks.
 *
 *   malloc   the fast path on the thread's heap, reached through a thread-local variable: no lock
 *   free     the pool table says whose heap the block is of.  The thread's own: the fast path.
 *            Another's: the block waits in a batch, and the batch goes to its owner by one
 *            compare-exchange, into the owner's inbox
 *   inbox    is emptied by the owner whenever one of its lists is empty
 *
 * A block on its way is linked through its first word:  REMOTE << 32 | link to the next, encoded
 * with the key as links in pools are.  It counts as used in its pool; sent_bytes and taken_bytes
 * tell how much is on its way, so limits know that it is free.
 *
 * Raw blocks have no owner: who frees one holds it for its own next requests (thread_hold.c).
 *
 * A thread that ends leaves its heap, blocks in use and all, to the next one that starts; meanwhile
 * whoever is short of memory empties its inbox. */
#include "core/thread_heap.h"
#include "core/account.h"
#include "core/chunk.h"
#include "core/chunk_layout.h"
#include "core/corrupt.h"
#include "core/heap.h"
#include "core/object.h"
#include "core/reclaim.h"
#include "core/space.h"

#define REMOTE 0x7e307e30u

/* Of a thread that has none: nothing is on its lists, and its fast path is closed. */
static struct pym_heap no_heap = {.hot.closed = {~(u64)0, ~(u64)0}};
_Thread_local struct pym_heap *pym__thread_heap = &no_heap;

/* By id, and how many ids were given out; heaps that no thread has. */
static addr heap_of_id[THREAD_SLOTS], orphans;
static u32 ids_used = 1;

static struct thread_heap *own(void) { return (struct thread_heap *)(void *)pym__thread_heap; }
static int has_heap(void) { return pym__thread_heap != &no_heap; }
static struct thread_heap *heap_with_id(u32 id) { return at(heap_of_id[id]); }

static int is_id_of_thread(u32 id) { return id > 1 && id < THREAD_SLOTS && heap_of_id[id]; }

struct pym_heap *pym__owner_of(struct pym_heap *h, const struct pym__pool *pool) {
  return is_id_of_thread(pool->heap) ? &heap_with_id(pool->heap)->heap : h;
}

int pym__is_pool_of(const struct pym_heap *h, const struct pym__pool *pool) {
  return is_thread_heap(h) ? pool->heap == h->id : !is_id_of_thread(pool->heap);
}

struct pym_heap *pym__next_thread(const struct pym_heap *h) {
  return h->id < ids_used ? &heap_with_id(h->id + 1)->heap : NULL;
}

/* ---- What threads hold ---- */

static struct hold *hold_of(struct pym_heap *heap) {
  return &((struct thread_heap *)(void *)heap)->hold;
}

addr pym__held_pool(struct pym_heap *heap) { return pym__hold_pop_pool(hold_of(heap)); }

int pym__hold_pool(struct pym_heap *heap, addr chunk) {
  return pym__hold_push_pool(hold_of(heap), chunk);
}

addr pym__run_split(struct pym_heap *heap, addr run) { return pym__hold_run(hold_of(heap), run); }

u32 pym__held_pools(void) {
  u32 n = 0;
  for (u32 id = 2; id <= ids_used; id++) n += heap_with_id(id)->hold.n_pools;
  return n;
}

int pym__flush_thread(void) { return has_heap() && pym__hold_flush_much(&own()->hold); }

int pym__check_held(addr *where) {
  for (u32 id = 2; id <= ids_used; id++)
    if (pym__hold_check(&heap_with_id(id)->hold, where)) return 1;
  return 0;
}

/* ---- Blocks on their way ---- */

static void set_next(addr o, u32 next) {
  *(pym__word *)at(o) = ((u64)REMOTE << 32 | next) ^ pym__key;
}

static void send(struct batch *b) {
  if (!b->count) return;
  u32 *inbox = &heap_with_id(b->owner)->inbox;
  u32 head = __atomic_load_n(inbox, __ATOMIC_RELAXED);
  do set_next(from_link(b->last), head);
  while (
      !__atomic_compare_exchange_n(inbox, &head, b->first, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  b->first = b->count = 0;
}

static void send_all(struct thread_heap *t) {
  for (struct batch *b = t->batches; b < t->batches + BATCHES; b++) send(b);
}

/* p, of a pool of another thread's heap. */
static void free_for_other(struct thread_heap *t, const struct pym__pool *pool, void *p) {
  struct batch *b = &t->batches[pool->heap % BATCHES];
  if (UNLIKELY(b->owner != pool->heap)) {
    send(b);
    b->owner = pool->heap;
  }
  set_next(off(p), b->first);
  if (!b->count++) b->last = to_link(off(p));
  b->first = to_link(off(p));
  PYM__WRITE(t->sent_bytes, t->sent_bytes + pool->size);
  PYM__WRITE(t->sent_blocks, t->sent_blocks + 1);
  if (UNLIKELY(b->count >= BATCH_MOST)) send(b);
}

/* What others freed goes home. */
static COLD void empty_inbox(struct thread_heap *t) {
  u32 link = __atomic_exchange_n(&t->inbox, 0, __ATOMIC_ACQUIRE);
  while (link) {
    const addr o = from_link(link);
    struct pym__pool *pool = pym__pool_at(o);
    if (UNLIKELY(!pool || pool->heap != t->heap.id)) pym__corrupt(CAUSE_LINKS, o, PYM_OBJ);
    const u64 next = *(const pym__word *)at(o) ^ pym__key;
    if (UNLIKELY(next >> 32 != REMOTE)) pym__corrupt(CAUSE_TWICE_OR_WRITTEN, o, PYM_OBJ);
    t->taken_bytes += pool->size;
    t->taken_blocks++;
    put_block(&t->heap, PYM_OBJ, pool, at(o));
    link = (u32)next;
  }
}

HOT int has_mail(const struct thread_heap *t) {
  return __atomic_load_n(&t->inbox, __ATOMIC_RELAXED) != 0;
}

/* ---- A thread gets a heap and leaves it.  The lock is held. ---- */

static COLD struct thread_heap *new_heap(void) {
  if (ids_used == THREAD_SLOTS - 1) return NULL;
  struct thread_heap *t = pym__raw_alloc(&pym__main, INTERNAL, THREAD_HEAP_BYTES, CACHE_LINE, 0);
  if (!t) return NULL;
  __builtin_memset(t, 0, sizeof *t);
  pym__heap_init(&t->heap);
  t->heap.id = ++ids_used;
  heap_of_id[t->heap.id] = off(t);
  heap_link(&t->heap);
  pym__open(&t->heap);
  return t;
}

static COLD void get_heap(void) {
  struct thread_heap *t = at(orphans);
  if (orphans) orphans = t->next_orphan;
  else t = new_heap();
  if (!t) return;
  pym__thread_heap = &t->heap;
  PYM__WRITE(pym__space.threads, pym__space.threads + 1);
  pym__thread_end_notice();
}

void pym_thread_end(void) {
  if (!has_heap()) return;
  LOCKED();
  struct thread_heap *t = own();
  pym__thread_heap = &no_heap;
  PYM__WRITE(pym__space.threads, pym__space.threads - 1);
  send_all(t);
  empty_inbox(t);
  pym__lists_return(&t->heap);
  pym__hold_flush(&t->hold);
  t->next_orphan = orphans;
  orphans = off(t);
}

/* Its pools that hold nothing are free memory.  0: there was none. */
static COLD int reclaim_orphan(struct thread_heap *t) {
  const u32 before = t->heap.pools_used;
  empty_inbox(t);
  pym__lists_return(&t->heap);
  return pym__hold_flush(&t->hold) || t->heap.pools_used != before;
}

COLD int pym__reclaim_threads(void) {
  int any = 0;
  if (has_heap()) send_all(own());
  for (addr o = orphans; o; o = ((struct thread_heap *)at(o))->next_orphan)
    any |= reclaim_orphan(at(o));
  return any;
}

void pym__trim_thread(void) {
  pym__reclaim_threads();
  if (!has_heap()) return;
  empty_inbox(own());
  pym__lists_return(&own()->heap);
  pym__hold_flush(&own()->hold);
}

/* ---- Limits ---- */

/* Blocks of a class that left their pools: in use, in a list, or on their way.  What is freed
 * meanwhile may be counted, what is allocated is: it is read last. */
static u64 taken_of(const struct pym_heap *heap, u32 class) {
  const u64 frees = PYM__READ(heap->hot.frees[PYM_OBJ - PYM_MEM][class]);
  return PYM__READ(heap->filled[PYM_OBJ - PYM_MEM][class]) - frees;
}

usize pym__charged_in(const struct pym_heap *h, unsigned d) {
  u64 charged = h->domains[d].charged;
  for (u32 id = 2; h == &pym__main && d != PYM_MEM && id <= ids_used; id++) {
    const struct thread_heap *t = heap_with_id(id);
    if (d == PYM_RAW) charged -= PYM__READ(t->hold.bytes);
    if (d == PYM_RAW) continue;
    charged += t->taken_bytes - PYM__READ(t->sent_bytes);
    for (u32 class = 1; class < CLASS_SLOTS; class ++)
      charged += taken_of(&t->heap, class) * class * PYM_ALIGNMENT;
  }
  return (usize)charged;
}

void pym__open_threads(const struct pym_heap *h) {
  if (h != &pym__main) return;
  for (u32 id = 2; id <= ids_used; id++) pym__open(&heap_with_id(id)->heap);
}

/* ---- Statistics ---- */

/* Nothing is written: other threads run.  A figure that moved while it was read is not below 0. */
static u64 live_of(const struct pym_heap *heap, u32 class) {
  const u64 listed = PYM__READ(heap->hot.lists[PYM_OBJ - PYM_MEM][class]) >> PYM__COUNT_SHIFT;
  const u64 taken = taken_of(heap, class);
  return taken > listed ? taken - listed : 0;
}
static u64 total_of(const struct pym_heap *heap, u32 class) {
  return live_of(heap, class) + PYM__READ(heap->hot.frees[PYM_OBJ - PYM_MEM][class]) +
         PYM__READ(heap->hot.reused[PYM_OBJ - PYM_MEM][class]);
}

static void add_small(const struct thread_heap *t, pym_domain_stats *out) {
  u64 blocks = t->taken_blocks - PYM__READ(t->sent_blocks),
      bytes = t->taken_bytes - PYM__READ(t->sent_bytes);
  for (u32 class = 1; class < CLASS_SLOTS; class ++) {
    const u64 live = live_of(&t->heap, class), total = total_of(&t->heap, class);
    blocks += live;
    bytes += live * class * PYM_ALIGNMENT;
    out->total_blocks += total;
    out->total_bytes += total * class * PYM_ALIGNMENT;
  }
  out->live_blocks += blocks;
  out->live_bytes += bytes;
  out->peak_bytes += PYM__READ(t->heap.domains[PYM_OBJ].peak);
  out->failures += PYM__READ(t->heap.domains[PYM_OBJ].failures);
}

static void add_raw(const struct hold *hold, pym_domain_stats *out) {
  out->live_blocks -= PYM__READ(hold->blocks);
  out->live_bytes -= PYM__READ(hold->bytes);
  out->total_blocks += PYM__READ(hold->reused_blocks);
  out->total_bytes += PYM__READ(hold->reused_bytes);
}

void pym__add_threads(const struct pym_heap *h, unsigned d, pym_domain_stats *out) {
  if (h != &pym__main || d == PYM_MEM) return;
  for (u32 id = 2; id <= ids_used; id++)
    if (d == PYM_RAW) add_raw(&heap_with_id(id)->hold, out);
    else add_small(heap_with_id(id), out);
  if (out->peak_bytes < out->live_bytes) out->peak_bytes = out->live_bytes;
}

void pym__add_threads_class(const struct pym_heap *h, u32 class, pym_class_stats *out) {
  for (u32 id = 2; h == &pym__main && id <= ids_used; id++) {
    const struct pym_heap *heap = &heap_with_id(id)->heap;
    out->live_blocks += live_of(heap, class);
    out->total_blocks += total_of(heap, class);
    out->pools += PYM__READ(heap->pools[class]);
    out->peak_pools += PYM__READ(heap->pools_peak[class]);
  }
}

void pym__reset_threads(void) {
  __builtin_memset(heap_of_id, 0, sizeof heap_of_id);
  ids_used = 1;
  orphans = 0;
  pym__thread_heap = &no_heap;
}

/* ---- malloc and its family, what the fast path did not serve ---- */

/* Whatever it needs the lock for: no heap yet, a limit, more memory. */
static __attribute__((noinline)) void *malloc_locked(size_t n) {
  LOCKED();
  pym__start();
  if (UNLIKELY(!has_heap())) get_heap();
  if (n > PYM_SMALL_MAX || UNLIKELY(!has_heap())) {
    const int may_hold = n > PYM_SMALL_MAX && n < CACHED_CHUNK_MAX && !pym__limits;
    return pym__malloc_direct(&pym__main, PYM_RAW, may_hold ? pym__holdable_size((u32)n) : n);
  }
  if (has_mail(own())) empty_inbox(own());
  return pym__malloc_direct(&own()->heap, PYM_OBJ, n);
}

void *pym__thread_malloc(size_t n) {
  if (UNLIKELY(!has_heap()) || UNLIKELY(PYM__READ(pym__limits) != NULL)) return malloc_locked(n);
  if (n <= PYM_SMALL_MAX) {
    if (has_mail(own())) empty_inbox(own());
    return pym__malloc_direct(&own()->heap, PYM_OBJ, n);
  }
  void *block = n < CACHED_CHUNK_MAX ? pym__held_block(&own()->hold, (u32)n) : NULL;
  return block ? block : malloc_locked(n);
}

static void free_raw(void *p) {
  if (has_heap() && LIKELY(pym__hold_block(&own()->hold, p))) return;
  LOCKED();
  pym__raw_free(&pym__main, pym__raw_domain(&pym__main, p), p);
}

/* The thread frees and never had a block: it gets a heap for its batches, or sends this one block.
 */
static COLD void free_without_heap(const struct pym__pool *pool, void *p) {
  LOCKED();
  get_heap();
  if (has_heap()) {
    free_for_other(own(), pool, p);
    return;
  }
  struct batch one = {pool->heap, to_link(off(p)), to_link(off(p)), 1};
  heap_with_id(pool->heap)->taken_bytes -= pool->size; /* nobody counts it as sent */
  heap_with_id(pool->heap)->taken_blocks--;
  send(&one);
}

void pym__thread_free(void *p) {
  if (!p) return;
  pym__init(); /* a first call may bring anything */
  struct pym__pool *pool = pym__pool_at(off(p));
  if (!pool) {
    free_raw(p);
    return;
  }
  if (!is_id_of_thread(pool->heap) || pool->heap == pym__thread_heap->id) {
    pym__free_direct(has_heap() ? pym__thread_heap : &pym__main, PYM_OBJ, p);
    return;
  }
#if PYM_DEBUG >= 1
  pym__check_offset(off(p), pool, PYM_OBJ);
#endif
  if (has_heap()) free_for_other(own(), pool, p);
  else free_without_heap(pool, p);
}

void *pym__thread_realloc(void *p, size_t n) {
  const struct pym__pool *pool = pym__pool_at(off(p));
  if (!pool) {
    LOCKED();
    const unsigned d = pym__raw_domain(&pym__main, p);
    if (n > PYM_SMALL_MAX || d != PYM_RAW) return pym__realloc_direct(&pym__main, d, p, n);
  }
  const usize old = pool ? pool->size : (usize)pym_usable_size(p);
  if (pool && fits_in_place(old, n > PYM_SIZE_MAX ? PYM_UNLIMITED / 4 : n ? (usize)n : 1)) return p;
  void *to = try_malloc(pym__thread_heap, PYM_OBJ, n);
  if (!to) to = pym__thread_malloc(n);
  if (!to) return n <= old ? p : NULL; /* making it smaller never fails */
  __builtin_memcpy(to, p, n < old ? n : old);
  if (!try_free(pym__thread_heap, PYM_OBJ, p)) pym__thread_free(p);
  return to;
}
