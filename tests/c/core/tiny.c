/* Little memory, on wasm: tiny.mjs gives this module a memory of 1..64 pages at most.  Its static
 * data fits one page, so the blocks that it takes are their own list. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"

struct taken {
  struct taken *next;
  uint32_t n, domain, number;
};

static struct taken *last;

static void take(uint32_t number, enum pym_domain d, uint32_t n) {
  struct taken *t = pym_heap_malloc(pym_heap_default(), d, n);
  if (!t) return;
  *t = (struct taken){last, n, (uint32_t)d, number};
  fill(t + 1, n - (uint32_t)sizeof *t, number);
  last = t;
}

/* Blocks of a few sizes until nothing is to be had; returns the bytes got. */
static uint64_t fill_up(void) {
  static const uint32_t sizes[] = {24, 48, 400, 112, 3000, 24, 900};
  uint64_t bytes = 0;
  for (uint32_t i = 0, nulls = 0; nulls < 100; i++) {
    struct taken *before = last;
    enum pym_domain d = (enum pym_domain)(check_mix(9, i) % PYM_DOMAINS);
    uint32_t n = nulls > 50 ? 24 : sizes[i % COUNT(sizes)];
    take(i, d, n);
    if (last != before) bytes += n;
    else nulls++;
  }
  return bytes;
}

static void give_back(void) {
  while (last) {
    struct taken t = *last;
    CHECK(holds(last + 1, t.n - sizeof t, t.number));
    pym_heap_free(pym_heap_default(), (enum pym_domain)t.domain, last);
    last = t.next;
  }
}

static void little_memory_is_used_up_and_given_back(void) {
  uint64_t first = fill_up();
  check_sound(pym_heap_default());
  give_back();
  check_sound(pym_heap_default());
  uint64_t second = fill_up();
  check_sound(pym_heap_default());
  give_back();
  check_sound(pym_heap_default());
  CHECK(second >= first - first / 8);
  CHECK(first > 0);
  check_print_u64(first);
  check_print(" bytes\n");
}

CHECK_CASES(TEST(little_memory_is_used_up_and_given_back));
