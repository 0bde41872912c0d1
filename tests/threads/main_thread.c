/* A browser's main thread may not wait: memory.atomic.wait32 traps there.  It allocates while a
 * worker holds the library's lock, and then beside workers that free its blocks and leave it
 * theirs.
 *
 * Without PROXY_TO_PTHREAD main() runs on the browser's main thread.  PYM_SEED=NUMBER repeats a
 * run, as far as the order of threads lets it be repeated. */
#include <emscripten.h>
#include <emscripten/threading.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pymalloc.h"

#define WORKERS 3u
#define SHARED 256u
#define OPERATIONS 100000u
#define HELD_MS 100

static uint32_t seed;

#define CHECK(cond) ((cond) ? (void)0 : failed(#cond, __LINE__))
static _Noreturn void failed(const char *what, int line) {
  printf("main_thread.c:%d: %s\n", line, what);
  abort();
}

/* ---- The lock is held when the main thread wants it ---- */

static _Atomic int stage; /* 1 while a worker holds the lock, 2 after that */

/* Called with the lock held. */
static void hold(void *ctx, pym_heap *h, unsigned which, pym_size live) {
  (void)ctx, (void)h, (void)which, (void)live;
  stage = 1;
  for (const double end = emscripten_get_now() + HELD_MS; emscripten_get_now() < end;) continue;
  stage = 2;
}

static void *cross_the_limit(void *arg) {
  (void)arg;
  pym_raw_free(pym_raw_malloc(2u << 20));
  return NULL;
}

static void the_main_thread_gets_a_block_after_it_spun(void) {
  pthread_t worker;
  pym_limit_callback(pym_heap_default(), hold, NULL);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, 1u << 20, PYM_UNLIMITED);
  CHECK(pthread_create(&worker, NULL, cross_the_limit, NULL) == 0);
  while (!stage) continue;
  void *block = pym_raw_malloc(1000);
  CHECK(stage == 2 && block);
  pym_raw_free(block);
  pthread_join(worker, NULL);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, PYM_UNLIMITED);
  pym_limit_callback(pym_heap_default(), NULL, NULL);
}

/* ---- Blocks wander between the main thread and workers ---- */

static _Atomic(uint32_t *) shared[SHARED];
static _Atomic unsigned started;

static uint32_t next(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

/* The first word is the number of words, the last one its complement. */
static void put(uint32_t *block) {
  if (!block) return;
  CHECK(block[block[0] - 1] == ~block[0]);
  free(block);
}

static void exchange_blocks(uint32_t state) {
  for (unsigned i = 0; i < OPERATIONS; i++) {
    const uint32_t words = 2 + next(&state) % (state & 0x700 ? 60u : 6000u);
    uint32_t *block = malloc(words * sizeof *block);
    CHECK(block);
    block[0] = words;
    block[words - 1] = ~words;
    put(atomic_exchange(&shared[next(&state) % SHARED], block));
  }
}

static void *work(void *arg) {
  started++;
  while (started < WORKERS) continue; /* or the first had ended before the last began */
  exchange_blocks(seed + (uint32_t)(uintptr_t)arg);
  return NULL;
}

static void it_allocates_beside_workers(void) {
  pthread_t workers[WORKERS];
  for (uintptr_t i = 0; i < WORKERS; i++)
    CHECK(pthread_create(&workers[i], NULL, work, (void *)(i + 1)) == 0);
  while (started < WORKERS) continue;
  exchange_blocks(seed);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  for (unsigned i = 0; i < SHARED; i++) put(atomic_exchange(&shared[i], NULL));
  if (pym_check(pym_heap_default())) {
    printf("pym_check: %s\n", pym_check_message());
    abort();
  }
}

int main(int argc, char **argv) {
  seed = (uint32_t)(emscripten_random() * 1e9f) | 1u;
  if (argc > 1 && !strncmp(argv[1], "PYM_SEED=", 9)) seed = (uint32_t)strtoul(argv[1] + 9, NULL, 0);
  printf("PYM_SEED=%u\n", seed);
  CHECK(emscripten_is_main_browser_thread());
  the_main_thread_gets_a_block_after_it_spun();
  it_allocates_beside_workers();
  printf("%u blocks on the main thread beside %u workers\n", OPERATIONS, WORKERS);
  return 0;
}
