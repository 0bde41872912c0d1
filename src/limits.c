/* Limits, to the byte, at no cost on the fast path.
 *
 * What leaves the pools is charged at once, so charged >= live, and while charged is
 * below every limit nothing needs to be looked at.  When a charge would pass a limit, everything at
 * hand goes back first: then charged == live and the answer is exact.  Above a limit (soft and
 * passed, or hard and set below what lives) the bins stay closed, so that every call comes here
 * until enough was freed. */
#include "internal.h"

int (*pym__charge_at_limit)(struct pym_heap *h, unsigned d, u32 bytes);

static u32 min_u32(u32 a, u32 b) { return a < b ? a : b; }

static uint64_t charged_sum(const struct pym_heap *h) {
  return (uint64_t)h->domains[0].charged + h->domains[1].charged + h->domains[2].charged;
}

TIDY u32 pym__live(const struct pym_heap *h, unsigned d) {
  const u64 *mallocs = d == PYM_MEM ? h->mem_mallocs : h->obj_mallocs;
  const u64 *frees = d == PYM_MEM ? h->mem_frees : h->obj_frees;
  u32 live = h->domains[d].raw_live;
  for (u32 c = 1; c < CLASS_SLOTS && (d == PYM_MEM || d == PYM_OBJ); c++)
    live += (u32)(mallocs[c] - frees[c]) * c * PYM_ALIGNMENT;
  return live;
}

/* What the call under way will free of domain d: limits look at the difference. */
static u32 discount(const struct pym_heap *h, unsigned d) {
  return d == INTERNAL ? 0 : h->discount;
}

/* What may still be charged, once what the call will free is left out. */
static u32 left(uint64_t charged, u32 discount, u32 limit) {
  uint64_t now = charged - discount;
  return now < limit ? limit - (u32)now : 0;
}

TIDY u32 pym__room(const struct pym_heap *h, unsigned d) {
  const struct domain *dom = &h->domains[d];
  u32 own = left(dom->charged, discount(h, d), min_u32(dom->soft, dom->hard));
  if (d == INTERNAL) return own;
  return min_u32(own, left(charged_sum(h), h->discount, min_u32(h->soft, h->hard)));
}

COLD int pym__over_limit(const struct pym_heap *h) {
  int over = charged_sum(h) > min_u32(h->soft, h->hard);
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    over |= h->domains[d].charged > min_u32(h->domains[d].soft, h->domains[d].hard);
  return over;
}

static COLD void tell_soft(struct pym_heap *h, unsigned which, uint64_t live) {
  pym__event(h, EVENT_SOFT, which, (u32)live, pym__linmem_pages());
  if (!h->limit_fn || h->in_limit_fn) return;
  const u32 held = h->discount;
  h->discount = 0; /* what the callback asks for is a call of its own */
  h->in_limit_fn = 1;
  h->limit_fn(h->limit_ctx, h, which, (u32)live);
  h->in_limit_fn = 0;
  h->discount = held;
  pym__flush(h); /* charged is live again */
}

static COLD int charge_at_limit(struct pym_heap *h, unsigned d, u32 bytes) {
  const struct domain *dom = &h->domains[d];
  const u32 less = discount(h, d);
  pym__flush(h);
  if (dom->charged <= dom->soft && (uint64_t)dom->charged - less + bytes > dom->soft)
    tell_soft(h, d, (uint64_t)dom->charged - less + bytes);
  uint64_t sum = charged_sum(h);
  if (d < PYM_DOMAINS && sum <= h->soft && sum - less + bytes > h->soft)
    tell_soft(h, PYM_WHOLE_HEAP, sum - less + bytes);
  /* the callback may have freed */
  unsigned which = d;
  int refused = left(dom->charged, less, dom->hard) < bytes;
  if (!refused && d < PYM_DOMAINS && left(charged_sum(h), less, h->hard) < bytes) {
    refused = 1;
    which = PYM_WHOLE_HEAP;
  }
  if (refused) pym__fail(h, which, bytes, EVENT_HARD);
  else pym__charge_more(h, d, bytes);
  pym__bins_open(h);
  return !refused;
}

TIDY int pym__charge(struct pym_heap *h, unsigned d, u32 bytes) {
  if (UNLIKELY(bytes > pym__room(h, d)))
    return pym__charge_at_limit ? pym__charge_at_limit(h, d, bytes) : 0; /* 0: 4 GiB are live */
  pym__charge_more(h, d, bytes);
  return 1;
}

void pym__charge_more(struct pym_heap *h, unsigned d, u32 bytes) { h->domains[d].charged += bytes; }

void pym__settle(struct pym_heap *h) {
  if (!pym__over_limit(h)) return;
  pym__flush(h);
  pym__bins_open(h);
}

/* ---- Peaks ----
 *
 * The fast path does not sum up what lives, so the peak is the most that was seen: it is looked at
 * every LOOK_BYTES that leave the pools, and when a raw block would make a new one on top of the
 * small blocks as last seen. */
#define LOOK_BYTES 4096u

void pym__look(struct pym_heap *h, unsigned d) {
  struct domain *dom = &h->domains[d];
  u32 live = pym__live(h, d), now = live - discount(h, d);
  h->unseen[d] = 0;
  h->small_seen[d] = live - dom->raw_live;
  if (now > dom->peak) dom->peak = now;
}

void pym__peak_small(struct pym_heap *h, unsigned d, u32 bytes) {
  h->unseen[d] += bytes;
  if (h->unseen[d] >= LOOK_BYTES) pym__look(h, d);
}

void pym__peak_raw(struct pym_heap *h, unsigned d) {
  const struct domain *dom = &h->domains[d];
  if (dom->raw_live + h->small_seen[d] > dom->peak) pym__look(h, d);
}

void pym__discharge(struct pym_heap *h, unsigned d, u32 bytes) {
  h->domains[d].charged -= bytes;
  if (UNLIKELY(h->closed)) pym__bins_open(h);
}

int pym_limit_set(pym_heap *h, unsigned which, uint32_t soft, uint32_t hard) {
  if (which > PYM_WHOLE_HEAP) return -1;
  pym__start();
  u32 *s = which == PYM_WHOLE_HEAP ? &h->soft : &h->domains[which].soft;
  u32 *t = which == PYM_WHOLE_HEAP ? &h->hard : &h->domains[which].hard;
  *s = soft;
  *t = hard;
  pym__charge_at_limit = charge_at_limit;
  pym__flush(h);
  pym__bins_open(h);
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
