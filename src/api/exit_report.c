/* Reports on standard error that the environment asks for.
 *
 *   PYM_STATS=exit       when the program ends
 *   PYTHONMALLOCSTATS=1  (anything but an empty string) then too, and whenever the library has
 *                        taken another 256 KiB of linear memory: CPython's new arena
 *
 * Growth is looked at behind each call that can need memory, by a hook in each domain: the core
 * calls nobody. */
#include <stdlib.h>
#include <string.h>

#include "core/pool.h"

static pym_allocator below[PYM_DOMAINS];
static u32 arenas_told;

static void report(void) { pym_dump_stderr(pym_heap_default()); }

static void *told(void *block) {
  const u32 now = arenas_now();
  if (UNLIKELY(now > arenas_told)) {
    arenas_told = now;
    report();
  }
  return block;
}

static void *watch_malloc(void *ctx, size_t bytes) {
  const pym_allocator *a = ctx;
  return told(a->malloc(a->ctx, bytes));
}
static void *watch_calloc(void *ctx, size_t count, size_t size) {
  const pym_allocator *a = ctx;
  return told(a->calloc(a->ctx, count, size));
}
static void *watch_realloc(void *ctx, void *block, size_t bytes) {
  const pym_allocator *a = ctx;
  return told(a->realloc(a->ctx, block, bytes));
}
static void watch_free(void *ctx, void *block) {
  const pym_allocator *a = ctx;
  a->free(a->ctx, block);
}

static void watch(void) {
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    pym_allocator_get((enum pym_domain)domain, &below[domain]);
    const pym_allocator watched = {&below[domain], watch_malloc, watch_calloc, watch_realloc,
                                   watch_free};
    pym_allocator_set((enum pym_domain)domain, &watched);
  }
}

/* After PYTHONMALLOC (pythonmalloc_env.c), which takes hooks off. */
__attribute__((constructor(103))) static void at_start(void) {
  const char *when = getenv("PYM_STATS"), *python = getenv("PYTHONMALLOCSTATS");
  const int at_growth = python && *python;
  if (at_growth) watch();
  if (at_growth || (when && strcmp(when, "exit") == 0)) atexit(report);
}
