/* Make a failing run of the model small: model_shrink PYM_SEED=... [PYM_OPS=...]
 *
 * Operations are left out, half of them, a quarter, .. one at a time, as long as the rest still
 * fails; what remains is printed as it runs.  Each try is a child process: a failure may be a
 * trap.  Native only, and no test: a tool for the one who has a seed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "model.h"
#include "target.h"

static uint64_t seed, ops;
static uint8_t *left_out, *kept;
static uint64_t *done; /* shared with the children */

static void *shared(size_t n) {
  void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static void try_in_child(int silent) {
  if (silent) dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
  if (silent) dup2(STDOUT_FILENO, STDERR_FILENO);
  if (!silent) model_verbose();
  target_reset(TARGET_INITIAL, TARGET_MAX);
  *done = model_run(seed, ops, left_out);
  _exit(check_failures() != 0);
}

static int fails(int silent) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) try_in_child(silent);
  waitpid(child, &status, 0);
  return status != 0;
}

static void leave_out(uint64_t from, uint64_t n) {
  for (uint64_t i = from; i < from + n && i < ops; i++)
    left_out[i / 8] = (uint8_t)(left_out[i / 8] | 1u << i % 8);
}

static int any_left(uint64_t from, uint64_t n) {
  for (uint64_t i = from; i < from + n && i < ops; i++) {
    if (!(left_out[i / 8] >> i % 8 & 1)) return 1;
  }
  return 0;
}

static void shrink(void) {
  for (uint64_t chunk = (ops + 1) / 2; chunk > 0; chunk /= 2) {
    for (uint64_t from = 0; from < ops; from += chunk) {
      if (!any_left(from, chunk)) continue;
      __builtin_memcpy(kept, left_out, ops / 8 + 1);
      leave_out(from, chunk);
      if (!fails(1)) __builtin_memcpy(left_out, kept, ops / 8 + 1);
    }
  }
}

static void the_seed_fails_and_is_made_small(void) {
  seed = check_option("PYM_SEED", 1);
  ops = check_option("PYM_OPS", 1000000);
  left_out = shared(ops / 8 + 16);
  kept = shared(ops / 8 + 16);
  done = shared(sizeof *done);
  if (!CHECK(left_out && kept && done)) return;
  *done = ops;
  if (!CHECK(fails(1))) return;
  if (*done < ops) ops = *done;
  shrink();
  fails(0);
}

CHECK_CASES(TEST(the_seed_fails_and_is_made_small));
