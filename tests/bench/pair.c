/* Malloc and free of one size, over and over: for counting instructions, see instructions.mjs.
 *
 *   pair N SIZE [TO [holes]]   N pairs with 100 blocks of SIZE bytes alive besides, with TO resized
 * to TO bytes in between; N = 0 does the rest of the work only.  With holes 50 blocks of 10 * SIZE
 * bytes are alive, and between two of them is free memory
 *
 * One module a peer (peer.h); that of the floor has calls that do nothing. */
#include "peer.h"

#include <stdlib.h>

#if !defined(PEER_FLOOR)
#define GET ALLOC(obj, malloc)
#define RESIZE ALLOC(obj, realloc)
#define PUT ALLOC(obj, free)
#else
static char block[24];
__attribute__((noinline)) static void *get(size_t n) {
  __asm__ volatile("" ::"r"(n));
  return block;
}
__attribute__((noinline)) static void *resize(void *p, size_t n) {
  __asm__ volatile("" ::"r"(p), "r"(n));
  return block;
}
__attribute__((noinline)) static void put(void *p) { __asm__ volatile("" ::"r"(p)); }
#define GET get
#define RESIZE resize
#define PUT put
#endif

static void pair_of_24(void) {
  void *p = GET(24);
  __asm__ volatile("" : "+r"(p));
  PUT(p);
}

static void pair_of(size_t size, size_t to) {
  void *p = GET(size);
  __asm__ volatile("" : "+r"(p));
  if (to) p = RESIZE(p, to);
  __asm__ volatile("" : "+r"(p));
  PUT(p);
}

int main(int argc, char **argv) {
  static void *others[100];
  if (argc < 3) return 2;
  const size_t size = (size_t)atol(argv[2]), to = argc > 3 ? (size_t)atol(argv[3]) : 0;
  const int holes = argc > 4;
  for (int i = 0; i < 100; i++) others[i] = GET(holes ? 10 * size : size);
  for (int i = 1; holes && i < 100; i += 2) {
    PUT(others[i]);
    others[i] = NULL;
  }
  for (long n = atol(argv[1]); n > 0; n--) {
    if (size == 24 && !to) pair_of_24(); /* a constant, as in most calls */
    else pair_of(size, to);
  }
  for (int i = 0; i < 100; i++) PUT(others[i]);
  return 0;
}
