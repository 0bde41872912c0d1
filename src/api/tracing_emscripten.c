/* Emscripten's --memoryprofiler, --tracing and Module.onMalloc, onRealloc, onFree: what its own
 * malloc calls.  Hooks in the domains that malloc's blocks come from, linked when asked for: then
 * every call takes the slow way.  Aligned blocks go past hooks and are not told. */
#include <stdint.h>

#include "pymalloc.h"

/* Of Emscripten's JavaScript, where one of the two options is given; else the program does not
 * link. */
void emscripten_trace_record_allocation(const void *block, int32_t size);
void emscripten_trace_record_reallocation(const void *old, const void *block, int32_t size);
void emscripten_trace_record_free(const void *block);

static void *traced_malloc(void *ctx, size_t bytes) {
  const pym_allocator *below = ctx;
  void *block = below->malloc(below->ctx, bytes);
  if (block) emscripten_trace_record_allocation(block, (int32_t)bytes);
  return block;
}

static void *traced_calloc(void *ctx, size_t count, size_t size) {
  const pym_allocator *below = ctx;
  void *block = below->calloc(below->ctx, count, size);
  if (block) emscripten_trace_record_allocation(block, (int32_t)(count * size));
  return block;
}

static void *traced_realloc(void *ctx, void *old, size_t bytes) {
  const pym_allocator *below = ctx;
  const uintptr_t before = (uintptr_t)old;
  void *block = below->realloc(below->ctx, old, bytes);
  if (block) emscripten_trace_record_reallocation((const void *)before, block, (int32_t)bytes);
  return block;
}

static void traced_free(void *ctx, void *block) {
  const pym_allocator *below = ctx;
  if (block) emscripten_trace_record_free(block);
  below->free(below->ctx, block);
}

/* To ask an archive for this file. */
void pym_tracing(void);
void pym_tracing(void) {}

__attribute__((constructor(102))) static void install(void) {
  static pym_allocator below[PYM_DOMAINS];
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    pym_allocator_get((enum pym_domain)domain, &below[domain]);
    const pym_allocator traced = {&below[domain], traced_malloc, traced_calloc, traced_realloc,
                                  traced_free};
    pym_allocator_set((enum pym_domain)domain, &traced);
  }
}
