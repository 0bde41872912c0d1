/* The replay as a WASI command: reads a trace (its header first) from standard input and prints how
 * many records it had, how many pages linear memory has at the end, and how many of them it grew.
 *
 * Everything here is the same in each module, addresses included: those of the floor are made up,
 * one word a block, so that the floor's instructions are all that an allocator's module has more
 * than its allocator. */
#include "replay.h"

#include <stddef.h>
#include <string.h>

struct piece {
  const void *at;
  size_t n;
};
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
WASI(fd_read) uint16_t wasi_read(int fd, const struct piece *to, size_t n, size_t *done);
WASI(fd_write) uint16_t wasi_write(int fd, const struct piece *from, size_t n, size_t *done);

enum { HEADER = 64 };
static uint32_t made_up[MAX_IDS];

/* Fill to[0..n) from standard input; returns the bytes read, fewer at its end. */
static size_t read_all(void *to, size_t n) {
  size_t have = 0, done = 0;
  while (have < n) {
    struct piece rest = {(char *)to + have, n - have};
    if (wasi_read(0, &rest, 1, &done) != 0 || done == 0) break;
    have += done;
  }
  return have;
}

static void say(uint32_t number, const char *what) {
  char text[64];
  size_t at = 16, length = strlen(what), done;
  memcpy(text + at, what, length);
  do text[--at] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  struct piece piece = {text + at, 16 - at + length};
  wasi_write(1, &piece, 1, &done);
}

int main(void) {
  uint32_t header[HEADER / 4], records = 0;
  size_t pages = __builtin_wasm_memory_size(0), n;
  if (read_all(header, HEADER) != HEADER || memcmp(header, "CPYTRC01", 8) != 0) return 2;
  while ((n = read_all(trace, sizeof trace) / sizeof trace[0]) != 0) {
    for (size_t i = 0; i < n; i++) addresses[i] = (uint32_t)(uintptr_t)&made_up[trace[i].id];
    if (replay((uint32_t)n) != 0) return 1;
    records += (uint32_t)n;
  }
  say(records, " records, ");
  say((uint32_t)__builtin_wasm_memory_size(0), " pages, ");
  say((uint32_t)(__builtin_wasm_memory_size(0) - pages), " grown\n");
  return 0;
}
