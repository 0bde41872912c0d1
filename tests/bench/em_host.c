/* What Emscripten's allocators ask of Emscripten, for a program that is linked for WASI: an sbrk
 * from
 * __heap_base on that grows memory by the pages that are missing, as its own does without its
 * JavaScript, and the clock. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { PAGE = 65536, ALIGNMENT = 8 };
extern unsigned char __heap_base;
static uint64_t program_break;
char em_thread[64];

size_t emscripten_get_heap_size(void) { return (size_t)__builtin_wasm_memory_size(0) * PAGE; }
size_t emscripten_get_heap_max(void) { return SIZE_MAX - PAGE + 1; }

void *_sbrk64(int64_t increment) {
  if (!program_break) program_break = (uintptr_t)&__heap_base;
  uint64_t old = program_break;
  uint64_t end = old + ((uint64_t)(increment + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1));
  uint64_t size = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > size) {
    uint64_t pages = (end - size + PAGE - 1) / PAGE;
    if (end > UINT32_MAX || __builtin_wasm_memory_grow(0, (size_t)pages) == SIZE_MAX) {
      errno = ENOMEM;
      return (void *)-1;
    }
  }
  program_break = end;
  return (void *)(uintptr_t)old;
}

void *sbrk(intptr_t increment) { return _sbrk64((int64_t)(uintptr_t)increment); }

double emscripten_date_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void emscripten_err(const char *text) { (void)text; }
void emscripten_errf(const char *format, ...) { (void)format; }

#ifdef BENCH_ALIGNED_ALLOC
/* In Emscripten that is its libc's, over dlmalloc.  wasi-libc's would come with wasi-libc's malloc:
 * as this is no weak name, a program that still links that is refused. */
void *memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
#endif
