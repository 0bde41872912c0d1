/* Patterns of allocation that other benchmarks are known for, written anew from what is said of
 * them: the kinds of the table at the end.  One source, one module a peer (peer.h); requests come
 * from a generator with a fixed seed and are the same in each.  With SYNTHETIC_RECORD the module
 * also writes down each address that it is given, and with PEER_FLOOR it makes the same touches at
 * the addresses written down before.
 *
 * A touch is that of replay.c: the owner of a block writes its first word when it is new, and reads
 * it before it frees or resizes it.  A word that changed ends in a trap.  What was read adds up to
 * the checksum, which is the same for every peer.
 *
 * The host calls begin(kind, live), then run(steps) over and over, at most batch() steps at once.
 * Tables are blocks too, so that a module has little memory before it allocates. */
#include "synthetic.h"

#include "peer.h"

enum { SEED = 20240607 };

static uint32_t state, sum, serial;

static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

/* 0..n-1 */
static uint32_t below(uint32_t n) { return (uint32_t)((uint64_t)next() * n >> 32); }

/* A size as programs ask for them: 8..15 half of the time, 16..31 a quarter, and so on, each
 * doubling half as often; less than 16 << top. */
static uint32_t skewed(unsigned top) {
  uint32_t base = 8u << __builtin_ctz(next() | 1u << top);
  return base + below(base);
}

/* Traps, as functions so that a trap names its reason. */
#define TRAP __attribute__((noinline, noreturn)) static void
TRAP block_changed(void) { __builtin_trap(); }

/* ---- The allocator ---------------------------------------------------------------------- */

#if defined(PEER_FLOOR) || defined(SYNTHETIC_RECORD)
uint32_t addresses[PIECE];
static uint32_t cursor;
uint32_t EXPORT(addresses_at)(void) { return (uint32_t)(uintptr_t)addresses; }
uint32_t EXPORT(recorded)(void) { return cursor; }
#define FIRST_ADDRESS() (cursor = 0)
#else
#define FIRST_ADDRESS() ((void)0)
#endif

#if defined(PEER_FLOOR)
#define KEEP(x) __asm__ volatile("" ::"r"(x)) /* that a peer computes it, so the floor does */

static uint32_t *get(uint32_t n) {
  KEEP(n);
  return (uint32_t *)(uintptr_t)addresses[cursor++];
}

static uint32_t *get_zeroed(uint32_t n) {
  uint32_t *p = get(n);
  p[0] = p[n / 4 - 1] = 0;
  return p;
}

static uint32_t *resize(uint32_t *p, uint32_t n) {
  uint32_t word = *p;
  p = get(n);
  *p = word;
  return p;
}

static void put(void *p) { KEEP(p); }
#else
TRAP no_memory(void) { __builtin_trap(); }

static uint32_t *noted(uint32_t *p) {
  if (!p) no_memory();
#if defined(SYNTHETIC_RECORD)
  addresses[cursor++] = (uint32_t)(uintptr_t)p;
#endif
  return p;
}

static uint32_t *get(uint32_t n) { return noted(ALLOC(obj, malloc)(n)); }
static uint32_t *get_zeroed(uint32_t n) { return noted(ALLOC(obj, calloc)(1, n)); }
static uint32_t *resize(uint32_t *p, uint32_t n) { return noted(ALLOC(obj, realloc)(p, n)); }
static void put(void *p) { ALLOC(obj, free)(p); }
#endif

/* ---- Slots ------------------------------------------------------------------------------- */

struct slot {
  uint32_t *p; /* NULL: empty */
  uint32_t word, size, limit;
};
static struct slot *slots;

static void new_slots(uint32_t n) {
  slots = (struct slot *)get(n * sizeof(struct slot));
  for (uint32_t i = 0; i < n; i++) slots[i].p = NULL;
}

static void check(const struct slot *s) {
  if (*s->p != s->word) block_changed();
  sum = sum * 31 + s->word + s->size;
}

static void fill_with(struct slot *s, uint32_t *p, uint32_t n) {
  s->p = p;
  s->size = n;
  *p = s->word = ++serial;
}

static void fill(struct slot *s, uint32_t n) { fill_with(s, get(n), n); }

static void empty(struct slot *s) {
  check(s);
  put(s->p);
  s->p = NULL;
}

static void change(struct slot *s, uint32_t n) {
  check(s);
  s->p = resize(s->p, n);
  s->size = n;
  if (*s->p != s->word) block_changed();
}

/* ---- larson: a server's churn, one block for another of any size -------------------------- */

enum { LARSON = 5000 };

static uint32_t larson_size(void) { return 8 + below(993); }

static void larson_begin(void) {
  new_slots(LARSON);
  for (uint32_t i = 0; i < LARSON; i++) fill(&slots[i], larson_size());
}

static uint32_t larson(uint32_t steps) {
  for (uint32_t i = 0; i < steps; i++) {
    struct slot *s = &slots[below(LARSON)];
    empty(s);
    fill(s, larson_size());
  }
  return 2 * steps;
}

/* ---- random: a slot is emptied if it holds a block, and filled if not --------------------- */

enum { RANDOM = 32768 };

static uint32_t random_run(uint32_t steps) {
  for (uint32_t i = 0; i < steps; i++) {
    struct slot *s = &slots[below(RANDOM)];
    if (s->p) empty(s);
    else fill(s, skewed(9));
  }
  return steps;
}

static void random_begin(void) {
  new_slots(RANDOM);
  for (uint32_t i = 0; i < RANDOM; i += 2) fill(&slots[i], skewed(9));
}

/* ---- lifo: 25, 100, 400 or 1600 blocks of one size, and back in the opposite order -------- */

enum { LIFO = 1600 };

static void lifo_begin(void) { new_slots(LIFO); }

static uint32_t lifo(uint32_t steps) {
  uint32_t operations = 0;
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t n = 25u << 2 * below(4), size = 16 * (1 + below(32));
    for (uint32_t k = 0; k < n; k++) fill(&slots[k], size);
    for (uint32_t k = n; k-- > 0;) empty(&slots[k]);
    operations += 2 * n;
  }
  return operations;
}

/* ---- grow: strings and lists that become longer, several at once -------------------------- */

enum { BUFFERS = 32 };

static void new_buffer(struct slot *s) {
  fill(s, 16);
  s->limit = 64u << below(11); /* up to 64 KiB */
}

static void grow_begin(void) {
  new_slots(BUFFERS);
  for (uint32_t i = 0; i < BUFFERS; i++) new_buffer(&slots[i]);
}

/* Grow by 1 / 2^shift of the size. */
static uint32_t grow(uint32_t steps, unsigned shift) {
  uint32_t operations = steps;
  for (uint32_t i = 0; i < steps; i++) {
    struct slot *s = &slots[below(BUFFERS)];
    uint32_t n = s->size + (s->size >> shift) + 6;
    if (n <= s->limit) {
      change(s, n);
    } else {
      empty(s);
      new_buffer(s);
      operations++;
    }
  }
  return operations;
}

static uint32_t grow_half(uint32_t steps) { return grow(steps, 1); }
static uint32_t grow_eighth(uint32_t steps) { return grow(steps, 3); }

/* ---- text: a writer asks for more than it needs, and gives the rest back ------------------ */

enum { TEXTS = 4096 };

static void text_begin(void) { new_slots(TEXTS); }

static uint32_t text(uint32_t steps) {
  uint32_t operations = 0;
  for (uint32_t i = 0; i < steps; i++) {
    struct slot now, *kept = &slots[below(TEXTS)];
    uint32_t n = 600 + below(401);
    fill(&now, n);
    change(&now, 513 + below(n - 512));
    operations += 3;
    if (below(4) != 0) {
      empty(&now);
    } else {
      if (kept->p) empty(kept); /* until all slots are full, one block more stays */
      *kept = now;
    }
  }
  return operations;
}

/* ---- trees: of 31 to 8191 nodes, built and dropped, beside one that stays ------------------ */

struct node {
  struct node *left, *right;
  uint32_t word;
};

static struct node *build(unsigned depth) {
  struct node *n = (struct node *)get(sizeof *n);
  n->word = ++serial;
  n->left = depth ? build(depth - 1) : NULL;
  n->right = depth ? build(depth - 1) : NULL;
  return n;
}

static uint32_t drop(struct node *n) {
  uint32_t nodes = 1;
  if (n->left) nodes += drop(n->left) + drop(n->right);
  sum = sum * 31 + n->word;
  put(n);
  return nodes;
}

static void trees_begin(void) { build(13); }

static uint32_t trees(uint32_t steps) {
  uint32_t nodes = 0;
  for (uint32_t i = 0; i < steps; i++) nodes += drop(build(4 + below(9)));
  return 2 * nodes;
}

/* ---- calloc: blocks that must be zero, in place of others ---------------------------------- */

enum { ZEROED = 4096 };

static void fill_zeroed(struct slot *s) {
  uint32_t n = skewed(9), *p = get_zeroed(n);
  if (p[0] != 0 || p[n / 4 - 1] != 0) block_changed();
  fill_with(s, p, n);
}

static void zeroed_begin(void) {
  new_slots(ZEROED);
  for (uint32_t i = 0; i < ZEROED; i++) fill_zeroed(&slots[i]);
}

static uint32_t zeroed(uint32_t steps) {
  for (uint32_t i = 0; i < steps; i++) {
    struct slot *s = &slots[below(ZEROED)];
    empty(s);
    fill_zeroed(s);
  }
  return 2 * steps;
}

/* ---- live: small blocks for others, in a heap of any size ----------------------------------
 *
 * While the heap is filled, every second block that is new comes with one replaced, so that what is
 * measured is no heap in order of age.  A slot is a pointer only; the block's first word has the
 * slot's number, modulo 2^23, and its own size. */

enum { LIVE_MEAN = 42 + sizeof(uint32_t *), LIVE_TOP = 5, SIZE_BITS = 9 };
_Static_assert(8 << LIVE_TOP << 1 <= 1 << SIZE_BITS, "every size fits");

static uint32_t **live_table, live_slots, live_filled, live;

static void live_fill(uint32_t i) {
  uint32_t n = skewed(LIVE_TOP), *p = get(n);
  live_table[i] = p;
  *p = i << SIZE_BITS | n;
  live += n;
}

static uint32_t live_replace(uint32_t i) {
  uint32_t *p = live_table[i], word = *p;
  if ((word ^ i << SIZE_BITS) >> SIZE_BITS != 0) block_changed();
  sum = sum * 31 + word;
  live -= word & ((1 << SIZE_BITS) - 1);
  put(p);
  live_fill(i);
  return 2;
}

static void live_begin(void) {
  live_slots = live / LIVE_MEAN;
  live_filled = 0;
  live = live_slots * sizeof *live_table;
  live_table = (uint32_t **)get(live);
}

static uint32_t live_run(uint32_t steps) {
  uint32_t operations = 0;
  for (uint32_t i = 0; i < steps; i++) {
    if (live_filled < live_slots) {
      live_fill(live_filled++);
      operations++;
      if (live_filled % 2 != 0) continue;
    }
    operations += live_replace(below(live_filled));
  }
  return operations;
}

/* ---- What the host calls -------------------------------------------------------------------- */

static const struct kind {
  const char *name;
  void (*begin)(void);
  uint32_t (*run)(uint32_t steps);
  uint32_t batch; /* steps of one call: some ten thousand operations, at most PIECE addresses */
} table[] = {
    {"larson", larson_begin, larson, 8192},
    {"random", random_begin, random_run, 16384},
    {"lifo", lifo_begin, lifo, 16},
    {"grow-half", grow_begin, grow_half, 8192},
    {"grow-eighth", grow_begin, grow_eighth, 8192},
    {"text", text_begin, text, 4096},
    {"trees", trees_begin, trees, 4},
    {"calloc", zeroed_begin, zeroed, 8192},
    {"live", live_begin, live_run, 8192},
};
enum { KINDS = sizeof table / sizeof table[0] };
static const struct kind *chosen;
extern char __heap_base;

uint32_t EXPORT(kinds)(void) { return KINDS; }
uint32_t EXPORT(seed)(void) { return SEED; }
const char *EXPORT(kind_name)(uint32_t kind) { return table[kind].name; }
uint32_t EXPORT(batch)(void) { return chosen->batch; }
uint32_t EXPORT(checksum)(void) { return sum; }
uint32_t EXPORT(heap_base)(void) { return (uint32_t)(uintptr_t)&__heap_base; }

/* Of the kind `live`: bytes asked for and not freed. */
uint32_t EXPORT(live_bytes)(void) { return live; }

/* Of the kind `live`: steps until the heap is filled. */
uint32_t EXPORT(missing)(void) { return live_slots - live_filled; }

/* Choose what to do; live is how many bytes the kind of that name is to hold. */
void EXPORT(begin)(uint32_t kind, uint32_t bytes) {
  FIRST_ADDRESS();
  state = SEED;
  live = bytes;
  chosen = &table[kind];
  chosen->begin();
}

/* The next steps of it; returns the calls of the allocator that they took. */
uint32_t EXPORT(run)(uint32_t steps) {
  FIRST_ADDRESS();
  return chosen->run(steps);
}
