/* What tests/emscripten/flags.test.mjs builds with many combinations of flags: takes memory in the
 * way that its argument names, verifies the heap and prints what pym_dump says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pymalloc.h"

#define BLOCKS 3000u
#define LARGE ((size_t)256 << 20)

static unsigned char *blocks[BLOCKS];

static void print(void *ctx, const char *text, size_t n) {
  (void)ctx;
  fwrite(text, 1, n, stdout);
}

static int report(void) {
  pym_page_stats pages;
  pym_page_stats_get(&pages);
  pym_dump(pym_heap_default(), print, NULL);
  printf("pages: %u, owned: %u, grows: %u\n", (unsigned)pages.memory, (unsigned)pages.owned,
         (unsigned)pages.grows);
  int unsound = pym_check(pym_heap_default());
  printf("check: %s\n", unsound ? pym_check_message() : "sound");
  return unsound;
}

static size_t size_of_block(unsigned i) { return i % 7 ? i % 600 + 1 : i * 20 + 1; }

static void fill_blocks(unsigned step) {
  for (unsigned i = 0; i < BLOCKS; i += step) {
    blocks[i] = pym_obj_malloc(size_of_block(i));
    if (blocks[i]) memset(blocks[i], (int)i & 255, size_of_block(i));
  }
}

static void drop_block(unsigned i) {
  for (size_t k = 0; blocks[i] && k < size_of_block(i); k++)
    if (blocks[i][k] != (i & 255)) abort();
  pym_obj_free(blocks[i]);
  blocks[i] = NULL;
}

/* Blocks of all sizes, beside those of malloc, which has to grow memory as well. */
static int work(void) {
  char *beside = malloc(100000);
  memset(beside, 'b', 100000);
  fill_blocks(1);
  for (unsigned i = 0; i < BLOCKS; i += 2) drop_block(i);
  beside = realloc(beside, 20 << 20);
  if (!beside) return puts("malloc: NULL"), 1;
  fill_blocks(2);
  for (unsigned i = 1; i < BLOCKS; i += 2) drop_block(i);
  for (size_t k = 0; k < 100000; k++)
    if (beside[k] != 'b') return puts("malloc's block was overwritten"), 1;
  free(beside);
  return report();
}

/* All memory that there is, and on. */
static int use_up(void) {
  unsigned n = 0;
  while (n < BLOCKS && (blocks[n] = pym_raw_malloc(1 << 20)) != NULL) n++;
  printf("out of memory: NULL after %u MiB\n", n);
  if (!n || n == BLOCKS) return 1;
  pym_raw_free(blocks[--n]);
  if (!pym_obj_malloc(100) || !pym_raw_malloc(1 << 19)) return puts("nothing after a free"), 1;
  while (n) pym_raw_free(blocks[--n]);
  return report();
}

/* Live blocks, large and small, above 2 GiB. */
static int high(void) {
  unsigned n = 0, high_blocks = 0;
  unsigned char *large[16], *small = NULL;
  for (; n < 10 && (large[n] = pym_raw_malloc(LARGE)) != NULL; n++) {
    large[n][0] = large[n][LARGE - 1] = (unsigned char)n;
    for (unsigned i = 0; i < BLOCKS; i++) { /* more than a page of them */
      small = pym_obj_malloc(64);
      memset(small, 0x5a, 64);
      high_blocks += (size_t)small > 0x80000000u;
    }
  }
  printf("%u large blocks, %u small ones above 2 GiB\n", n, high_blocks);
  if (n < 10 || !high_blocks || (size_t)large[9] < 0x80000000u || !pym_owns(large[9])) return 1;
  if (pym_raw_malloc(PYM_SIZE_MAX)) return puts("more than 4 GiB"), 1;
  if (small[63] != 0x5a || pym_usable_size(small) != 64 || large[9][LARGE - 1] != 9) return 1;
  pym_obj_free(small);
  if (pym_obj_malloc(64) != small) return 1;
  return report();
}

/* A report where standard error is closed, and one where it is not. */
static int tell(int closed) {
  if (closed) close(2);
  pym_dump_stderr(pym_heap_default());
  return report();
}

static int twice(void) {
  void *p = pym_raw_malloc(1000);
  pym_raw_free(p);
  pym_raw_free(p);
  return 0;
}

/* What a sanitizer finds, where malloc is its own: at the end of the program a block that is lost,
 * before that a write to one that was freed: malloc's, or an object that malloc had to serve. */
static int lose(void) {
  char *volatile p = malloc(100);
  p = NULL;
  return p != NULL;
}

/* malloc's block, which only one of ours points to. */
static int hold(void) {
  blocks[0] = pym_obj_malloc(sizeof(char *));
  *(char *volatile *)(void *)blocks[0] = malloc(100);
  return 0;
}

static int write_freed(int object) {
  if (object && pym_allocators_use("malloc")) return 1;
  char *volatile p = object ? pym_obj_malloc(100) : malloc(100);
  if (object) pym_obj_free(p);
  else free(p);
  p[99] = 'x';
  return 0;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "work";
  if (!strcmp(how, "use-up")) return use_up();
  if (!strcmp(how, "high")) return high();
  if (!strcmp(how, "tell")) return tell(0);
  if (!strcmp(how, "tell-nobody")) return tell(1);
  if (!strcmp(how, "twice")) return twice();
  if (!strcmp(how, "lose")) return lose();
  if (!strcmp(how, "hold")) return hold();
  if (!strcmp(how, "write-freed")) return write_freed(0);
  if (!strcmp(how, "write-freed-object")) return write_freed(1);
  return work();
}
