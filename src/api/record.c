/* Tells the host every call of the three domains: `wasm-pymalloc run --record` makes a trace of it.
 *
 * The host calls pym_record before the program starts and gets one write of 16 bytes for each call.
 * Nothing is kept here, so a program may end in any way; nothing is allocated, so what is recorded
 * is the program's own.
 *
 * Not seen: heaps that pym_heap_new made, pym_heap_* calls, aligned blocks (they go past hooks). */
#include <wasi/api.h>

#include "pymalloc.h"

enum operation { MALLOC = 1, CALLOC, REALLOC, REALLOC_NULL, FREE };

/* js/src/cli/record.js reads this. */
struct call {
  uint32_t what;   /* operation, domain << 8 */
  uint32_t size;   /* bytes asked for, or UINT32_MAX if more; 0 for FREE */
  uint32_t before; /* address of the block given; 0: none */
  uint32_t after;  /* address of the block returned; 0 for FREE */
};
_Static_assert(sizeof(struct call) == 16, "one write");

static pym_allocator below[PYM_DOMAINS];
static __wasi_fd_t log_fd;

/* A log with holes would be worse than none: a write that fails ends the program. */
static void tell(enum operation op, void *ctx, size_t size, void *before, void *after) {
  uint32_t domain = (uint32_t)((pym_allocator *)ctx - below);
  struct call call = {op | domain << 8, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
                      (uint32_t)(uintptr_t)before, (uint32_t)(uintptr_t)after};
  __wasi_ciovec_t piece = {(const uint8_t *)&call, sizeof call};
  size_t written = 0;
  if (__wasi_fd_write(log_fd, &piece, 1, &written) != 0 || written != sizeof call) __builtin_trap();
}

static void *record_malloc(void *ctx, size_t n) {
  pym_allocator *a = ctx;
  void *p = a->malloc(a->ctx, n);
  if (p) tell(MALLOC, ctx, n, NULL, p);
  return p;
}

static void *record_calloc(void *ctx, size_t count, size_t size) {
  pym_allocator *a = ctx;
  void *p = a->calloc(a->ctx, count, size);
  if (p) tell(CALLOC, ctx, count * size, NULL, p); /* it fits: the block exists */
  return p;
}

static void *record_realloc(void *ctx, void *p, size_t n) {
  pym_allocator *a = ctx;
  void *q = a->realloc(a->ctx, p, n);
  if (q) tell(p ? REALLOC : REALLOC_NULL, ctx, n, p, q);
  return q;
}

static void record_free(void *ctx, void *p) {
  pym_allocator *a = ctx;
  if (p) tell(FREE, ctx, 0, p, NULL);
  a->free(a->ctx, p);
}

/* Record from now on, into fd.  Once in a program's life. */
__attribute__((export_name("pym_record"))) void pym_record(__wasi_fd_t fd);
void pym_record(__wasi_fd_t fd) {
  log_fd = fd;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_allocator_get(d, &below[d]);
    pym_allocator recorded = {&below[d], record_malloc, record_calloc, record_realloc, record_free};
    pym_allocator_set(d, &recorded);
  }
}
