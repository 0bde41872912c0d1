/* Malloc and free of 24 bytes, over and over: for counting instructions, see instructions.mjs.
 *
 *   pair N   N pairs with 100 blocks alive besides; N = 0 does the rest of the work only
 *
 * One module a peer (peer.h); that of the floor has calls that do nothing. */
#include "peer.h"

#include <stdlib.h>

#if !defined(PEER_FLOOR)
#define GET ALLOC(obj, malloc)
#define PUT ALLOC(obj, free)
#else
static char block[24];
__attribute__((noinline)) static void *get(size_t n) {
  __asm__ volatile("" ::"r"(n));
  return block;
}
__attribute__((noinline)) static void put(void *p) { __asm__ volatile("" ::"r"(p)); }
#define GET get
#define PUT put
#endif

int main(int argc, char **argv) {
  static void *others[100];
  for (int i = 0; i < 100; i++) others[i] = GET(24);
  for (long n = argc > 1 ? atol(argv[1]) : 0; n > 0; n--) {
    void *p = GET(24);
    __asm__ volatile("" : "+r"(p));
    PUT(p);
  }
  for (int i = 0; i < 100; i++) PUT(others[i]);
  return 0;
}
