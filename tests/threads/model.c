/* Random operations of 1 to 8 threads against a model: contents of every block, blocks that another
 * thread frees, threads that start and end, refused growth, limits, an interpreter with a lock.
 *
 * PYM_SEED and PYM_OPS repeat a run, as far as the order of threads lets it be repeated.  All
 * threads stand between rounds; there the whole heap is checked. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "own_malloc.h"
#include "pymalloc.h"
#include "round.h"

#ifndef MODEL_OPS
#define MODEL_OPS 2000000
#endif
#define THREADS_MOST 8u
#define OWN 512u     /* blocks that a thread holds */
#define SHARED 1024u /* places where threads leave blocks for each other */
#define LIMIT (256u << 10)

static uint64_t seed;

#define CHECK(cond) ((cond) ? (void)0 : failed(#cond, __LINE__))
static _Noreturn void failed(const char *what, int line) {
  fprintf(stderr, "model.c:%d: %s\nPYM_SEED=%llu\n", line, what, (unsigned long long)seed);
  abort();
}

/* ---- Blocks: their size and a pattern are in them ---- */

struct block {
  uint32_t n, mark;
};

static uint8_t pattern(uint32_t mark, uint32_t i) { return (uint8_t)(mark * 31 + i * 7); }

static void fill(void *p, uint32_t n, uint32_t mark) {
  *(struct block *)p = (struct block){n, mark};
  uint8_t *bytes = p;
  for (uint32_t i = sizeof(struct block); i < n; i += i < 64 ? 1 : 61) bytes[i] = pattern(mark, i);
}

static void verify(const void *p, uint32_t upto) {
  const struct block *b = p;
  const uint8_t *bytes = p;
  for (uint32_t i = sizeof *b; i < b->n && i < upto; i += i < 64 ? 1 : 61)
    CHECK(bytes[i] == pattern(b->mark, i));
}

/* ---- What every round has ---- */

static _Atomic(void *) shared[SHARED];
static atomic_uint_least64_t live; /* bytes, in rounds with a limit: never above what is true */
static pthread_mutex_t interpreter = PTHREAD_MUTEX_INITIALIZER;
static enum kind kind;

struct thread {
  pthread_t id;
  uint64_t state;
  uint32_t ops, refused;
  void *own[OWN];
};

static uint32_t next(struct thread *t) {
  t->state ^= t->state << 13;
  t->state ^= t->state >> 7;
  t->state ^= t->state << 17;
  return (uint32_t)(t->state >> 16);
}

static uint32_t size(struct thread *t) {
  const uint32_t r = next(t), kind_of_size = r & 31;
  if (kind == ROUND_REFUSED && kind_of_size < 8) return 8 + (r >> 8) % 200000;
  if (kind_of_size < 26) return 8 + (r >> 8) % 200;
  return kind_of_size < 31 ? 8 + (r >> 8) % 600 : 8 + (r >> 8) % 20000;
}

static void entered(const void *p) {
  if (kind != ROUND_LIMIT) return;
  const uint64_t n = pym_usable_size(p);
  CHECK(atomic_fetch_add(&live, n) + n <= LIMIT);
}
static void struck(const void *p) {
  if (kind == ROUND_LIMIT && p) atomic_fetch_sub(&live, pym_usable_size(p));
}

/* ---- malloc ---- */

static void *get(struct thread *t, uint32_t n) {
  void *p;
  switch (next(t) & 7) {
    case 0:
      p = own_calloc(1, n);
      for (uint32_t i = 0; p && i < n; i++) CHECK(((uint8_t *)p)[i] == 0);
      break;
    case 1:
      p = own_aligned_alloc(64, n);
      break;
    default:
      p = own_malloc(n);
  }
  if (!p) {
    t->refused++;
    return NULL;
  }
  CHECK(own_malloc_usable_size(p) >= n && (uintptr_t)p % 8 == 0);
  entered(p);
  fill(p, n, next(t));
  return p;
}

static void put(void *p) {
  if (p) verify(p, UINT32_MAX);
  struck(p);
  own_free(p);
}

static void resize(struct thread *t, void **slot) {
  const uint32_t n = size(t), old = *slot ? ((struct block *)*slot)->n : 0;
  struck(*slot);
  void *p = own_realloc(*slot, n);
  if (!p) {
    t->refused++;
    CHECK(n > old);
    if (*slot && kind == ROUND_LIMIT) atomic_fetch_add(&live, pym_usable_size(*slot));
    return;
  }
  if (old) verify(p, n);
  if (kind == ROUND_LIMIT) atomic_fetch_add(&live, pym_usable_size(p));
  fill(p, n, next(t));
  *slot = p;
}

static void malloc_step(struct thread *t) {
  const uint32_t r = next(t);
  void **slot = &t->own[r % OWN];
  switch (r >> 16 & 7) {
    case 0:
    case 1:
      put(atomic_exchange(&shared[(r >> 4) % SHARED], get(t, size(t))));
      break;
    case 2:
      if (kind != ROUND_LIMIT) resize(t, slot);
      break;
    default:
      put(*slot);
      *slot = *slot && r >> 19 & 1 ? NULL : get(t, size(t));
  }
}

/* ---- An interpreter with a lock; raw blocks without it ---- */

static void raw_step(struct thread *t, void **slot) {
  if (*slot) verify(*slot, UINT32_MAX);
  pym_raw_free(*slot);
  const uint32_t n = 8 + next(t) % 3000;
  *slot = pym_raw_malloc(n);
  if (*slot) fill(*slot, n, next(t));
}

static void object_step(struct thread *t) {
  pthread_mutex_lock(&interpreter);
  for (unsigned i = 0; i < 16; i++) {
    _Atomic(void *) *slot = &shared[next(t) % SHARED];
    void *p = *slot;
    if (p) verify(p, UINT32_MAX);
    const uint32_t n = size(t);
    if (next(t) & 1) {
      pym_obj_free(p);
      p = pym_obj_malloc(n);
    } else {
      void *moved = pym_obj_realloc(p, n);
      p = moved ? moved : p;
      if (!moved) continue;
    }
    if (p) fill(p, n, next(t));
    *slot = p;
  }
  pthread_mutex_unlock(&interpreter);
}

static void interpreter_step(struct thread *t) {
  const uint32_t r = next(t);
  if (r % 16) raw_step(t, &t->own[(r >> 8) % OWN]);
  else object_step(t);
}

/* ---- Rounds ---- */

static void *work(void *arg) {
  struct thread *t = arg;
  for (uint32_t i = 0; i < t->ops; i++)
    if (kind == ROUND_INTERPRETER) interpreter_step(t);
    else malloc_step(t);
  /* Half of the threads leave their blocks to the main thread. */
  for (unsigned i = 0; i < OWN && t->state & 1; i++) {
    if (kind == ROUND_INTERPRETER) pym_raw_free(t->own[i]);
    else put(t->own[i]);
    t->own[i] = NULL;
  }
  return NULL;
}

static void free_all(struct thread *threads, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    for (unsigned k = 0; k < OWN; k++) {
      if (kind == ROUND_INTERPRETER) pym_raw_free(threads[i].own[k]);
      else put(threads[i].own[k]);
    }
  for (unsigned i = 0; i < SHARED; i++) {
    void *p = atomic_exchange(&shared[i], NULL);
    if (kind == ROUND_INTERPRETER) pym_obj_free(p);
    else put(p);
  }
}

static void assert_sound(void) {
  if (!pym_check(pym_heap_default())) return;
  fprintf(stderr, "pym_check: %s\n", pym_check_message());
  failed("pym_check", __LINE__);
}

static uint64_t live_bytes(void) {
  uint64_t sum = 0;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats s;
    pym_domain_stats_get(pym_heap_default(), (enum pym_domain)d, &s);
    sum += s.live_bytes;
  }
  return sum;
}

static uint32_t run_round(unsigned n_threads, uint32_t ops, uint64_t round) {
  static struct thread threads[THREADS_MOST];
  memset(threads, 0, sizeof threads);
  const uint64_t before = live_bytes();
  round_begin(kind, LIMIT);
  for (unsigned i = 0; i < n_threads; i++) {
    threads[i].state = (seed + round * 64 + i + 1) * 0x9e3779b97f4a7c15u;
    threads[i].ops = ops;
    CHECK(pthread_create(&threads[i].id, NULL, work, &threads[i]) == 0);
  }
  for (unsigned i = 0; i < n_threads; i++) pthread_join(threads[i].id, NULL);
  round_end();
  assert_sound();
  free_all(threads, n_threads);
  assert_sound();
  CHECK(live_bytes() == before);
  uint32_t refused = 0;
  for (unsigned i = 0; i < n_threads; i++) refused += threads[i].refused;
  return refused;
}

/* NAME=NUMBER, as an argument or, where programs have one, in the environment. */
static uint64_t option(char **argv, const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  const size_t n = strlen(name);
  for (; *argv; argv++)
    if (!strncmp(*argv, name, n) && (*argv)[n] == '=') text = *argv + n + 1;
  return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv) {
  (void)argc;
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  seed = option(argv, "PYM_SEED", (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30);
  const uint64_t ops = option(argv, "PYM_OPS", MODEL_OPS);
  printf("PYM_SEED=%llu PYM_OPS=%llu\n", (unsigned long long)seed, (unsigned long long)ops);
  const unsigned rounds = ROUND_KINDS * THREADS_MOST;
  uint32_t refused[ROUND_KINDS] = {0};
  for (unsigned round = 0; round < rounds; round++) {
    const unsigned n = 1 + round / ROUND_KINDS;
    kind = (enum kind)(round % ROUND_KINDS);
    refused[kind] += run_round(n, (uint32_t)(ops / rounds / n) + 1, round);
  }
  CHECK(refused[ROUND_LIMIT] > 0 && refused[ROUND_REFUSED] > 0 && refused[ROUND_PLAIN] == 0);
  printf("%u threads at the most, %u rounds, refused: %u by a limit, %u by the host\n",
         THREADS_MOST, rounds, refused[ROUND_LIMIT], refused[ROUND_REFUSED]);
  return 0;
}
