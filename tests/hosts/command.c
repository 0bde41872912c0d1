/* A program for the page, which is given an Emscripten .js and .wasm: it keeps what it allocates.
 */
#include <pymalloc.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *kept = NULL;
  for (int i = 0; i < 1000; i++) {
    void **block = pym_mem_malloc(100);
    if (!block) return 1;
    *block = kept;
    kept = block;
  }
  printf("%d arguments, the last is %s\n", argc - 1, argv[argc - 1]);
  return kept == NULL;
}
