/* Linked into each of Emscripten's modules, in place of what is there without its glue: an import
 * at each growth of memory, and an abort where mimalloc asks for random bytes. */
#include <stddef.h>
#include <stdint.h>

void emscripten_notify_memory_growth(size_t memory) { (void)memory; }

/* The same bytes in each run, so that runs can be compared. */
int getentropy(void *buffer, size_t n) {
  uint32_t x = 2463534242u;
  for (size_t i = 0; i < n; i++) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    ((uint8_t *)buffer)[i] = (uint8_t)x;
  }
  return 0;
}
