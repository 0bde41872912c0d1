/* Strangers grow linear memory too: before the first call and between any two of our growths.
 * Their bytes stay as they were, ours do not depend on growths being adjacent. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

#define STRANGE_MAX 600u
#define SLOTS 1500u

static struct {
  unsigned char *p;
  uint32_t pages;
} strange[STRANGE_MAX];
static unsigned strangers;

static struct {
  void *p;
  size_t n;
} slots[SLOTS];

static void grow_strange(uint32_t pages) {
  if (strangers == STRANGE_MAX) return;
  unsigned char *p = target_foreign(pages);
  if (!CHECK(p != NULL)) return;
  fill(p, pages * WASM_PAGE, strangers);
  strange[strangers].p = p;
  strange[strangers++].pages = pages;
}

static void check_strangers(void) {
  for (unsigned i = 0; i < strangers; i++) {
    check_context("stranger", i);
    size_t n = strange[i].pages * WASM_PAGE;
    CHECK(holds(strange[i].p, n, i));
    CHECK(!pym_owns(strange[i].p) && !pym_owns(strange[i].p + n - 1));
  }
  check_context("", 0);
  check_sound(pym_heap_default());
}

static void *(*const mallocs[])(size_t n) = {pym_raw_malloc, pym_mem_malloc, pym_obj_malloc};
static void *(*const reallocs[])(void *p, size_t n) = {pym_raw_realloc, pym_mem_realloc,
                                                       pym_obj_realloc};
static void (*const frees[])(void *p) = {pym_raw_free, pym_mem_free, pym_obj_free};

static void operate(uint64_t r) {
  unsigned i = (unsigned)(r % SLOTS), d = i % PYM_DOMAINS;
  size_t n = r >> 60 ? (r >> 20) % 700 : (r >> 20) % 200000;
  if (!slots[i].p) {
    slots[i].p = mallocs[d](n);
  } else {
    CHECK(holds(slots[i].p, slots[i].n, i));
    if (r >> 40 & 1) {
      frees[d](slots[i].p);
      slots[i].p = NULL;
      return;
    }
    slots[i].p = reallocs[d](slots[i].p, n);
  }
  slots[i].n = n;
  if (CHECK(slots[i].p != NULL)) fill(slots[i].p, n, i);
}

/* Strangers take `pages` after each `every`-th of our growths. */
static void churn(uint64_t every, uint32_t pages) {
  uint64_t growths = target_growths();
  for (unsigned step = 0; step < 12000; step++) {
    operate(check_mix(every * 100 + pages, step));
    if (target_growths() >= growths + every) {
      grow_strange(pages);
      growths = target_growths();
    }
  }
  check_strangers();
  for (unsigned i = 0; i < SLOTS; i++) {
    if (!slots[i].p) continue;
    CHECK(holds(slots[i].p, slots[i].n, i));
    frees[i % PYM_DOMAINS](slots[i].p);
    slots[i].p = NULL;
  }
  check_strangers();
}

/* First in the list: nothing has called the library yet. */
static void a_stranger_may_grow_before_the_first_call(void) {
  strangers = 0;
  grow_strange(3);
  pym_obj_free(pym_obj_malloc(10));
  churn(1, 1);
  CHECK(strangers > 10);
}

static void strangers_may_grow_between_any_two_growths(void) {
  for (unsigned round = 0; round < 6; round++) {
    target_reset(TARGET_INITIAL, TARGET_MAX);
    strangers = 0;
    churn(1 + round % 3, 1 + round / 2);
  }
}

/* Between the library's look at the size of memory and its growth. */
static void strangers_may_grow_within_a_growth(void) {
  for (uint32_t round = 0; round < 9; round++) {
    target_reset(TARGET_INITIAL, TARGET_MAX);
    strangers = 0;
    if (!target_strangers(1 + round % 3, 1 + round / 3)) return;
    churn(1000000, 1);
    CHECK(target_strangers_intact());
    void *p = NULL;
    for (size_t n = 50000; n < 3000000; n += 100000) p = pym_raw_realloc(p, n);
    CHECK(p != NULL);
    CHECK(target_strangers_intact());
    pym_raw_free(p);
    check_sound(pym_heap_default());
  }
}

/* One large block at a time, each of its growths cut off by a stranger. */
static void a_growing_block_moves_past_strangers(void) {
  strangers = 0;
  void *p = NULL;
  for (size_t n = 50000; n < 3000000; n += 100000) {
    p = pym_raw_realloc(p, n);
    if (!CHECK(p != NULL)) return;
    if (n > 50000) CHECK(holds(p, n - 100000, 1));
    fill(p, n, 1);
    grow_strange(1);
  }
  CHECK(holds(p, 2900000, 1));
  pym_raw_free(p);
  check_strangers();
}

CHECK_CASES(TEST(a_stranger_may_grow_before_the_first_call),
            TEST(strangers_may_grow_between_any_two_growths),
            TEST(strangers_may_grow_within_a_growth), TEST(a_growing_block_moves_past_strangers));
