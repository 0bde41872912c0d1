/* What malloc offers besides blocks, while threads use it: statistics of classes, mallinfo, a
 * profile, blocks above 2 GiB, and freed blocks that a thread holds. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(__wasm__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "own_malloc.h"
#include "pymalloc.h"

#define THREADS 4u
#define BLOCKS 100u
#define SMALL 48u /* bytes */
#define LARGE 3000u

#define CHECK(cond) ((cond) ? (void)0 : failed(#cond, __LINE__))
static _Noreturn void failed(const char *what, int line) {
  fprintf(stderr, "services.c:%d: %s\n", line, what);
  abort();
}

static pym_domain_stats domain_stats(enum pym_domain domain) {
  pym_domain_stats stats;
  pym_domain_stats_get(pym_heap_default(), domain, &stats);
  return stats;
}

static uint64_t live_of_class(size_t bytes) {
  pym_class_stats stats;
  pym_class_stats_get(pym_heap_default(), (unsigned)(bytes / 8 - 1), &stats);
  CHECK(stats.block_size == bytes);
  return stats.live_blocks;
}

/* ---- Threads that have blocks, and wait ---- */

static void *blocks[THREADS][BLOCKS];
static pthread_barrier_t have_blocks, may_end;

static void *allocate(void *arg) {
  void **own = arg;
  for (unsigned i = 0; i < BLOCKS; i++) own[i] = own_malloc(i % 10 ? SMALL : LARGE);
  pthread_barrier_wait(&have_blocks);
  pthread_barrier_wait(&may_end);
  return NULL;
}

static void begin(pthread_t *ids) {
  pthread_barrier_init(&have_blocks, NULL, THREADS + 1);
  pthread_barrier_init(&may_end, NULL, THREADS + 1);
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&ids[i], NULL, allocate, blocks[i]) == 0);
  pthread_barrier_wait(&have_blocks);
}

static void end(const pthread_t *ids) {
  pthread_barrier_wait(&may_end);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(ids[i], NULL);
}

static void free_all(void) {
  for (unsigned i = 0; i < THREADS; i++)
    for (unsigned k = 0; k < BLOCKS; k++) own_free(blocks[i][k]);
}

static void a_class_and_mallinfo_count_the_blocks_of_every_thread(void) {
  pthread_t ids[THREADS];
  own_free(own_malloc(1)); /* what the thread itself needs */
  const uint64_t small = live_of_class(SMALL), raw = domain_stats(PYM_RAW).live_blocks;
  const size_t bytes = own_live_bytes();
  begin(ids);
  CHECK(live_of_class(SMALL) >= small + THREADS * (BLOCKS - BLOCKS / 10));
  CHECK(domain_stats(PYM_RAW).live_blocks >= raw + THREADS * BLOCKS / 10);
  CHECK(own_live_bytes() >= bytes + THREADS * BLOCKS * (SMALL * 9 + LARGE) / 10);
  end(ids);
  free_all();
  pym_heap_trim(pym_heap_default());
  CHECK(live_of_class(SMALL) == small);
  CHECK(domain_stats(PYM_RAW).live_blocks == raw);
  CHECK(!pym_check(pym_heap_default()));
}

/* ---- A profile ---- */

static atomic_uint allocated, freed;

static void count(void *ctx, const pym_profile_event *event) {
  (void)ctx;
  if (event->what == PYM_PROFILE_ALLOC) allocated++;
  if (event->what == PYM_PROFILE_FREE) freed++;
}

static void a_profile_sees_each_sampled_block_come_and_go(void) {
  pthread_t ids[THREADS];
  CHECK(pym_profile_start(64, 1, count, NULL) == 0);
  begin(ids);
  end(ids);
  CHECK(allocated > THREADS * BLOCKS / 2);
  free_all(); /* by another thread */
  CHECK(freed == allocated);
  pym_profile_stop();
}

/* ---- Blocks above 2 GiB ---- */

static void a_huge_block_is_served_or_refused_and_realloc_keeps_the_old_one(void) {
  const size_t huge = (size_t)PYM_SIZE_MAX + 1;
  char *p = own_malloc(100);
  strcpy(p, "kept");
  char *q = own_realloc(p, huge);
  if (!q) CHECK(errno == ENOMEM && !strcmp(p, "kept"));
  if (q) {
    CHECK(!strcmp(q, "kept") && own_malloc_usable_size(q) >= huge);
    q[huge - 1] = 1;
    p = own_realloc(q, 100);
    CHECK(p && !strcmp(p, "kept"));
  }
  own_free(p);
  CHECK(!own_malloc(SIZE_MAX) && errno == ENOMEM);
}

/* ---- Freed raw blocks that the thread holds ---- */

static int any_block_at(void *ctx, enum pym_what what, void *p, size_t size, unsigned count_of,
                        enum pym_domain domain) {
  (void)size, (void)count_of, (void)domain;
  return what == PYM_WALK_CHUNK && p == ctx;
}

static void a_held_block_is_free_in_every_figure_and_serves_next(void) {
  void *p = own_malloc(LARGE);
  const pym_domain_stats before = domain_stats(PYM_RAW);
  CHECK(pym_walk(pym_heap_default(), any_block_at, p));
  own_free(p);
  const pym_domain_stats held = domain_stats(PYM_RAW);
  CHECK(held.live_blocks == before.live_blocks - 1 && held.total_blocks == before.total_blocks);
  CHECK(held.live_bytes < before.live_bytes);
  CHECK(!pym_walk(pym_heap_default(), any_block_at, p));
  CHECK(!pym_check(pym_heap_default()));
  CHECK(own_malloc(LARGE) == p);
  const pym_domain_stats again = domain_stats(PYM_RAW);
  CHECK(again.live_bytes == before.live_bytes && again.total_blocks == before.total_blocks + 1);
  own_free(p);
}

static void a_limit_counts_a_held_block_as_free(void) {
  void *p = own_malloc(LARGE);
  const uint64_t live = domain_stats(PYM_RAW).live_bytes + domain_stats(PYM_OBJ).live_bytes +
                        domain_stats(PYM_MEM).live_bytes;
  own_free(p);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, (uint32_t)live);
  p = own_malloc(LARGE);
  CHECK(p != NULL);
  CHECK(!own_malloc(LARGE));
  own_free(p);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
}

#if !defined(__wasm__)
static void free_twice(char *p) { own_free(p); }
static void ask_its_size(char *p) { own_malloc_usable_size(p); }
static void resize_it(char *p) { p = own_realloc(p, 2 * LARGE); }
static void write_to_it(char *p) {
  memset(p, 7, 8);
  p = own_malloc(LARGE);
}

static void misuse_of_a_held_block_is_reported(void) {
  void (*const misuses[])(char *) = {free_twice, ask_its_size, resize_it, write_to_it};
  for (unsigned i = 0; i < sizeof misuses / sizeof *misuses; i++) {
    const pid_t child = fork();
    if (!child) {
      char *p = own_malloc(LARGE);
      own_free(p);
      misuses[i](p);
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
  }
}
#endif

/* Free blocks of its lists are charged: they are no way round a limit that is set after them. */
static void a_limit_below_what_lists_hold_is_exact_on_the_default_heap(void) {
  static const unsigned whichs[] = {PYM_MEM, PYM_WHOLE_HEAP, PYM_ALL_HEAPS};
  pym_heap *heap = pym_heap_default();
  for (unsigned i = 0; i < sizeof whichs / sizeof *whichs; i++) {
    pym_mem_free(pym_mem_malloc(SMALL));
    uint64_t live = domain_stats(PYM_MEM).live_bytes;
    if (whichs[i] != PYM_MEM)
      live += domain_stats(PYM_RAW).live_bytes + domain_stats(PYM_OBJ).live_bytes;
    CHECK(pym_limit_set(heap, whichs[i], PYM_UNLIMITED, (pym_size)live) == 0);
    CHECK(!pym_mem_malloc(SMALL));
    CHECK(pym_limit_set(heap, whichs[i], PYM_UNLIMITED, PYM_UNLIMITED) == 0);
    void *p = pym_mem_malloc(SMALL);
    CHECK(p);
    pym_mem_free(p);
  }
}

int main(void) {
#if !defined(__wasm__)
  misuse_of_a_held_block_is_reported();
#endif
  a_held_block_is_free_in_every_figure_and_serves_next();
  a_class_and_mallinfo_count_the_blocks_of_every_thread();
  a_huge_block_is_served_or_refused_and_realloc_keeps_the_old_one();
  a_profile_sees_each_sampled_block_come_and_go();
  a_limit_counts_a_held_block_as_free();
  a_limit_below_what_lists_hold_is_exact_on_the_default_heap();
  puts("services: all cases");
  return 0;
}
