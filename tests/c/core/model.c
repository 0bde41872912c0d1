#include "model.h"

#include "check.h"
#include "shadow.h"
#include "target.h"
#include "view.h"

#define SLOTS 12288u
#define LIVE_MAX (320u << 20) /* bytes live at once; what would pass it is made small */
#define PHASE 24576u          /* operations in a phase */
#define CHECK_EVERY 1024u
#define FOREIGN_MAX 200u

static struct shadow_block blocks[SLOTS];
static uint64_t number; /* of the operation */
static uint64_t bits;   /* its random bits, used up from the low end */
static int verbose;
static unsigned foreign_taken;

void model_verbose(void) { verbose = 1; }

static uint32_t take(uint32_t below) {
  uint32_t value = (uint32_t)(bits % below);
  bits = check_mix(bits, below);
  return value;
}

static void say(const char *what, uint64_t a, uint64_t b) {
  if (!verbose) return;
  check_print_u64(number);
  check_print(what);
  check_print_u64(a);
  check_print(" ");
  check_print_u64(b);
  check_print("\n");
}

/* ---- What is asked for ---- */

/* Sizes as interpreters ask for them: most below 64, some of a page, seldom many megabytes. */
static uint32_t some_size(void) {
  uint32_t kind = take(100000);
  if (kind < 55000) return take(65);
  if (kind < 80000) return take(257);
  if (kind < 90000) return 500 + take(600);
  if (kind < 98500) return take(6000);
  if (kind < 99900) return take(70000);
  if (kind < 99990) return take(1u << 20);
  return take(1u << (20 + take(7)));
}

static uint32_t affordable(uint32_t n) {
  uint64_t live = 0;
  for (unsigned i = 0; i < SHADOW_HEAPS; i++) live += shadow_live(&shadow_heaps[i], PYM_WHOLE_HEAP);
  return live + n > LIVE_MAX ? n % 64 : n;
}

/* Chance in percent that the operation on a live block frees it: grow, churn, shrink, drain. */
static uint32_t free_chance(void) {
  static const uint32_t chances[] = {15, 45, 70, 95};
  return chances[number / PHASE % 4];
}
/* ... and that the one on an empty slot fills it. */
static uint32_t fill_chance(void) {
  static const uint32_t chances[] = {90, 60, 30, 5};
  return chances[number / PHASE % 4];
}

/* ---- Calls ---- */

static const struct plain {
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} plain[PYM_DOMAINS] = {
    {pym_raw_malloc, pym_raw_calloc, pym_raw_realloc, pym_raw_free},
    {pym_mem_malloc, pym_mem_calloc, pym_mem_realloc, pym_mem_free},
    {pym_obj_malloc, pym_obj_calloc, pym_obj_realloc, pym_obj_free},
};

/* May the plain functions be used: the default heap's, half of the time. */
static const struct plain *plain_for(const struct shadow_block *b) {
  return b->heap == 0 && take(4) ? &plain[b->domain] : NULL;
}

static uint64_t arena_refusals;

static uint64_t refused_growths(void) { return view_space()->grow_failures + arena_refusals; }

/* A call for n bytes more than `old` came back with NULL: was that right? */
static void check_refusal(const struct shadow_block *b, uint32_t n, uint32_t old,
                          uint64_t refused_before) {
  struct shadow_heap *s = &shadow_heaps[b->heap];
  if (n == 0) n = 1;
  uint64_t usable = b->domain != PYM_RAW && n <= PYM_SMALL_MAX ? (n + 7) / 8 * 8 : n + 15;
  int limited = 0;
  for (unsigned i = 0; i < SHADOW_LIMITS; i++) {
    unsigned which = shadow_limit(b->domain, i);
    uint64_t live = shadow_live(s, which) - old + usable;
    pym_size hard = shadow_hard(s, which);
    if (hard != PYM_UNLIMITED && live > hard) limited = 1;
  }
  CHECK(limited || refused_growths() > refused_before);
  CHECK(n > old);
  s->soft_expected = s->soft_calls; /* the callback comes before the refusal */
  shadow_failure(s, b->domain);
}

static void *ask(const struct shadow_block *b, uint32_t n, uint32_t kind, uint32_t align) {
  const struct plain *f = plain_for(b);
  pym_heap *h = shadow_heaps[b->heap].h;
  enum pym_domain d = (enum pym_domain)b->domain;
  if (kind < 80) return f ? f->malloc(n) : pym_heap_malloc(h, d, n);
  if (kind < 92) return f ? f->calloc(1, n) : pym_heap_calloc(h, d, n, 1);
  if (kind < 96) return f ? f->realloc(NULL, n) : pym_heap_realloc(h, d, NULL, n);
  return f ? pym_raw_aligned_alloc(align, n) : pym_heap_aligned_alloc(h, align, n);
}

static void fill_slot(struct shadow_block *b) {
  static const uint8_t domains[] = {PYM_OBJ, PYM_OBJ, PYM_OBJ, PYM_OBJ, PYM_OBJ,
                                    PYM_MEM, PYM_MEM, PYM_MEM, PYM_RAW, PYM_RAW};
  b->heap = (uint8_t)(take(5) < 3 ? 0 : 1 + take(SHADOW_HEAPS - 1));
  if (!shadow_heaps[b->heap].h) b->heap = 0;
  b->domain = domains[take(COUNT(domains))];
  b->seed = number;
  uint32_t n = affordable(some_size()), kind = take(100), align = 1u << take(17);
  if (kind >= 96) b->domain = PYM_RAW;
  say(" malloc ", (uint64_t)(b - blocks), n);
  uint64_t refused = refused_growths();
  void *p = ask(b, n, kind, align);
  if (!p) {
    check_refusal(b, n, 0, refused);
    return;
  }
  if (kind >= 80 && kind < 92) CHECK(all_zero(p, n));
  if (kind >= 96) CHECK(((uintptr_t)p & (align - 1)) == 0);
  shadow_enter(b, p, n);
}

static void free_slot(struct shadow_block *b) {
  const struct plain *f = plain_for(b);
  pym_heap *h = shadow_heaps[b->heap].h;
  enum pym_domain d = (enum pym_domain)b->domain;
  void *p = b->p;
  uint32_t n = b->n;
  say(" free ", (uint64_t)(b - blocks), n);
  shadow_strike(b);
  if (take(4) == 0) {
    if (b->heap == 0 && d == PYM_OBJ) pym_obj_free_sized(p, n);
    else pym_heap_free_sized(h, d, p, n);
  } else if (f) {
    f->free(p);
  } else {
    pym_heap_free(h, d, p);
  }
}

/* A new size: near the old one, or any. */
static uint32_t new_size(uint32_t n) {
  switch (take(4)) {
    case 0:
      return n / 2;
    case 1:
      return n + n / 2 + take(40);
    case 2:
      return n + take(9);
    default:
      return some_size();
  }
}

static void resize_slot(struct shadow_block *b) {
  const struct plain *f = plain_for(b);
  uint32_t n = affordable(new_size(b->n));
  const pym_size old = b->usable;
  if (n > 0x7fffffff / 16) n = 100;
  say(" realloc ", (uint64_t)(b - blocks), n);
  shadow_verify(b, b->n);
  uint64_t refused = refused_growths();
  void *p = f ? f->realloc(b->p, n)
              : pym_heap_realloc(shadow_heaps[b->heap].h, (enum pym_domain)b->domain, b->p, n);
  if (p) {
    shadow_move(b, p, n);
  } else {
    check_refusal(b, n, (uint32_t)old, refused);
    shadow_verify(b, b->n);
  }
}

/* ---- What else happens ---- */

/* Arenas from elsewhere, for a while: of strangers' pages, some of them misaligned, used again. */
#define ARENAS 48u
static struct {
  unsigned char *memory[ARENAS]; /* of 6 pages each */
  uint8_t out[ARENAS];
  unsigned count, refuse;
  pym_arena_allocator below;
} arenas;

static void *arena_alloc(void *ctx, size_t size) {
  (void)ctx;
  CHECK_EQ(size, PYM_ARENA_BYTES);
  for (unsigned i = 0; i < ARENAS && !arenas.refuse; i++) {
    if (i == arenas.count) {
      if (!(arenas.memory[i] = target_foreign(5))) break;
      arenas.count++;
    }
    if (arenas.out[i]) continue;
    arenas.out[i] = 1;
    return arenas.memory[i] + i * 1001 % 65536;
  }
  arena_refusals++;
  return NULL;
}

static void arena_free(void *ctx, void *p, size_t size) {
  (void)ctx, (void)size;
  for (unsigned i = 0; i < arenas.count; i++) {
    if (arenas.memory[i] + i * 1001 % 65536 != p) continue;
    CHECK(arenas.out[i]);
    arenas.out[i] = 0;
    return;
  }
  CHECK(p == NULL); /* never: it was given, or nobody knows it */
}

static void change_arenas(void) {
  pym_arena_allocator hook = {NULL, arena_alloc, arena_free};
  arenas.refuse = take(4) == 0;
  say(" arenas ", arenas.count, arenas.refuse);
  if (take(2)) pym_arena_allocator_set(&hook);
  else pym_arena_allocator_set(&arenas.below);
}

/* Hooks that pass on what they are asked, for a while. */
static struct passing {
  pym_allocator below;
  int on;
} passing[PYM_DOMAINS];

static void *pass_malloc(void *ctx, size_t n) {
  const struct passing *to = ctx;
  CHECK(to->on);
  return to->below.malloc(to->below.ctx, n);
}
static void *pass_calloc(void *ctx, size_t count, size_t size) {
  const struct passing *to = ctx;
  CHECK(to->on);
  return to->below.calloc(to->below.ctx, count, size);
}
static void *pass_realloc(void *ctx, void *p, size_t n) {
  const struct passing *to = ctx;
  CHECK(to->on);
  return to->below.realloc(to->below.ctx, p, n);
}
static void pass_free(void *ctx, void *p) {
  const struct passing *to = ctx;
  CHECK(to->on);
  to->below.free(to->below.ctx, p);
}

static void set_hook(enum pym_domain d, int on) {
  struct passing *hook = &passing[d];
  const pym_allocator mine = {hook, pass_malloc, pass_calloc, pass_realloc, pass_free};
  if (on == hook->on) return;
  hook->on = on;
  if (on) pym_allocator_get(d, &hook->below);
  pym_allocator_set(d, on ? &mine : &hook->below);
}

static void change_hooks(void) {
  const enum pym_domain d = (enum pym_domain)take(PYM_DOMAINS);
  say(" hook ", d, (uint64_t)!passing[d].on);
  set_hook(d, !passing[d].on);
}

static void change_limit(void) {
  struct shadow_heap *s = &shadow_heaps[take(SHADOW_HEAPS)];
  unsigned which = take(PYM_DOMAINS + 2);
  if (which > PYM_WHOLE_HEAP) which = PYM_ALL_HEAPS;
  pym_size live = (uint32_t)shadow_live(s, which);
  if (!s->h) return;
  pym_size soft = take(3) ? PYM_UNLIMITED : live + take(40000);
  pym_size hard = take(3) ? PYM_UNLIMITED : live - live / 8 + take(200000);
  *(which == PYM_ALL_HEAPS ? &shadow_all_soft : &s->soft[which]) = soft;
  *(which == PYM_ALL_HEAPS ? &shadow_all_hard : &s->hard[which]) = hard;
  say(" limit ", which, hard);
  CHECK(pym_limit_set(s->h, which, soft, hard) == 0);
}

static void replace_heap(void) {
  unsigned i = 1 + take(SHADOW_HEAPS - 1);
  say(" heap ", i, 0);
  shadow_check();
  for (unsigned slot = 0; slot < SLOTS; slot++) { /* off the model: destroy is to free them */
    if (blocks[slot].p && blocks[slot].heap == i) shadow_strike(&blocks[slot]);
  }
  if (shadow_heaps[i].h) shadow_heap_close(i);
  shadow_heap_open(i);
}

static void take_foreign(void) {
  if (foreign_taken == FOREIGN_MAX) return;
  unsigned char *p = target_foreign(1);
  foreign_taken++;
  say(" foreign ", target_offset(p), 0);
  CHECK(p == NULL || !pym_owns(p));
}

static void rare_event(void) {
  switch (take(12)) {
    case 0:
      replace_heap();
      break;
    case 1:
      take_foreign();
      break;
    case 2:
      target_fail_after(take(3), 0);
      break;
    case 3:
      target_fail_after(-1, 0);
      break;
    case 4:
      change_arenas();
      break;
    case 5:
      say(" trim ", 0, 0);
      pym_heap_trim(shadow_heaps[0].h);
      for (unsigned i = 1; i < SHADOW_HEAPS; i++)
        if (shadow_heaps[i].h && take(2)) pym_heap_trim(shadow_heaps[i].h);
      break;
    case 6:
      change_hooks();
      break;
    default:
      change_limit();
      break;
  }
}

static void operate(void) {
  struct shadow_block *b = &blocks[take(SLOTS)];
  if (take(1500) == 0) {
    rare_event();
  } else if (!b->p) {
    if (take(100) < fill_chance()) fill_slot(b);
  } else if (take(100) < free_chance()) {
    free_slot(b);
  } else if (take(100) < 40) {
    resize_slot(b);
  } else {
    shadow_verify(b, 1024);
  }
}

static void drain(void) {
  for (unsigned d = 0; d < PYM_DOMAINS; d++) set_hook((enum pym_domain)d, 0);
  for (unsigned slot = 0; slot < SLOTS; slot++) {
    if (blocks[slot].p) free_slot(&blocks[slot]);
  }
  shadow_check();
  for (unsigned i = 1; i < SHADOW_HEAPS; i++) {
    if (shadow_heaps[i].h) shadow_heap_close(i);
  }
}

uint64_t model_run(uint64_t seed, uint64_t ops, const uint8_t *left_out) {
  unsigned failures = check_failures();
  __builtin_memset(blocks, 0, sizeof blocks);
  foreign_taken = 0;
  __builtin_memset(&arenas, 0, sizeof arenas);
  pym_arena_allocator_get(&arenas.below);
  shadow_start();
  for (unsigned i = 1; i < SHADOW_HEAPS; i++) shadow_heap_open(i);
  for (number = 0; number < ops; number++) {
    if (left_out && left_out[number / 8] >> (number % 8) & 1) continue;
    bits = check_mix(seed, number);
    check_context("operation", number);
    const uint64_t refused = refused_growths();
    operate();
    shadow_check_soft(refused_growths() > refused);
    if (number % CHECK_EVERY == CHECK_EVERY - 1) shadow_check();
    if (check_failures() != failures) return number + 1;
  }
  target_fail_after(-1, 0);
  drain();
  pym_heap_trim(pym_heap_default());
  for (unsigned i = 0; i < arenas.count; i++) CHECK(!arenas.out[i]);
  pym_arena_allocator_set(&arenas.below);
  return ops;
}
