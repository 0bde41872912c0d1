/* malloc under threads: threads WORKLOAD THREADS OPERATIONS prints one line of JSON.
 *
 *   compute    no memory and no allocator: what two threads of this machine can do at all
 *   floor      the random numbers, touches and calls of `private`, on blocks that stay
 *   private    each thread allocates and frees its own blocks, as one interpreter a thread does
 *   larson     threads free blocks that others allocated: a table of places that all of them share
 *   pairs      producers allocate, consumers free; half of the threads each (one thread does both)
 *   xmalloc    batches of blocks go from thread to thread, and the batch too is a block */
#include <emscripten.h>
#include <emscripten/heap.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__EMSCRIPTEN_PTHREADS__)
#include <pthread.h>
#endif

#define THREADS_MOST 8
#define PLACES 4096u
#define OWN 1024u
#define BATCH 120u

/* CPU time of the whole process, all threads, and time, in milliseconds.  Node.js starts a worker
 * in some 10 ms, and code gets its speed when it has run for a while, which is nothing of an
 * allocator's: so both are taken when all threads have done a quarter more operations. */
EM_JS(double, cpu_now, (void), {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
});
EM_JS(double, now, (void), {
  const[seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
});

static _Atomic(void *) places[PLACES];
static atomic_int warm, running, ended;
static uint32_t operations;
static int threads;
/* The last thread has warmed up; the last one has ended. */
static double begin, end, cpu_begin, cpu_end;

/* No two share a cache line: each writes to its own at every random number. */
struct thread {
  _Alignas(128) int number;
  uint32_t state;
};

static uint32_t next(struct thread *t) {
  uint32_t x = t->state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return t->state = x;
}

/* As programs ask: three of four up to 144 bytes, one of sixteen above 1 KiB. */
static size_t size(uint32_t r) {
  const uint32_t k = r & 15;
  if (k < 12) return 16 + (r >> 8 & 127);
  return k < 15 ? 128 + (r >> 8 & 511) : 1024 + (r >> 8 & 4095);
}

static void *get(struct thread *t) {
  const size_t n = size(next(t));
  char *p = malloc(n);
  if (!p) abort();
  p[0] = 1;
  p[n - 1] = 2;
  return p;
}

/* Each function below does the operations [from, from + SLICE).  It is called for each slice, since
 * engines compile a function for speed when it is called often, not while it runs. */
#define SLICE 1200u
_Static_assert(SLICE % BATCH == 0, "whole batches");
#define WORKLOAD static __attribute__((noinline)) void

static _Thread_local void *own[OWN];
static _Thread_local uint32_t own_size[OWN];
static _Atomic uint32_t unused;

WORKLOAD compute(struct thread *t, uint32_t from) {
  (void)from;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < SLICE * 10; i++) sum += next(t);
  unused = sum;
}

WORKLOAD touch_blocks(struct thread *t, uint32_t from) {
  (void)from;
  for (uint32_t i = 0; i < SLICE; i++) {
    const uint32_t k = next(t) % OWN, n = (uint32_t)size(next(t));
    if (!own[k]) {
      own[k] = malloc(n);
      if (!own[k]) abort();
      own_size[k] = n;
    }
    char *p = own[k];
    p[0] = 1;
    p[(n < own_size[k] ? n : own_size[k]) - 1] = 2;
  }
}

WORKLOAD private_blocks(struct thread *t, uint32_t from) {
  (void)from;
  for (uint32_t i = 0; i < SLICE; i++) {
    void **place = &own[next(t) % OWN];
    free(*place);
    *place = get(t);
  }
}

WORKLOAD larson(struct thread *t, uint32_t from) {
  (void)from;
  for (uint32_t i = 0; i < SLICE; i++) free(atomic_exchange(&places[next(t) % PLACES], get(t)));
}

/* A producer puts where nothing is, a consumer takes what is there. */
WORKLOAD pairs(struct thread *t, uint32_t from) {
  const uint32_t share = PLACES / (uint32_t)((threads + 1) / 2),
                 first = (uint32_t)(t->number / 2) * share;
  const int produces = t->number % 2 == 0, consumes = t->number % 2 == 1 || threads == 1;
  for (uint32_t i = from; i < from + SLICE; i++) {
    _Atomic(void *) *place = &places[first + i % share];
    if (produces) free(atomic_exchange(place, get(t))); /* the consumer is behind: freed here */
    if (consumes) free(atomic_exchange(place, NULL));
  }
}

struct batch {
  void *blocks[BATCH];
};

WORKLOAD xmalloc(struct thread *t, uint32_t from) {
  (void)from;
  for (uint32_t i = 0; i < SLICE / BATCH; i++) {
    struct batch *mine = malloc(sizeof *mine);
    if (!mine) abort();
    for (uint32_t k = 0; k < BATCH; k++) mine->blocks[k] = get(t);
    struct batch *other = atomic_exchange(&places[next(t) % 64], mine);
    for (uint32_t k = 0; other && k < BATCH; k++) free(other->blocks[k]);
    free(other);
  }
}

static const struct {
  const char *name;
  void (*run)(struct thread *t, uint32_t from);
} workloads[] = {{"compute", compute}, {"floor", touch_blocks}, {"private", private_blocks},
                 {"larson", larson},   {"pairs", pairs},        {"xmalloc", xmalloc}};
static void (*workload)(struct thread *t, uint32_t from);

static void *run(void *arg) {
  struct thread *t = arg;
  for (int i = 0; i < 2; i++) {
    for (uint32_t from = 0; from < operations / 8; from += SLICE) workload(t, from);
    usleep(50000); /* the engine compiles on the cores that are used otherwise */
  }
  if (++warm == threads) {
    cpu_begin = cpu_now();
    begin = now();
    running = 1;
  }
  while (!running) continue;
  for (uint32_t from = 0; from < operations; from += SLICE) workload(t, from);
  if (++ended == threads) {
    end = now();
    cpu_end = cpu_now();
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  threads = atoi(argv[2]);
  operations = (uint32_t)atoi(argv[3]);
  for (unsigned i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (!strcmp(workloads[i].name, argv[1])) workload = workloads[i].run;
  if (!workload || threads < 1 || threads > THREADS_MOST) return 2;
  struct thread t[THREADS_MOST] = {0};
  for (int i = 0; i < threads; i++) {
    t[i].number = i;
    t[i].state = 12345u + 7919u * (uint32_t)i;
  }
#if defined(__EMSCRIPTEN_PTHREADS__)
  pthread_t ids[THREADS_MOST];
  for (int i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, run, &t[i])) abort();
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
#else
  run(&t[0]);
#endif
  printf("{\"wall_ms\":%.2f,\"cpu_ms\":%.2f,\"memory\":%zu}\n", end - begin, cpu_end - cpu_begin,
         (size_t)*emscripten_get_sbrk_ptr());
  return 0;
}
