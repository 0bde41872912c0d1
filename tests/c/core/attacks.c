/* What an attacker gets who can write to freed blocks, past the end of blocks, free what he likes,
 * and knows every address and every constant, but cannot read memory: so not the keys that are
 * drawn at start.  A row an attack, with what becomes of it in each build.  Native only.
 *
 *   unseen    the goal is reached and nothing is said, then or later
 *   late      the goal is reached, and a report comes when the program goes on
 *   stopped   the goal is not reached */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"
#include "view.h"

enum outcome { UNSEEN, LATE, STOPPED };
static const char *const words[] = {"UNSEEN", "late", "stopped"};

static volatile int *goal;  /* shared with the child */
static unsigned char *data; /* the program's own, one page, zeroed */

static uint32_t address(const void *p) { return (uint32_t)target_offset(p); }
static uint32_t *word32(void *p) { return p; }

/* ---- Goals ---- */

static void reached(void) { *goal = 1; }

/* Do [p, p + n) and [q, q + m) overlap? */
static int overlap(const void *p, size_t n, const void *q, size_t m) {
  return address(p) < address(q) + m && address(q) < address(p) + n;
}
/* Take up to `count` blocks: does one overlap what is not to be handed out, or another of them? */
#define MANY 2000u
static unsigned char *taken[MANY];
static void take_for(const void *target, size_t bytes, size_t size, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    taken[i] = pym_obj_malloc(size);
    if (!taken[i]) return;
    int hit = target && overlap(taken[i], size, target, bytes);
    for (unsigned k = 0; k < i && !hit; k++) hit = overlap(taken[i], size, taken[k], size);
    if (hit) {
      reached();
      return;
    }
  }
}
static void take_raw_for(const void *target, size_t bytes, size_t size, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    taken[i] = pym_raw_malloc(size);
    if (taken[i] && overlap(taken[i], size, target, bytes)) {
      reached();
      return;
    }
  }
}
/* Once the goal is reached the program goes on. */
static void go_on(void) {
  static void *p[600];
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < COUNT(p); i++)
      p[i] = i % 3 ? pym_obj_malloc(48) : pym_raw_malloc(1000);
    for (unsigned i = 0; i < COUNT(p); i++)
      if (i % 3) pym_obj_free(p[i]);
      else pym_raw_free(p[i]);
    pym_heap_trim(pym_heap_default());
  }
}

/* ---- Small blocks ---- */

#define BYTES 48u
static unsigned char *a, *b, *c, *live;
static void four(void) {
  a = pym_obj_calloc(1, BYTES);
  b = pym_obj_calloc(1, BYTES);
  c = pym_obj_calloc(1, BYTES);
  live = pym_obj_calloc(1, BYTES);
}
/* A full pool of blocks of n bytes, which malloc does not take from, and one block more. */
static unsigned char *pool[600];
static unsigned full_pool(uint32_t n) {
  const unsigned capacity = view_capacity(n);
  for (unsigned i = 0; i < capacity; i++) pool[i] = pym_obj_calloc(1, n);
  live = pym_obj_calloc(1, n);
  return capacity;
}

static void link_to_program_data(void) {
  four();
  pym_obj_free(a);
  word32(a)[0] = address(data);
  word32(a)[1] = 0;
  take_for(data, 64, BYTES, 200);
}
static void one_byte_of_a_link(void) { /* so that it would lead to the live block beside */
  const unsigned capacity = full_pool(BYTES);
  for (unsigned i = 0; i < capacity; i += 2) pym_obj_free(pool[i]);
  *pool[4] = (unsigned char)address(pool[5]);
  take_for(pool[5], BYTES, BYTES, 200);
}
static void free_a_a(void) {
  four();
  pym_obj_free(a);
  pym_obj_free(a);
  take_for(NULL, 0, BYTES, 200);
}
static void free_a_b_a(void) {
  four();
  pym_obj_free(a);
  pym_obj_free(b);
  pym_obj_free(a);
  take_for(NULL, 0, BYTES, 200);
}
static void free_650_between(void) {
  static void *p[650];
  for (unsigned i = 0; i < COUNT(p); i++) p[i] = pym_obj_malloc(BYTES);
  four();
  pym_obj_free(a);
  for (unsigned i = 0; i < COUNT(p); i++) pym_obj_free(p[i]);
  pym_obj_free(a);
  take_for(NULL, 0, BYTES, 1500);
}
static void link_inside_a_usable_pool(void) { /* to a block of it that lives, one by one */
  const unsigned capacity = full_pool(BYTES);
  for (unsigned i = 0; i < capacity / 2; i++) pym_obj_free(pool[i]);
  for (unsigned i = 0; i < capacity / 2; i++) {
    word32(pool[i])[0] = address(pool[capacity - 1]) & 0xffff;
    word32(pool[i])[1] = 0;
  }
  pym_limit_set(pym_heap_default(), PYM_OBJ, PYM_UNLIMITED, (capacity + 60) * BYTES);
  take_for(pool[capacity - 1], BYTES, BYTES, 200);
}
static void free_of_p_plus_8(void) {
  four();
  pym_obj_free(a + 8);
  take_for(b, BYTES, BYTES, 200);
}
/* It would count as a block of the pool, and one that lives be in the way when the pool is given
 * up. */
static void free_of_a_pools_base(void) {
  const unsigned capacity = full_pool(BYTES);
  pym_obj_free(view_base(pool[0]));
  for (unsigned i = 1; i < capacity; i++) pym_obj_free(pool[i]);
  take_raw_for(pool[0], BYTES, 4000, 100);
}
/* The size of a full pool's blocks: 16 becomes 272. */
static void byte_of_the_pool_table(void) {
  full_pool(16);
  ((unsigned char *)view_pool(pool[0]))[offsetof(struct pym__pool, size) + 1] = 1;
  pym_obj_free(pool[0]);
  take_for(pool[1], 16, 272, 30);
}
static void block_of_another_heap(void) {
  pym_heap *h = pym_heap_new();
  unsigned char *theirs = pym_heap_calloc(h, PYM_OBJ, 1, BYTES);
  four();
  pym_obj_free(theirs);
  take_for(theirs, BYTES, BYTES, 200);
}

/* ---- Raw blocks ---- */

/* A header as far as it is known: with the key of another run. */
static void forge(unsigned char *p, uint32_t head) {
  word32(p)[-1] = head;
  word32(p)[-2] = head ^ (address(p) - 8) ^ 0x5a17c0deu ^ address(pym_heap_default());
}
static void three(size_t n) {
  a = pym_raw_calloc(1, n);
  b = pym_raw_calloc(1, n);
  c = pym_raw_calloc(1, n);
}

static void blind_overflow(void) {
  three(1000);
  memset(a, 0x41, 1000 + 8);
  pym_raw_free(b);
  take_raw_for(c, 1000, 0x41414130, 1);
}
static void forged_size(void) {
  three(1000);
  forge(b, 2016 | 1);
  pym_raw_free(b);
  take_raw_for(c, 1000, 2000, 3);
}
static void forged_free_before(void) {
  three(20000);
  forge(b, 20016 | 3);
  word32(b)[-3] = 10000;
  forge(b - 10000, 10000);
  pym_raw_free(b);
  take_raw_for(a, 20000, 29000, 3);
}
static void cached_link_to_a_fake_chunk(void) {
  three(1000);
  forge(data + 16, 1008 | 13);
  pym_raw_free(b);
  word32(b)[0] = address(data + 8);
  take_raw_for(data, 1024, 1000, 10);
}
/* One link written where the other leads: into the program's data. */
static void plain_unlink(void) {
  three(1000);
  pym_raw_free(b);
  pym_heap_trim(pym_heap_default());
  word32(b)[0] = address(data + 64);
  word32(b)[1] = address(data + 128);
  pym_raw_malloc(1000);
  for (unsigned i = 0; i < 256; i++)
    if (data[i]) reached();
}
static void fake_chunk_in_a_list(void) {
  three(1000);
  forge(data + 16, 1008);
  word32(data + 16)[1] = address(b) - 8;
  pym_raw_free(b);
  pym_heap_trim(pym_heap_default());
  word32(b)[0] = address(data + 8);
  take_raw_for(data, 1024, 1000, 10);
}
static void raw_double_free(void) {
  three(1000);
  pym_raw_free(b);
  pym_raw_free(a);
  pym_raw_free(b);
  unsigned char *first = pym_raw_malloc(1000);
  pym_raw_malloc(1000);
  take_raw_for(first, 1000, 1000, 10);
}
static void free_of_a_fake_chunk(void) {
  pym_raw_malloc(100);
  forge(data + 16, 1008 | 1);
  forge(data + 16 + 1008, 1008 | 1);
  pym_raw_free(data + 16);
  take_raw_for(data, 1024, 1000, 10);
}

/* ---- The table ---- */

#define ROW(act, release, hardened, debug)  \
  {                                         \
    #act, act, { release, hardened, debug } \
  }
static const struct row {
  const char *name;
  void (*act)(void);
  enum outcome expected[3];
} rows[] = {
    ROW(link_to_program_data, STOPPED, STOPPED, STOPPED),
    ROW(one_byte_of_a_link, STOPPED, STOPPED, STOPPED),
    ROW(free_a_a, STOPPED, STOPPED, STOPPED),
    ROW(free_a_b_a, STOPPED, STOPPED, STOPPED),
    ROW(free_650_between, STOPPED, STOPPED, STOPPED),
    ROW(link_inside_a_usable_pool, STOPPED, STOPPED, STOPPED),
    ROW(free_of_p_plus_8, UNSEEN, STOPPED, STOPPED),
    ROW(free_of_a_pools_base, STOPPED, STOPPED, STOPPED),
    ROW(byte_of_the_pool_table, STOPPED, STOPPED, STOPPED),
    ROW(block_of_another_heap, STOPPED, STOPPED, STOPPED),
    ROW(blind_overflow, STOPPED, STOPPED, STOPPED),
    ROW(forged_size, STOPPED, STOPPED, STOPPED),
    ROW(forged_free_before, STOPPED, STOPPED, STOPPED),
    ROW(cached_link_to_a_fake_chunk, STOPPED, STOPPED, STOPPED),
    ROW(plain_unlink, STOPPED, STOPPED, STOPPED),
    ROW(fake_chunk_in_a_list, STOPPED, STOPPED, STOPPED),
    ROW(raw_double_free, STOPPED, STOPPED, STOPPED),
    ROW(free_of_a_fake_chunk, STOPPED, STOPPED, STOPPED),
};
_Static_assert(COUNT(rows) == 18, "as documented");

static const struct row *running;
static void run_row(void) {
  pym_raw_free(pym_raw_malloc(100));
  data = target_foreign(1);
  memset(data, 0, WASM_PAGE);
  running->act();
  if (*goal) go_on();
}

static enum outcome outcome_of(const struct row *row, enum ending *ending) {
  running = row;
  *goal = 0;
  *ending = ending_of(run_row, "");
  return !*goal ? STOPPED : *ending == REPORTED ? LATE : UNSEEN;
}

static void each_attack_ends_as_the_table_says(void) {
  unsigned unseen = 0;
  for (unsigned i = 0; i < COUNT(rows); i++) {
    enum ending ending;
    const enum outcome outcome = outcome_of(&rows[i], &ending);
    const char *said = ending == CAME_THROUGH ? "" : ending == CRASHED ? "crash" : last_words();
    printf("  %-8s %-28s %s%s", words[outcome], rows[i].name, said, strchr(said, '\n') ? "" : "\n");
    check_context(rows[i].name, 0);
    CHECK_EQ(outcome, rows[i].expected[PYM_DEBUG]);
    CHECK(ending != CRASHED);
    unseen += outcome == UNSEEN;
  }
  printf("  %u of %u goals reached unseen\n", unseen, (unsigned)COUNT(rows));
  CHECK(unseen <= (PYM_DEBUG ? 0 : 4));
}

/* Whoever writes one byte of a link blindly is right by chance: for one or two values of a byte,
 * and no more than that. */
static unsigned guessed_byte, guess;
static void guess_a_byte(void) {
  pym__key = 0xa3b1c2d4e5f60718u; /* the same in each run; no block of a pool was made yet */
  ((struct space_view *)(uintptr_t)view_space())->link_key = pym__key;
  const unsigned capacity = full_pool(BYTES);
  for (unsigned i = 0; i < capacity; i += 2) pym_obj_free(pool[i]);
  pool[4][guessed_byte] = (unsigned char)guess;
  take_for(pool[5], BYTES, BYTES, 200);
}
static void a_byte_of_a_link_has_to_be_guessed(void) {
  const struct row row = {"guess", guess_a_byte, {STOPPED, STOPPED, STOPPED}};
  for (guessed_byte = 0; guessed_byte < 8; guessed_byte++) {
    unsigned through = 0;
    for (guess = 0; guess < 256; guess++) {
      enum ending ending;
      const enum outcome outcome = outcome_of(&row, &ending);
      check_context("byte, value", guessed_byte * 1000 + guess);
      CHECK(outcome == STOPPED && ending != CRASHED);
      through += ending == CAME_THROUGH;
    }
    CHECK_EQ(through, 1); /* the byte that was there */
  }
}

static void share_the_goal(void) {
  goal = mmap(NULL, sizeof *goal, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(goal != MAP_FAILED);
}

CHECK_CASES(TEST(share_the_goal), TEST(each_attack_ends_as_the_table_says),
            TEST(a_byte_of_a_link_has_to_be_guessed));
