/* Limits, to the byte, at no cost on the fast path.
 *
 * What leaves the pools for a list is charged at once, so charged >= live, and while charged is
 * below every limit nothing needs to be looked at.  When a charge would pass a limit, what is
 * charged is counted anew, and then every list is emptied: then charged == live and the answer is
 * exact.  Above a limit (soft and passed, or hard and set below what lives) the fast path stays
 * closed, so that every call comes here until enough was freed.
 *
 * less: bytes that the call which asks will free, so realloc asks for the difference. */
#include "internal.h"

static u32 min_u32(u32 a, u32 b) { return a < b ? a : b; }

static uint64_t charged_sum(const struct pym_heap *h) {
  return (uint64_t)h->domains[0].charged + h->domains[1].charged + h->domains[2].charged;
}

/* What may still be charged, once what the call will free is left out. */
static u32 left(uint64_t charged, u32 less, u32 limit) {
  uint64_t now = charged - less;
  return now < limit ? limit - (u32)now : 0;
}

/* Bytes until a limit must be looked at. */
static u32 room(const struct pym_heap *h, unsigned d, u32 less) {
  const struct domain *dom = &h->domains[d];
  u32 own = left(dom->charged, less, min_u32(dom->soft, dom->hard));
  return min_u32(own, left(charged_sum(h), less, min_u32(h->soft, h->hard)));
}

static int over_limit(const struct pym_heap *h) {
  int over = charged_sum(h) > min_u32(h->soft, h->hard);
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    over |= h->domains[d].charged > min_u32(h->domains[d].soft, h->domains[d].hard);
  return over;
}

/* Nothing that was freed is charged any more; what is in lists is. */
static void count(struct pym_heap *h) {
  for (unsigned d = PYM_MEM; d <= PYM_OBJ; d++) pym__live(h, d);
}

/* charged is live. */
static void count_and_flush(struct pym_heap *h) {
  count(h);
  pym__flush(h);
}

static void tell_soft(struct pym_heap *h, unsigned which, uint64_t live) {
  pym__event(h, EVENT_SOFT, which, (u32)live, pym__linmem_pages());
  if (!h->limit_fn || h->in_limit_fn) return;
  h->in_limit_fn = 1;
  h->limit_fn(h->limit_ctx, h, which, (u32)live);
  h->in_limit_fn = 0;
  count_and_flush(h);
}

static int ask_at_limit(struct pym_heap *h, unsigned d, u32 bytes, u32 less) {
  const struct domain *dom = &h->domains[d];
  pym__flush(h);
  if (dom->charged <= dom->soft && (uint64_t)dom->charged - less + bytes > dom->soft)
    tell_soft(h, d, (uint64_t)dom->charged - less + bytes);
  uint64_t sum = charged_sum(h);
  if (sum <= h->soft && sum - less + bytes > h->soft)
    tell_soft(h, PYM_WHOLE_HEAP, sum - less + bytes);
  /* the callback may have freed */
  unsigned which = d;
  int refused = left(dom->charged, less, dom->hard) < bytes;
  if (!refused && left(charged_sum(h), less, h->hard) < bytes) {
    refused = 1;
    which = PYM_WHOLE_HEAP;
  }
  if (refused) pym__fail(h, which, bytes, EVENT_HARD);
  return !refused;
}

/* n above 1 is a whole pool: it is granted if all its blocks may be had. */
static u32 ask(struct pym_heap *h, unsigned d, u32 bytes, u32 n, u32 less) {
  const u32 wanted = n > 1 ? n : bytes;
  if (room(h, d, less) >= wanted) return n;
  count(h);
  const u32 free_bytes = room(h, d, less);
  if (free_bytes >= wanted) return n;
  return free_bytes >= bytes || ask_at_limit(h, d, bytes, less);
}

static void settle(struct pym_heap *h) {
  int over = over_limit(h);
  if (over && !h->over_limit) {
    count_and_flush(h);
    over = over_limit(h);
  }
  if (h->over_limit == (u32)over) return;
  h->over_limit = (u32)over;
  pym__open(h);
}

int pym_limit_set(pym_heap *h, unsigned which, uint32_t soft, uint32_t hard) {
  static const struct limits limits = {ask, settle};
  if (which > PYM_WHOLE_HEAP) return -1;
  pym__init();
  u32 *s = which == PYM_WHOLE_HEAP ? &h->soft : &h->domains[which].soft;
  u32 *t = which == PYM_WHOLE_HEAP ? &h->hard : &h->domains[which].hard;
  *s = soft;
  *t = hard;
  pym__limits = &limits;
  count_and_flush(h);
  settle(h);
  return 0;
}

int pym_limit_get(const pym_heap *h, unsigned which, uint32_t *soft, uint32_t *hard) {
  if (which > PYM_WHOLE_HEAP) return -1;
  pym__init();
  if (soft) *soft = which == PYM_WHOLE_HEAP ? h->soft : h->domains[which].soft;
  if (hard) *hard = which == PYM_WHOLE_HEAP ? h->hard : h->domains[which].hard;
  return 0;
}

void pym_limit_callback(pym_heap *h, pym_limit_fn *fn, void *ctx) {
  h->limit_fn = fn;
  h->limit_ctx = ctx;
}
