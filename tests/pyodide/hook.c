/* What some other package may do: an allocator of its own over the object domain, counted. */
#include <stddef.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

typedef struct {
  void *ctx;
  void *(*malloc)(void *ctx, size_t n);
  void *(*calloc)(void *ctx, size_t count, size_t size);
  void *(*realloc)(void *ctx, void *p, size_t n);
  void (*free)(void *ctx, void *p);
} allocator;

IMPORT(PyMem_GetAllocator) void PyMem_GetAllocator(int domain, allocator *out);
IMPORT(PyMem_SetAllocator) void PyMem_SetAllocator(int domain, allocator *in);

enum { OBJ = 2 };
static allocator below;
static unsigned calls;

static void *count_malloc(void *ctx, size_t n) {
  (void)ctx;
  calls++;
  return below.malloc(below.ctx, n);
}
static void *count_calloc(void *ctx, size_t count, size_t size) {
  (void)ctx;
  calls++;
  return below.calloc(below.ctx, count, size);
}
static void *count_realloc(void *ctx, void *p, size_t n) {
  (void)ctx;
  calls++;
  return below.realloc(below.ctx, p, n);
}
static void count_free(void *ctx, void *p) {
  (void)ctx;
  calls++;
  below.free(below.ctx, p);
}

EXPORT(hook_install) void hook_install(void) {
  allocator ours = {NULL, count_malloc, count_calloc, count_realloc, count_free};
  PyMem_GetAllocator(OBJ, &below);
  PyMem_SetAllocator(OBJ, &ours);
}

EXPORT(hook_remove) void hook_remove(void) { PyMem_SetAllocator(OBJ, &below); }
EXPORT(hook_calls) unsigned hook_calls(void) { return calls; }
