/* The longest single call of an allocator in workloads made to find one.
 *
 *   longest WORKLOAD [PERCENT]    PERCENT of its bytes; without arguments: the names
 *
 * prints a line for each of the longest calls of each operation (its number among the calls, and
 * what it took: the same call can be found in several runs), then bytes held at the most, pages of
 * linear memory at the start and at the end. */
#include "longest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peer.h"

enum { KEPT = 64 };

static const char *const names[OPERATIONS] = {"malloc", "realloc", "free", "heap_new",
                                              "heap_destroy"};
static struct {
  uint64_t took, number;
} longest[OPERATIONS][KEPT];
static uint64_t calls, began, growing;
static int64_t held, most;
void *blocks[4 << 20];

#if defined(LONGEST_STEPS)
static uint64_t steps;
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) { steps++; }
static uint64_t now(void) { return steps; }
static const char unit[] = "steps";
#else
static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static const char unit[] = "ns";
#endif

#if defined(__wasm__)
extern unsigned char __heap_end; /* the linker's: the memory that the module starts with */
static size_t pages(void) { return __builtin_wasm_memory_size(0); }
static size_t first_pages(void) { return (uintptr_t)&__heap_end / 65536; }

size_t longest_grow(int memory, size_t n);
size_t longest_grow(int memory, size_t n) {
  uint64_t from = now();
  size_t first = __builtin_wasm_memory_grow(0, n);
  (void)memory;
  growing += now() - from;
  return first;
}

void take_pages(size_t n) { __builtin_wasm_memory_grow(0, n); }
#else
static size_t pages(void) { return 0; }
static size_t first_pages(void) { return 0; }
void take_pages(size_t n) { (void)n; }
#endif

#if defined(LONGEST_SBRK)
/* In place of wasi-libc's, which dlmalloc asks for whole pages. */
void *sbrk(intptr_t increment);
void *sbrk(intptr_t increment) {
  enum { PAGE = 65536 };
  if (increment == 0) return (void *)(pages() * PAGE);
  if (increment < 0 || increment % PAGE) return (void *)-1;
  size_t first = longest_grow(0, (size_t)increment / PAGE);
  return first == SIZE_MAX ? (void *)-1 : (void *)(first * PAGE);
}
#endif

void call_begins(void) {
  growing = 0;
  began = now();
}

/* Keeps the call if it is one of the KEPT longest: the list is in falling order. */
void call_ends(enum operation op) {
  uint64_t took = now() - began - growing, number = calls++;
  int i = KEPT;
  while (i > 0 && longest[op][i - 1].took < took) i--;
  if (i == KEPT) return;
  memmove(&longest[op][i + 1], &longest[op][i], (size_t)(KEPT - 1 - i) * sizeof longest[op][0]);
  longest[op][i].took = took;
  longest[op][i].number = number;
}

void *get(size_t n) {
  call_begins();
  void *p = ALLOC(obj, malloc)(n);
  call_ends(MALLOC);
  if (p) *(char *)p = 1;
  return p;
}

void *resize(void *p, size_t n) {
  call_begins();
  void *q = ALLOC(obj, realloc)(p, n);
  call_ends(REALLOC);
  if (q) *(char *)q = 1;
  return q;
}

void put(void *p) {
  call_begins();
  ALLOC(obj, free)(p);
  call_ends(FREE);
}

void hold(int64_t bytes) {
  held += bytes;
  if (held > most) most = held;
}

static uint32_t state = 2463534242;

uint32_t below(uint32_t n) {
  state ^= state << 13, state ^= state >> 17, state ^= state << 5;
  return (uint32_t)((uint64_t)state * n >> 32);
}

void shuffle(void **list, size_t n) {
  for (size_t i = n; i > 1; i--) {
    size_t j = below((uint32_t)i);
    void *p = list[i - 1];
    list[i - 1] = list[j], list[j] = p;
  }
}

static const struct workload *find(const char *name) {
  for (const struct workload *w = workloads; w->name; w++)
    if (strcmp(w->name, name) == 0) return w;
  return NULL;
}

int main(int argc, char **argv) {
  const struct workload *w = argc > 1 ? find(argv[1]) : NULL;
  if (!w) {
    for (w = workloads; w->name; w++) puts(w->name);
    return argc > 1;
  }
  put(get(1)); /* what an allocator does once at its start is no call's */
  memset(longest, 0, sizeof longest);
  calls = 0;
  w->run((size_t)((uint64_t)w->bytes * (argc > 2 ? (unsigned)atoi(argv[2]) : 100) / 100));
  for (int op = 0; op < OPERATIONS; op++) {
    for (int i = 0; i < KEPT && longest[op][i].took > 0; i++)
      printf("%s %llu %llu %s\n", names[op], (unsigned long long)longest[op][i].number,
             (unsigned long long)longest[op][i].took, unit);
  }
  printf("held %lld bytes, pages %zu %zu\n", (long long)most, first_pages(), pages());
  return 0;
}
