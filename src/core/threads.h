/* What a build for threads adds to the core.  In a build for one thread all of it vanishes.
 *
 * - The lock guards raw memory, growth, the list of heaps, counters of domains, limits and events.
 *   Every slow path holds it: LOCKED() in the functions that begin one.  Its holder may take it
 *   again, as hooks and callbacks do.
 * - The mem and object domain and a heap's own functions are for one thread at a time, as the
 *   contract says.  So lists, pools and counters of the fast path need no lock, and no call of the
 *   raw domain touches them.
 * - A thread's heap serves malloc of one thread (thread_heap.c).  Pools are its own, and so are
 *   freed raw blocks and pools that it holds for its next requests (thread_hold.c).  It takes the
 *   lock only where memory of the default heap is needed or returned: LOCKED_FOR().  While a limit
 *   is set it takes the lock for every slow path, since limits are everybody's. */
#ifndef PYM_THREADS_H
#define PYM_THREADS_H

#if PYM_THREADS

/* Ids of the threads' heaps are 2 .. THREAD_SLOTS - 1, so that the pool table names them in full.
 */
#define THREAD_SLOTS 1024u
/* Half of the first word of a raw block that a thread holds. */
#define HELD 0x4e1d4e1du

/* Two threads that write to one cache line take it from each other.  What the one writes to while
 * the other reads or writes what lies next to it begins and ends at multiples of this. */
#define CACHE_LINE 64u

/* ---- lock_*.c, for thread_lock.c alone ---- */
void pym__port_lock(void);
void pym__port_unlock(void);
/* All that taking the lock writes to. */
struct lock {
  _Alignas(CACHE_LINE) int word; /* of a port that has no lock of its host's */
  u32 depth;                     /* how often its holder took it */
  const void *holder;            /* the address of a thread-local variable of it */
};
extern struct lock pym__the_lock;

/* ---- thread_lock.c ---- */
struct guard {
  int is_taken;
};
void pym__lock(void);
void pym__unlock(void);
HOT struct guard lock(void) {
  pym__lock();
  return (struct guard){1};
}
HOT void unlock(const struct guard *guard) {
  if (guard->is_taken) pym__unlock();
}
#define GUARD __attribute__((cleanup(unlock), unused)) const struct guard guard
#define LOCKED() GUARD = lock()

HOT int is_thread_heap(const struct pym_heap *h) { return h->id - 2 < THREAD_SLOTS - 2; }
/* Not for a thread's own heap. */
#define LOCKED_FOR(heap) \
  GUARD = is_thread_heap(heap) && LIKELY(!PYM__READ(pym__limits)) ? (struct guard){0} : lock()
/* Whose raw memory the pools of a heap are. */
HOT struct pym_heap *raw_heap_of(struct pym_heap *h) { return is_thread_heap(h) ? &pym__main : h; }
HOT unsigned raw_domain_of(const struct pym_heap *h, unsigned d) {
  return is_thread_heap(h) ? PYM_RAW : d;
}
/* The heap whose limits hold. */
HOT struct pym_heap *limited(struct pym_heap *h) { return raw_heap_of(h); }
/* May a call of domain d touch the lists of its heap?  Not from the raw domain: others use them. */
HOT int may_touch_lists(unsigned d) { return d == PYM_MEM || d == PYM_OBJ; }
#define MAY_TOUCH_OTHERS 0
HOT int is_owner(const struct pym_heap *h, const struct pym__pool *pool) {
  return h == &pym__main || pool->heap == (u16)h->id;
}
/* What one thread does for all others: written last, read before what it made is used. */
#define ACQUIRE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define RELEASE(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELEASE)
#define another_did(x) (x)
HOT u32 new_heap_id(void) {
  u32 id = ++pym__space.heap_ids;
  if (id > 1 && (u16)id < THREAD_SLOTS) id = pym__space.heap_ids += THREAD_SLOTS;
  return id;
}

/* ---- thread_heap.c ---- */
/* The heap that the pool is of: h, or a thread's. */
struct pym_heap *pym__owner_of(struct pym_heap *h, const struct pym__pool *pool);
int pym__is_pool_of(const struct pym_heap *h, const struct pym__pool *pool);
struct pym_heap *pym__next_thread(const struct pym_heap *h); /* the first, after the default heap */
/* What the threads have of the default heap's domain d, or of a class, is added. */
void pym__add_threads(const struct pym_heap *h, unsigned d, pym_domain_stats *out);
void pym__add_threads_class(const struct pym_heap *h, u32 class, pym_class_stats *out);
void pym__reset_threads(void);
#define is_pool_of(h, pool) pym__is_pool_of(h, pool)
/* What nobody but the caller can reclaim: of ended threads' heaps.  0: there was nothing. */
int pym__reclaim_threads(void);
void pym__trim_thread(void); /* lists, batches, inbox and held memory of the calling thread */
/* With all threads, if h is the default heap: what is live or in lists. */
usize pym__charged_in(const struct pym_heap *h, unsigned d);
void pym__open_threads(const struct pym_heap *h);
#define charged_in(h, d) pym__charged_in(h, d)

/* malloc and its family on the heap of the thread; what the fast path did not serve. */
extern _Thread_local struct pym_heap *pym__thread_heap;
void *pym__thread_malloc(size_t n);
void *pym__thread_realloc(void *p, size_t n);
void pym__thread_free(void *p);

/* ---- freed memory that a thread holds ---- */
/* A chunk for a pool of a thread's heap; 0: it holds none.  hold: 0, it is not held. */
addr pym__held_pool(struct pym_heap *heap);
int pym__hold_pool(struct pym_heap *heap, addr chunk);
#define take_held_pool(heap) (is_thread_heap(heap) ? pym__held_pool(heap) : 0)
#define hold_pool(heap, chunk) (is_thread_heap(heap) && pym__hold_pool(heap, chunk))
/* A run of chunks for pools, all for one thread: as many as have their entries in one cache line of
 * the pool table.  alloc: one chunk, 0 if memory would have to grow for it.  split: the first of
 * them; the heap holds the others. */
addr pym__run_alloc(void);
addr pym__run_split(struct pym_heap *heap, addr run);
#define take_run(heap) (is_thread_heap(heap) ? pym__run_alloc() : 0)
#define split_run(heap, run) pym__run_split(heap, run)
u32 pym__held_pools(void);   /* of all threads */
int pym__flush_thread(void); /* what the calling thread holds is freed; 0: it holds nothing */
/* Is the raw block at p one that some thread holds?  Its first word says so, at this place only. */
HOT int is_held(const void *p) {
  return (*(const pym__word *)p ^ pym__key) >> 32 == (HELD ^ (u32)off(p));
}
int pym__check_held(addr *where); /* not 0: what a thread holds is not sound */

/* ---- thread_end_*.c: have pym_thread_end called when the thread ends ---- */
void pym__thread_end_notice(void);

#else

#define LOCKED() ((void)0)
#define LOCKED_FOR(heap) ((void)0)
#define is_thread_heap(h) 0
#define raw_heap_of(h) (h)
#define raw_domain_of(h, d) (d)
#define limited(h) (h)
#define may_touch_lists(d) 1
#define MAY_TOUCH_OTHERS 1
#define is_owner(h, pool) 1
#define ACQUIRE(x) (x)
#define RELEASE(x, value) ((x) = (value))
#define another_did(x) 0
#define new_heap_id() (++pym__space.heap_ids)
#define pym__owner_of(h, pool) (h)
#define is_pool_of(h, pool) 1
#define pym__next_thread(h) NULL
#define pym__add_threads(h, d, out) ((void)0)
#define pym__add_threads_class(h, class, out) ((void)0)
#define pym__reset_threads() ((void)0)
#define pym__reclaim_threads() 0
#define pym__trim_thread() ((void)0)
#define charged_in(h, d) ((h)->domains[d].charged)
#define pym__open_threads(h) ((void)0)
#define take_held_pool(heap) 0
#define hold_pool(heap, chunk) 0
#define take_run(heap) 0
#define split_run(heap, run) (run)
#define pym__held_pools() 0
#define pym__flush_thread() 0
HOT int is_held(const void *p) { return (void)p, 0; }
#define pym__check_held(where) 0

#endif
#endif
