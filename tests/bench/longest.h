/* What longest.c, which measures single calls, and longest_workloads.c share.
 *
 * One source, one module a peer (peer.h); three builds:
 *   longest-PEER.wasm   nanoseconds of each call, those in memory.grow taken off
 *   steps-PEER.wasm     LONGEST_STEPS: basic blocks of the allocator that a call runs, counted by
 *                       the compiler's -fsanitize-coverage=trace-pc: the same on every machine
 *   longest-PEER        the machine's own code, nanoseconds */
#ifndef BENCH_LONGEST_H
#define BENCH_LONGEST_H

#include <stddef.h>
#include <stdint.h>

enum operation { MALLOC, REALLOC, FREE, HEAP_NEW, HEAP_DESTROY, OPERATIONS };
enum { MIB = 1 << 20 };

/* A measured call; get may return NULL, and then nothing is written. */
void *get(size_t n);
void *resize(void *p, size_t n);
void put(void *p);

/* Measures what stands between; `op` as what. */
void call_begins(void);
void call_ends(enum operation op);

/* Bytes that the workload holds at this moment and held at the most, for the report. */
void hold(int64_t bytes);

uint32_t below(uint32_t n);
void shuffle(void **list, size_t n);

/* More pages of memory that are not the allocator's. */
void take_pages(size_t pages);

extern void *blocks[4 << 20];

struct workload {
  const char *name;
  void (*run)(size_t bytes); /* about so many bytes of blocks */
  size_t bytes;
};
extern const struct workload workloads[];

#endif
