/* Replays an allocation trace as fast as it can.  One source, one module a peer (peer.h); with
 * REPLAY_RECORD it also writes down the address that each record came to, and with PEER_FLOOR it
 * makes the same touches at the addresses written down before.
 *
 * A touch is what the owner of a block does at the least: writes its first word when it is new,
 * reads it before it is freed or resized.  With REPLAY_BLOCK it is what most owners do: the same
 * with every word of the block.  The host hands the trace over in pieces, so that linear memory
 * holds little else than what the trace asks for: engines take longer to grow a memory that is
 * large already.
 *
 * As a WASI command (feed.c) the module reads the trace from standard input instead: for hosts that
 * count instructions. */
#include "replay.h"

#include "peer.h"

enum { MARK, MALLOC, CALLOC, REALLOC, REALLOC_NULL, FREE };

struct record trace[PIECE];
uint32_t addresses[PIECE];
static uint32_t *blocks[MAX_IDS];

#if defined(REPLAY_BLOCK)
static uint32_t words[MAX_IDS]; /* of each block */

static void fill(uint32_t *p, uint32_t id, uint32_t size) {
  words[id] = size / 4;
  for (uint32_t i = 0; i < size / 4; i++) p[i] = id;
}

/* Is every word of the block what fill() wrote? */
static int intact(const uint32_t *p, uint32_t id) {
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < words[id]; i++) wrong |= p[i] ^ id;
  return wrong == 0;
}
#else
static void fill(uint32_t *p, uint32_t id, uint32_t size) {
  (void)size;
  *p = id;
}
static int intact(const uint32_t *p, uint32_t id) { return *p == id; }
#endif

uint32_t EXPORT(trace_at)(void) { return (uint32_t)(uintptr_t)trace; }
uint32_t EXPORT(piece)(void) { return PIECE; }
uint32_t EXPORT(max_ids)(void) { return MAX_IDS; }
uint32_t EXPORT(addresses_at)(void) { return (uint32_t)(uintptr_t)addresses; }

/* What serves operation `op` of domain d.  Each case of the dispatch below has a mark of its own,
 * so that no module's cases are folded together: the dispatch, and what the processor mispredicts
 * in it, is the same in every module and so part of the floor. */
#if defined(PEER_FLOOR)
#define HERE ((void *)(uintptr_t)addresses[i])
#define OPERATIONS(number, d)     \
  case MALLOC + 8 * number:       \
    p = HERE;                     \
    MARKED(#d "malloc");          \
    break;                        \
  case CALLOC + 8 * number:       \
    p = HERE;                     \
    MARKED(#d "calloc");          \
    break;                        \
  case REALLOC + 8 * number:      \
    p = HERE;                     \
    MARKED(#d "realloc");         \
    break;                        \
  case REALLOC_NULL + 8 * number: \
    p = HERE;                     \
    MARKED(#d "null");            \
    break;                        \
  case FREE + 8 * number:         \
    MARKED(#d "free");            \
    break;
#else
#define OPERATIONS(number, d)          \
  case MALLOC + 8 * number:            \
    p = ALLOC(d, malloc)(size);        \
    MARKED(#d "malloc");               \
    break;                             \
  case CALLOC + 8 * number:            \
    p = ALLOC(d, calloc)(1, size);     \
    MARKED(#d "calloc");               \
    break;                             \
  case REALLOC + 8 * number:           \
    p = ALLOC(d, realloc)(p, size);    \
    MARKED(#d "realloc");              \
    break;                             \
  case REALLOC_NULL + 8 * number:      \
    p = ALLOC(d, realloc)(NULL, size); \
    MARKED(#d "null");                 \
    break;                             \
  case FREE + 8 * number:              \
    ALLOC(d, free)(p);                 \
    MARKED(#d "free");                 \
    break;
#endif
#define MARKED(text) __asm__ volatile("# " text)

/* The next n records.  Returns 0, or the number (from 1) of the first one that found no memory or a
 * changed block. */
uint32_t EXPORT(replay)(uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t word = trace[i].word, op = word & 7, size = word >> 5, id = trace[i].id;
    uint32_t *p = NULL;
    if (op == MARK) continue;
    if (op == REALLOC || op == FREE) {
      p = blocks[id];
      if (!intact(p, id)) return i + 1;
    }
    if (size < 4) size = 4;
    switch (word & 31) {
      OPERATIONS(0, raw)
      OPERATIONS(1, mem)
      OPERATIONS(2, obj)
    }
#if defined(REPLAY_RECORD)
    addresses[i] = (uint32_t)(uintptr_t)p;
#endif
    if (op == FREE) continue;
    if (!p) return i + 1;
    fill(p, id, size);
    blocks[id] = p;
  }
  return 0;
}
