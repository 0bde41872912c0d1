/* What workers.test.mjs runs in several workers on one shared memory: the raw domain without a lock
 * of the program's, the object domain with one. */
#include <pymalloc.h>

#define BLOCKS 256u

static struct {
  void *block;
  uint32_t n, mark;
} shared[BLOCKS];
static int interpreter;
static _Thread_local uint32_t random_state;

static uint32_t next(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static void fill(unsigned char *p, uint32_t n, uint32_t mark) {
  for (uint32_t i = 0; i < n; i++) p[i] = (unsigned char)(mark + i);
}
static int is_filled(const unsigned char *p, uint32_t n, uint32_t mark) {
  for (uint32_t i = 0; i < n; i++)
    if (p[i] != (unsigned char)(mark + i)) return 0;
  return 1;
}

static int object_step(void) {
  int sound = 1;
  while (__atomic_exchange_n(&interpreter, 1, __ATOMIC_ACQUIRE)) continue;
  const uint32_t i = next() % BLOCKS, n = 1 + next() % 700;
  if (shared[i].block) sound = is_filled(shared[i].block, shared[i].n, shared[i].mark);
  pym_obj_free(shared[i].block);
  shared[i].block = pym_obj_malloc(n);
  shared[i].n = n;
  shared[i].mark = next();
  if (shared[i].block) fill(shared[i].block, n, shared[i].mark);
  __atomic_store_n(&interpreter, 0, __ATOMIC_RELEASE);
  return sound;
}

/* Returns 1 if every block held what was written to it. */
int work(uint32_t seed, uint32_t steps, int may_wait) {
  void *own[64] = {0};
  uint32_t sizes[64], sound = 1;
  random_state = seed;
  pym_thread_may_wait(may_wait);
  for (uint32_t step = 0; step < steps && sound; step++) {
    if (step % 4 == 0) sound &= (uint32_t)object_step();
    const uint32_t i = next() % 64;
    if (own[i]) sound &= (uint32_t)is_filled(own[i], sizes[i], i);
    pym_raw_free(own[i]);
    sizes[i] = 1 + next() % 3000;
    own[i] = pym_raw_malloc(sizes[i]);
    if (!own[i]) return 0;
    fill(own[i], sizes[i], i);
  }
  for (uint32_t i = 0; i < 64; i++) pym_raw_free(own[i]);
  pym_thread_end();
  return (int)sound;
}

int is_sound(void) { return pym_check(pym_heap_default()) == 0; }
