/* What Emscripten's allocators include of Emscripten's headers, for a build against wasi-libc. */
#ifndef BENCH_EM_HOST_H
#define BENCH_EM_HOST_H

#include <stddef.h>
#include <stdint.h>

size_t emscripten_get_heap_size(void);
size_t emscripten_get_heap_max(void);
double emscripten_date_now(void);
void emscripten_err(const char *text);
void emscripten_errf(const char *format, ...);

/* clang 19 has no __builtin_thread_pointer for wasm: the address of this, a constant as well. */
extern char em_thread[64];

#define emscripten_trace_record_allocation(p, n)
#define emscripten_trace_record_reallocation(old, p, n)
#define emscripten_trace_record_free(p)
#define MAIN_THREAD_ASYNC_EM_ASM(...)
#define EM_JS_DEPS(...)

#ifdef BENCH_MALLINFO /* its malloc.h has it, wasi-libc's has not */
struct mallinfo {
  int arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#endif

#endif
