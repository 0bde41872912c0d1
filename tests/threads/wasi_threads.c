/* Threads of wasi-threads without a C library: the import wasi.thread-spawn has the host call
 * wasi_thread_start in an instance of its own.  Stack and thread-local variables of a thread are
 * blocks that the thread which spawns it allocates.  What the threads do is workers.c. */
#include <pymalloc.h>

#define STACK_BYTES 65536u
#define STEPS 10000u
#define THREADS_MOST 8u

int work(uint32_t seed, uint32_t steps, int may_wait);
int is_sound(void);
int run(uint32_t threads, uint32_t seed);

/* The assembly below reads the first two. */
struct start {
  void *stack_end, *tls;
  uint32_t seed;
};

/* A positive thread id, or a negative error. */
__attribute__((import_module("wasi"), import_name("thread-spawn"))) int thread_spawn(
    struct start *);

__asm__(
    ".globaltype __stack_pointer, i32\n"
    ".functype __wasm_init_tls (i32) -> ()\n"
    ".functype run_thread (i32, i32) -> ()\n"
    ".section .text.wasi_thread_start,\"\",@\n"
    ".globl wasi_thread_start\n"
    ".type wasi_thread_start,@function\n"
    "wasi_thread_start:\n"
    ".functype wasi_thread_start (i32, i32) -> ()\n"
    "local.get 1\n"
    "i32.load 0\n"
    "global.set __stack_pointer\n"
    "local.get 1\n"
    "i32.load 4\n"
    "call __wasm_init_tls\n"
    "local.get 0\n"
    "local.get 1\n"
    "call run_thread\n"
    "end_function\n");

static uint32_t ended, sound_threads;

void run_thread(int id, const struct start *start);
void run_thread(int id, const struct start *start) {
  if (id > 0 && work(start->seed, STEPS, 1))
    __atomic_add_fetch(&sound_threads, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
}

static int spawn(struct start *start, uint32_t seed) {
  unsigned char *stack = pym_raw_aligned_alloc(16, STACK_BYTES);
  start->tls = pym_raw_aligned_alloc(__builtin_wasm_tls_align(), __builtin_wasm_tls_size());
  if (!stack || !start->tls) return -1;
  start->stack_end = stack + STACK_BYTES;
  start->seed = seed;
  return thread_spawn(start);
}

/* Returns the number of threads whose blocks held what was written to them, 0 if the heap is not
 * sound. */
int run(uint32_t threads, uint32_t seed) {
  static struct start starts[THREADS_MOST];
  uint32_t spawned = 0;
  for (uint32_t i = 0; i < threads && i < THREADS_MOST; i++)
    spawned += spawn(&starts[i], seed + i) > 0;
  while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < spawned) continue;
  return is_sound() ? (int)__atomic_load_n(&sound_threads, __ATOMIC_RELAXED) : 0;
}
