/* synthetic.c as a WASI command, for hosts that count instructions.
 *
 * Standard input has a job, four words: the kind's number; how many operations at the least, after
 * the filling; bytes for the kind `live`; pages of linear memory to have from the start.  Standard
 * output gets a line of what came of it.
 *
 * The module that records writes the addresses of each piece to standard output instead, their
 * number first; the floor reads the same from standard input behind the job. */
#include "synthetic.h"

#include <stddef.h>
#include <string.h>

#include "peer.h"

struct piece {
  const void *at;
  size_t n;
};
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
WASI(fd_read) uint16_t wasi_read(int fd, const struct piece *to, size_t n, size_t *done);
WASI(fd_write) uint16_t wasi_write(int fd, const struct piece *from, size_t n, size_t *done);

/* Fill to[0..n) from standard input; traps at its end. */
static void read_all(void *to, size_t n) {
  for (size_t have = 0, done = 0; have < n; have += done) {
    struct piece rest = {(char *)to + have, n - have};
    if (wasi_read(0, &rest, 1, &done) != 0 || done == 0) __builtin_trap();
  }
}

static void write_all(const void *from, size_t n) {
  for (size_t have = 0, done = 0; have < n; have += done) {
    struct piece rest = {(const char *)from + have, n - have};
    if (wasi_write(1, &rest, 1, &done) != 0 || done == 0) __builtin_trap();
  }
}

#if defined(PEER_FLOOR)
static void before(void) {
  uint32_t n;
  read_all(&n, sizeof n);
  read_all(addresses, n * sizeof addresses[0]);
}
#else
static void before(void) {}
#endif

#if defined(SYNTHETIC_RECORD)
static void after(void) {
  uint32_t n = recorded();
  write_all(&n, sizeof n);
  write_all(addresses, n * sizeof addresses[0]);
}
static void say(uint32_t number, const char *what) { (void)number, (void)what; }
#else
static void after(void) {}

static void say(uint32_t number, const char *what) {
  char text[64];
  size_t at = 16, length = strlen(what);
  memcpy(text + at, what, length);
  do text[--at] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  write_all(text + at, 16 - at + length);
}
#endif

static uint32_t run_piece(uint32_t steps) {
  before();
  uint32_t operations = run(steps);
  after();
  return operations;
}

int main(void) {
  struct {
    uint32_t kind, operations, live, pages;
  } job;
  uint32_t operations = 0, most, left;
  read_all(&job, sizeof job);
  size_t have = __builtin_wasm_memory_size(0);
  if (job.pages > have) __builtin_wasm_memory_grow(0, job.pages - have);

  before();
  begin(job.kind, job.live);
  after();
  most = batch();
  while ((left = missing()) != 0) run_piece(left < most ? left : most);
  while (operations < job.operations) operations += run_piece(most);

  say(checksum(), " checksum, ");
  say(operations, " operations, ");
  say(live_bytes(), " live, ");
  say((uint32_t)__builtin_wasm_memory_size(0), " pages, ");
  say(heap_base(), " heap base\n");
  return 0;
}
