/* Limits, to the byte, at no cost on the fast path.
 *
 * The fast path compares live against `trip` only.  cap[d] is how far domain d may go before a
 * limit must be looked at; trip[d] = min(cap[d], peak[d]), so passing the old peak is noticed by
 * the same comparison.  For a limit on the whole heap the room that is left is shared out: the caps
 * of the three domains never sum to more than it, and are dealt again when one of them is reached. */
#include "internal.h"

static u32 min_u32(u32 a, u32 b) { return a < b ? a : b; }

static uint64_t live_sum(const struct pym_heap *h) {
  return (uint64_t)h->domains[0].live + h->domains[1].live + h->domains[2].live;
}

static u32 cap_of(const struct pym_heap *h, unsigned d) {
  const struct domain *dom = &h->domains[d];
  uint64_t sum = live_sum(h);
  u32 limit = min_u32(h->soft, h->hard);
  if (h == &pym__main && d != INTERNAL && pym__hooks[d].on) return 0;
  if (dom->live > dom->soft || sum > limit) return 0; /* above: every allocation looks */
  u32 cap = min_u32(dom->soft, dom->hard);
  if (limit != PYM_UNLIMITED) cap = min_u32(cap, dom->live + (u32)(limit - sum) / 4);
  return cap;
}

void pym__rebalance(struct pym_heap *h) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    struct domain *dom = &h->domains[d];
    dom->cap = cap_of(h, d);
    dom->trip = min_u32(dom->peak, dom->cap);
  }
}

int pym__fail(struct pym_heap *h, unsigned d, u32 bytes, enum event_kind kind) {
  pym__event(h, kind, d, bytes, pym__linmem_pages());
  return 0;
}

static void tell_soft(struct pym_heap *h, unsigned which, uint64_t live) {
  pym__event(h, EVENT_SOFT, which, (u32)live, pym__linmem_pages());
  if (!h->limit_fn || h->in_limit_fn) return;
  h->in_limit_fn = 1;
  h->limit_fn(h->limit_ctx, h, which, (u32)live);
  h->in_limit_fn = 0;
}

static COLD int charge_limited(struct pym_heap *h, unsigned d, u32 bytes) {
  struct domain *dom = &h->domains[d];
  uint64_t own = (uint64_t)dom->live + bytes, sum = live_sum(h) + bytes;
  if (dom->live <= dom->soft && own > dom->soft) tell_soft(h, d, own);
  if (sum - bytes <= h->soft && sum > h->soft) tell_soft(h, PYM_WHOLE_HEAP, sum);
  /* the callback may have freed */
  if ((uint64_t)dom->live + bytes > dom->hard) return pym__fail(h, d, bytes, EVENT_HARD);
  if (live_sum(h) + bytes > h->hard) return pym__fail(h, PYM_WHOLE_HEAP, bytes, EVENT_HARD);
  dom->live += bytes;
  pym__rebalance(h);
  return 1;
}

void pym__commit(struct pym_heap *h, unsigned d) {
  struct domain *dom = &h->domains[d];
  if (dom->live <= dom->peak) return;
  dom->peak = dom->live;
  dom->trip = min_u32(dom->peak, dom->cap);
}

int pym__charge(struct pym_heap *h, unsigned d, u32 bytes) {
  struct domain *dom = &h->domains[d];
  u32 live = dom->live + bytes;
  if (UNLIKELY(live < bytes)) return pym__fail(h, d, bytes, EVENT_OOM); /* past 4 GiB */
  if (UNLIKELY(live > dom->cap)) return charge_limited(h, d, bytes);
  dom->live = live;
  return 1;
}

int pym_limit_set(pym_heap *h, unsigned which, uint32_t soft, uint32_t hard) {
  if (which > PYM_WHOLE_HEAP) return -1;
  pym__start();
  u32 *s = which == PYM_WHOLE_HEAP ? &h->soft : &h->domains[which].soft;
  u32 *t = which == PYM_WHOLE_HEAP ? &h->hard : &h->domains[which].hard;
  *s = soft;
  *t = hard;
  pym__rebalance(h);
  return 0;
}

int pym_limit_get(const pym_heap *h, unsigned which, uint32_t *soft, uint32_t *hard) {
  if (which > PYM_WHOLE_HEAP) return -1;
  pym__start();
  if (soft) *soft = which == PYM_WHOLE_HEAP ? h->soft : h->domains[which].soft;
  if (hard) *hard = which == PYM_WHOLE_HEAP ? h->hard : h->domains[which].hard;
  return 0;
}

void pym_limit_callback(pym_heap *h, pym_limit_fn *fn, void *ctx) {
  h->limit_fn = fn;
  h->limit_ctx = ctx;
}
