/* Entry point where there is a libc: native and WASI.
 *   program [case] [NAME=value ...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

static int arg_count;
static char **args;

void check_write(const char *text, size_t n) { fwrite(text, 1, n, stdout); }

const char *check_variable(const char *name) {
  size_t n = strlen(name);
  for (int i = 1; i < arg_count; i++) {
    if (strncmp(args[i], name, n) == 0 && args[i][n] == '=') return args[i] + n + 1;
  }
  return getenv(name);
}

uint64_t check_fresh_seed(void) {
  struct timespec now = {0, 0};
  timespec_get(&now, TIME_UTC);
  return check_mix((uint64_t)now.tv_sec, (uint64_t)now.tv_nsec) >> 24;
}

int main(int argc, char **argv) {
  arg_count = argc;
  args = argv;
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *only = argc > 1 && !strchr(argv[1], '=') ? argv[1] : NULL;
  return check_run(only) ? EXIT_FAILURE : EXIT_SUCCESS;
}
