/* Limits, to the byte, at no cost on the fast path.
 *
 * What leaves the pools for a list is charged at once, so charged >= live, and while charged is
 * below every limit nothing needs to be looked at.  When a charge would pass a limit, what is
 * charged is counted anew, and then every list is emptied: then charged == live and the answer is
 * exact.  Above a limit (soft and passed, or hard and set below what lives) the fast path stays
 * closed, so that every call comes here until enough was freed.
 *
 * What is charged in all heaps is kept beside: each call brings in what its heap's charge has
 * changed by, so a limit of all costs the same however many there are.  Near it every heap is
 * counted.
 *
 * replaced: bytes that the call which asks will free, so realloc asks for the difference. */
#include "core/account.h"
#include "core/event.h"
#include "core/reclaim.h"
#include "core/space.h"
#include "core/watched.h"

/* What limits count: a domain of a heap, the heap, all heaps. */
struct bounds {
  usize *soft, *hard;
  u64 charged;
};

static u64 charged_sum(const struct pym_heap *heap) {
  return (u64)charged_in(heap, 0) + charged_in(heap, 1) + charged_in(heap, 2);
}

static struct bounds bounds_of(struct pym_heap *heap, unsigned which) {
  if (which == PYM_ALL_HEAPS)
    return (struct bounds){&pym__space.soft, &pym__space.hard, pym__space.charged};
  if (which == PYM_WHOLE_HEAP) return (struct bounds){&heap->soft, &heap->hard, charged_sum(heap)};
  struct domain *domain = &heap->domains[which];
  return (struct bounds){&domain->soft, &domain->hard, charged_in(heap, which)};
}

/* The three that a request in a domain has to pass, i = 0 .. 2. */
#define SCOPES 3u
static unsigned scope(unsigned domain, unsigned i) {
  return i == 0 ? domain : i == 1 ? PYM_WHOLE_HEAP : PYM_ALL_HEAPS;
}

/* What is charged in all heaps follows what is charged in this one. */
static void settle(struct pym_heap *heap) {
  const u64 now = charged_sum(heap);
  pym__space.charged += now - heap->settled;
  heap->settled = now;
}

/* What may still be charged, once what the call will free is left out. */
static usize bytes_left(u64 charged, usize replaced, usize limit) {
  u64 now = charged - replaced;
  return now < limit ? limit - (usize)now : 0;
}

/* Bytes until a limit must be looked at.  A soft one that was passed does not have to be: while the
 * fast path is closed what is charged lives. */
static usize room(struct pym_heap *heap, unsigned domain, usize replaced) {
  const int closed = heap->over_limit || pym__space.over_limit;
  usize least = PYM_UNLIMITED;
  for (unsigned i = 0; i < SCOPES; i++) {
    const struct bounds b = bounds_of(heap, scope(domain, i));
    const int passed = closed && b.charged > *b.soft;
    const usize limit = passed || *b.hard < *b.soft ? *b.hard : *b.soft;
    const usize left = bytes_left(b.charged, replaced, limit);
    if (left < least) least = left;
  }
  return least;
}

static int is_over(struct pym_heap *heap, unsigned which) {
  const struct bounds b = bounds_of(heap, which);
  return b.charged > *b.soft || b.charged > *b.hard;
}

static int over_own_limit(struct pym_heap *heap) {
  int over = 0;
  for (unsigned which = 0; which <= PYM_WHOLE_HEAP; which++) over |= is_over(heap, which);
  return over;
}

/* Nothing that was freed is charged any more; what is in lists is. */
static void count(struct pym_heap *heap) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) pym__live_bytes(heap, domain);
  settle(heap);
}

/* charged is live; with threads, that and what their lists hold. */
static void count_and_return(struct pym_heap *heap) {
  count(heap);
  if (MAY_TOUCH_OTHERS) pym__lists_return(heap);
  settle(heap);
}

/* What a thread's heap has is the default heap's. */
#define EACH_HEAP(heap)                                                                     \
  for (struct pym_heap *heap = at(pym__space.first_heap); off(heap); heap = at(heap->next)) \
    if (!is_thread_heap(heap))

/* The same where other heaps matter. */
static int is_all_limited(void) {
  return pym__space.soft != PYM_UNLIMITED || pym__space.hard != PYM_UNLIMITED;
}
static void count_all(struct pym_heap *heap) {
  if (!is_all_limited()) count(heap);
  else EACH_HEAP(each) count(each);
}
static void count_and_return_all(struct pym_heap *heap) {
  if (!is_all_limited()) count_and_return(heap);
  else EACH_HEAP(each) count_and_return(each);
}
/* What was counted just now is what lives. */
static void return_all(struct pym_heap *heap) {
  EACH_HEAP(each) if (MAY_TOUCH_OTHERS && (each == heap || is_all_limited())) {
    pym__lists_return(each);
    settle(each);
  }
}

/* 1: the callback was called. */
static int call(struct pym_heap *heap, unsigned which, uint64_t live) {
  if (!heap->limit_fn || heap->in_limit_fn) return 0;
  heap->in_limit_fn = 1;
  heap->limit_fn(heap->limit_ctx, heap, which, live < PYM_UNLIMITED ? (usize)live : PYM_UNLIMITED);
  heap->in_limit_fn = 0;
  count_and_return_all(heap);
  return 1;
}

static void tell_soft(struct pym_heap *heap, unsigned which, uint64_t live) {
  pym__event(heap, EVENT_SOFT, which, (usize)live, pym__linmem_pages());
  call(heap, which, live);
}

/* The request of `bytes` is about to be refused.  1: the callback was called. */
static int ask_callback(struct pym_heap *heap, enum event_kind kind, unsigned domain,
                        unsigned which, usize bytes, uint64_t live) {
  if (!heap->limit_fn || heap->in_limit_fn) return 0;
  pym__event(heap, kind, domain, bytes, pym__linmem_pages());
  return call(heap, which, live);
}

static int relieve(struct pym_heap *own, unsigned domain, usize bytes) {
  LOCKED();
  struct pym_heap *heap = limited(own);
  count(heap);
  return ask_callback(heap, EVENT_OOM_ASKED, domain, PYM_MEMORY, bytes, charged_sum(heap) + bytes);
}

#define NOBODY (PYM_ALL_HEAPS + 1u)
/* Whose hard limit is in the way of `bytes` more. */
static unsigned refusing(struct pym_heap *heap, unsigned domain, usize bytes, usize replaced) {
  for (unsigned i = 0; i < SCOPES; i++) {
    const struct bounds b = bounds_of(heap, scope(domain, i));
    if (bytes_left(b.charged, replaced, *b.hard) < bytes) return scope(domain, i);
  }
  return NOBODY;
}

static int grant_at_limit(struct pym_heap *own, unsigned domain, usize bytes, usize replaced) {
  struct pym_heap *heap = limited(own);
  if (may_touch_lists(domain)) pym__lists_return(own);
  settle(heap);
  return_all(heap);
  for (unsigned i = 0; i < SCOPES; i++) {
    const struct bounds b = bounds_of(heap, scope(domain, i));
    if (b.charged <= *b.soft && b.charged - replaced + bytes > *b.soft)
      tell_soft(heap, scope(domain, i), b.charged - replaced + bytes);
  }
  /* the callback may have freed */
  unsigned which = refusing(heap, domain, bytes, replaced);
  if (which == NOBODY) return 1;
  const u64 live = bounds_of(heap, which).charged - replaced + bytes;
  if (ask_callback(heap, EVENT_HARD_ASKED, which, which, bytes, live))
    which = refusing(heap, domain, bytes, replaced);
  if (which != NOBODY) pym__fail(heap, which, bytes, EVENT_HARD);
  return which == NOBODY;
}

/* n above 1 is a whole pool: it is granted if all its blocks may be had. */
static u32 grant(struct pym_heap *own, unsigned domain, usize bytes, u32 pieces, usize replaced) {
  if (!pym__space.limited) return pieces;
  LOCKED();
  struct pym_heap *heap = limited(own);
  const usize wanted = pieces > 1 ? pieces : bytes;
  settle(heap);
  if (room(heap, domain, replaced) >= wanted) return pieces;
  count_all(heap);
  const usize free_bytes = room(heap, domain, replaced);
  if (free_bytes >= wanted) return pieces;
  return free_bytes >= bytes || grant_at_limit(own, domain, bytes, replaced);
}

/* The limit of all heaps was passed, or is no more: that closes or opens each. */
static void update_all(void) {
  int over = is_over(NULL, PYM_ALL_HEAPS);
  if (over && !pym__space.over_limit) {
    EACH_HEAP(each) count_and_return(each);
    over = is_over(NULL, PYM_ALL_HEAPS);
  }
  if (pym__space.over_limit == (u32)over) return;
  pym__space.over_limit = (u32)over;
  EACH_HEAP(each) pym__open(each);
  pym__open_threads(&pym__main);
}

static void update(struct pym_heap *own) {
  if (!pym__space.limited) return;
  LOCKED();
  struct pym_heap *heap = limited(own);
  settle(heap);
  int over = over_own_limit(heap);
  if (over && !heap->over_limit) {
    count_and_return(heap);
    over = over_own_limit(heap);
  }
  if (heap->over_limit != (u32)over) {
    heap->over_limit = (u32)over;
    pym__open(heap);
    pym__open_threads(heap);
  }
  update_all();
}

/* Would a few bytes more than are granted pass a limit? */
static int is_near(struct pym_heap *own, unsigned domain, usize bytes) {
  if (!pym__space.limited) return 0;
  LOCKED();
  struct pym_heap *heap = limited(own);
  settle(heap);
  for (unsigned i = 0; i < SCOPES; i++) {
    const struct bounds b = bounds_of(heap, scope(domain, i));
    if (b.charged <= *b.soft && b.charged + bytes > *b.soft) return 1;
    if (b.charged <= *b.hard && b.charged + bytes > *b.hard) return 1;
  }
  return 0;
}

/* The heap is destroyed. */
static void forget(struct pym_heap *heap) {
  LOCKED();
  pym__space.charged -= heap->settled;
  if (pym__space.limited) update_all();
}

static const struct limits limits = {grant,
                                     update,
                                     relieve,
                                     is_near,
                                     forget,
                                     pym__watched_small,
                                     pym__watched_raw,
                                     pym__watched_resize,
                                     pym__watched_free,
                                     pym__watched_stays};

static int is_limit(unsigned which) { return which <= PYM_WHOLE_HEAP || which == PYM_ALL_HEAPS; }

int pym_limit_set(pym_heap *heap, unsigned which, pym_size soft, pym_size hard) {
  if (!is_limit(which)) return -1;
  pym__init();
  LOCKED();
  const struct bounds b = bounds_of(heap, which);
  *b.soft = soft;
  *b.hard = hard;
  if (soft != PYM_UNLIMITED || hard != PYM_UNLIMITED) pym__space.limited = 1;
  PYM__WRITE(pym__limits, &limits);
  pym__watchers_changed();
  /* Lists that the caller may touch, with threads, too: what they hold is not let out later. */
  pym__lists_return(which == PYM_ALL_HEAPS ? &pym__main : heap);
  if (which == PYM_ALL_HEAPS) {
    EACH_HEAP(each) count_and_return(each);
    update_all();
  } else {
    count_and_return(heap);
    update(heap);
  }
  return 0;
}

int pym_limit_get(const pym_heap *heap, unsigned which, pym_size *soft, pym_size *hard) {
  if (!is_limit(which)) return -1;
  pym__init();
  const struct bounds b = bounds_of((struct pym_heap *)(uintptr_t)heap, which);
  if (soft) *soft = *b.soft;
  if (hard) *hard = *b.hard;
  return 0;
}

void pym_limit_callback(pym_heap *heap, pym_limit_fn *fn, void *ctx) {
  pym__init();
  LOCKED();
  heap->limit_fn = fn;
  heap->limit_ctx = ctx;
  PYM__WRITE(pym__limits, &limits);
  pym__watchers_changed();
}
