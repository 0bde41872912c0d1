/* A program that keeps its own account of what it asked malloc for, to be compared with what was
 * observed.  Which operation comes next is drawn from a seed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name), used)) name
#define SLOTS 400

struct slot {
  unsigned char *block;
  uint32_t size;
};

static struct slot slots[SLOTS];
static uint32_t live_bytes, live_blocks, refused, damaged, state;

static uint32_t draw(uint32_t n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % n;
}

/* Every block holds the low byte of its size at both ends. */
static void account(struct slot *slot, void *block, uint32_t size) {
  if (!block) {
    refused++;
    return;
  }
  if (slot->block) {
    live_bytes -= slot->size;
    live_blocks--;
  }
  slot->block = block;
  slot->size = size;
  slot->block[0] = slot->block[size - 1] = (unsigned char)size;
  live_bytes += size;
  live_blocks++;
}

static void check(const struct slot *slot) {
  unsigned char mark = (unsigned char)slot->size;
  if (slot->block[0] != mark || slot->block[slot->size - 1] != mark) damaged++;
}

static void release(struct slot *slot) {
  check(slot);
  free(slot->block);
  live_bytes -= slot->size;
  live_blocks--;
  slot->block = NULL;
}

static void resize(struct slot *slot, uint32_t size) {
  check(slot);
  account(slot, realloc(slot->block, size), size);
}

static void allocate(struct slot *slot, uint32_t size) {
  switch (draw(4)) {
    case 0:
      account(slot, calloc(size, 1), size);
      break;
    case 1: {
      void *block = NULL;
      if (posix_memalign(&block, 64, size)) block = NULL;
      account(slot, block, size);
      break;
    }
    default:
      account(slot, malloc(size), size);
  }
}

void EXPORT(run)(uint32_t seed, uint32_t steps) {
  state = seed;
  for (; steps > 0; steps--) {
    struct slot *slot = &slots[draw(SLOTS)];
    uint32_t size = 1 + draw(draw(40) ? 300 : 60000);
    if (!slot->block) allocate(slot, size);
    else if (draw(3)) release(slot);
    else resize(slot, size);
  }
}

/* A second caller of each function: one that has a single caller is inlined there. */
uint32_t EXPORT(exercise)(uint32_t size) {
  void *blocks[3] = {malloc(size), calloc(size, 2), NULL};
  uint32_t failed = (uint32_t)posix_memalign(&blocks[2], 128, size);
  void *larger = realloc(blocks[0], 2 * size);
  if (!larger) return 1;
  memset(larger, 1, 2 * size);
  free(larger);
  free(blocks[1]);
  if (!failed) free(blocks[2]);
  return failed;
}

void EXPORT(finish)(void) {
  for (int i = 0; i < SLOTS; i++) {
    if (slots[i].block) release(&slots[i]);
  }
}

uint32_t EXPORT(bytes)(void) { return live_bytes; }
uint32_t EXPORT(blocks)(void) { return live_blocks; }
uint32_t EXPORT(failures)(void) { return refused; }
uint32_t EXPORT(damages)(void) { return damaged; }
