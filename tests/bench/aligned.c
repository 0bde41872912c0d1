/* Aligned blocks in a loop, as SIMD code and allocators of programs ask for them: for counting
 * instructions, see aligned.mjs.
 *
 *   aligned ALIGN SIZE N    N times: one block more, the one of eight calls ago is freed */
#include <stdlib.h>

int main(int argc, char **argv) {
  static void *live[8];
  const size_t align = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  const size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
  const long n = argc > 3 ? atol(argv[3]) : 0;
  for (long i = 0; i < n; i++) {
    void *p = aligned_alloc(align, size);
    __asm__ volatile("" : "+r"(p));
    if (!p || (size_t)p % align) return 1;
    free(live[i % 8]);
    live[i % 8] = p;
  }
  return 0;
}
