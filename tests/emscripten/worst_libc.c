/* Linked with -Wl,--wrap=sbrk,--wrap=write: what these may do at their worst.  Another thread takes
 * memory between the library's (and malloc's) look at the break and its own call, each time a piece
 * of another size; the first call that asks for memory is refused; a write takes 7 bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECES 100u

void *__real_sbrk(intptr_t bytes);
void *__wrap_sbrk(intptr_t bytes);

ssize_t __real_write(int file, const void *bytes, size_t n);
ssize_t __wrap_write(int file, const void *bytes, size_t n);

static unsigned char *pieces[PIECES];
static unsigned taken;

static size_t size_of_piece(unsigned i) { return i % 5 * 8 + 8; }

void *__wrap_sbrk(intptr_t bytes) {
  static int refused;
  if (bytes && !refused++) return (void *)-1;
  if (bytes && taken < PIECES) {
    unsigned char *p = __real_sbrk((intptr_t)size_of_piece(taken));
    if (p != (void *)-1) memset(p, 0xa5, size_of_piece(taken)), pieces[taken++] = p;
  }
  return __real_sbrk(bytes);
}

ssize_t __wrap_write(int file, const void *bytes, size_t n) {
  return __real_write(file, bytes, n > 7 ? 7 : n);
}

__attribute__((destructor)) static void look(void) {
  for (unsigned i = 0; i < taken; i++)
    for (size_t k = 0; k < size_of_piece(i); k++)
      if (pieces[i][k] != 0xa5) _Exit(3);
  printf("%u pieces between\n", taken);
}
