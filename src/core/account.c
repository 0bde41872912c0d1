#include "core/account.h"

#define PEAK_STEP_BYTES 4096u
#define PEAK_PART 64u
#define THREAD_PEAK_PART 16u

COLD void pym__count_class(struct pym_heap *heap, unsigned domain, u32 size) {
  count_class(heap, domain, size);
}

/* Makes charged exact.  Returns the part of it that is in lists. */
static COLD usize count_all(struct pym_heap *heap, unsigned domain) {
  usize listed = 0;
  if (domain == PYM_MEM || domain == PYM_OBJ)
    for (u32 size = PYM_ALIGNMENT; size <= PYM_SMALL_MAX; size += PYM_ALIGNMENT) {
      count_class(heap, domain, size);
      listed += PYM__READ(list_of(heap, domain, size)->count) * size;
    }
  return listed;
}

COLD usize pym__live_bytes(const struct pym_heap *heap, unsigned domain) {
  struct pym_heap *counted = (struct pym_heap *)(uintptr_t)heap;
  const usize listed = count_all(counted, domain);
  return heap->domains[domain].charged - listed;
}

/* While a limit is passed every call comes by and the lists are empty: then peaks are exact. */
static usize step_or_0(const struct pym_heap *heap, usize step) {
  return heap->over_limit || pym__space.over_limit ? 0 : step;
}

/* Of a thread's heap the peak is one of many that are added up, so a part of it is near enough. */
static usize small_step(const struct pym_heap *heap, usize live) {
  const usize part = is_thread_heap(heap) ? live / THREAD_PEAK_PART : 0;
  return step_or_0(heap, part > PEAK_STEP_BYTES ? part : PEAK_STEP_BYTES);
}

/* The fast path does not sum up what lives, so the peak is the most that was seen: it is looked at
 * when so much was charged as never before, in steps of PEAK_STEP_BYTES where blocks are small.
 * Returns what lives. */
static COLD usize note_peak(struct pym_heap *heap, unsigned domain, usize replaced) {
  struct domain *counters = &heap->domains[domain];
  const int small = domain == PYM_MEM || domain == PYM_OBJ;
  const usize live = pym__live_bytes(heap, domain) - replaced;
  if (live > counters->peak) PYM__WRITE(counters->peak, live);
  const usize next = counters->charged - replaced + (small ? small_step(heap, live) : 0);
  counters->own_look_at = next > counters->peak ? next : counters->peak;
  if (counters->look_at > counters->own_look_at || domain == INTERNAL)
    counters->look_at = counters->own_look_at;
  return live;
}

void pym__note_peak(struct pym_heap *heap, unsigned domain) { note_peak(heap, domain, 0); }

static u64 charged_less(const struct pym_heap *heap, usize replaced) {
  return (u64)heap->domains[0].charged + heap->domains[1].charged + heap->domains[2].charged -
         replaced;
}

/* What was counted just now lived at the peak of the whole heap.  The block that the same call will
 * free, of `replaced` bytes in domain `of`, does not count. */
static COLD void keep_what_lives(struct pym_heap *heap, unsigned of, usize replaced) {
  for (unsigned domain = PYM_MEM; domain <= PYM_OBJ; domain++) {
    u32 *kept = heap->at_peak[domain - PYM_MEM];
    if (!heap->domains[domain].charged) {
      __builtin_memset(kept, 0, CLASS_SLOTS * sizeof *kept);
      continue;
    }
    for (u32 class = 1; class < CLASS_SLOTS; class ++)
      kept[class] = heap->charged_blocks[domain - PYM_MEM][class] -
                    PYM__READ(list_of(heap, domain, class * PYM_ALIGNMENT)->count);
  }
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    struct domain *counters = &heap->domains[domain];
    counters->raw_at_peak = (u32)(counters->raw_mallocs - counters->raw_frees);
    counters->raw_bytes_at_peak = (usize)(counters->raw_bytes - counters->raw_freed);
  }
  if (!replaced) return;
  u32 *small = of == PYM_RAW || replaced > PYM_SMALL_MAX
                   ? NULL
                   : &heap->at_peak[of - PYM_MEM][replaced / PYM_ALIGNMENT];
  if (small && *small) --*small;
  else heap->domains[of].raw_at_peak--, heap->domains[of].raw_bytes_at_peak -= replaced;
}

/* The peak of the heap is looked at in steps of PEAK_STEP_BYTES, or of a part of it that is more.
 */
static COLD void note_heap_peak(struct pym_heap *heap, unsigned of, usize replaced) {
  u64 live = 0;
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++)
    if (heap->domains[domain].charged) live += note_peak(heap, domain, domain == of ? replaced : 0);
  if (live > heap->peak) {
    PYM__WRITE(heap->peak, (usize)live);
    keep_what_lives(heap, of, replaced);
  }
  const u64 charged = charged_less(heap, replaced);
  const usize part = heap->peak / (is_thread_heap(heap) ? THREAD_PEAK_PART : PEAK_PART);
  heap->look_at = (charged > heap->peak ? charged : heap->peak) +
                  step_or_0(heap, part > PEAK_STEP_BYTES ? part : PEAK_STEP_BYTES);
  if (heap->look_at > heap->peak_most) heap->peak_most = heap->look_at;
}

/* More is charged in the domain than it was to be looked at for.  The heap's own peak has to be
 * looked at when the sum passes heap->look_at: what is left until there is divided among the
 * domains, so none of them passes its part unnoticed, and no call adds them up. */
COLD void pym__look(struct pym_heap *heap, unsigned domain, usize replaced) {
  if (domain != INTERNAL && charged_less(heap, replaced) > heap->look_at)
    note_heap_peak(heap, domain, replaced);
  else if (heap->domains[domain].charged > heap->domains[domain].own_look_at)
    note_peak(heap, domain, replaced);
  if (domain == INTERNAL) return;
  const u64 charged = charged_less(heap, replaced);
  const u64 left = heap->look_at > charged ? heap->look_at - charged : 0;
  for (unsigned i = 0; i < PYM_DOMAINS; i++) {
    struct domain *counters = &heap->domains[i];
    const u64 share = i == domain ? left - left / 4 : left / 8; /* it is likely to ask again */
    const u64 part = counters->charged - (i == domain ? replaced : 0) + share;
    counters->look_at = part < counters->own_look_at ? (usize)part : counters->own_look_at;
  }
}
