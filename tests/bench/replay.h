/* What a host, or feed.c, shares with replay.c. */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include <stdint.h>

enum { PIECE = 65536, MAX_IDS = 262144 };

struct record {
  uint32_t word, id;
};

extern struct record trace[PIECE];
extern uint32_t addresses[PIECE];
uint32_t replay(uint32_t n);

#endif
