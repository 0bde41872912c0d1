#include "victim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "pymalloc.h"

static char said[4096];

/* Child: default signals, standard error into the pipe, nothing else printed. */
static void become_victim(int to, void (*act)(void)) {
  static const int ends[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};
  for (unsigned i = 0; i < COUNT(ends); i++) signal(ends[i], SIG_DFL);
  dup2(to, STDERR_FILENO);
  alarm(20);
  act();
  _exit(0);
}

/* Returns how the child ended, as waitpid says; what it wrote is in `said`. */
static int run_victim(void (*act)(void)) {
  int pipe_ends[2], status = 0;
  size_t n = 0;
  ssize_t got;
  fflush(stdout);
  if (!CHECK(pipe(pipe_ends) == 0)) return 0;
  pid_t child = fork();
  if (child == 0) become_victim(pipe_ends[1], act);
  close(pipe_ends[1]);
  while ((got = read(pipe_ends[0], said + n, sizeof said - 1 - n)) > 0) n += (size_t)got;
  said[n] = 0;
  close(pipe_ends[0]);
  waitpid(child, &status, 0);
  return status;
}

/* One line that begins with the library's name, ends the process by a trap, names the cause. */
static int noticed(int status, const char *cause) {
  const char *end = strchr(said, '\n');
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
         strncmp(said, "pymalloc: ", 10) == 0 && end && end[1] == 0 && end - said < 160 &&
         strstr(said, ", address 0x") != NULL && strstr(said, cause) != NULL;
}

enum ending ending_of(void (*act)(void), const char *cause) {
  const int status = run_victim(act);
  if (status == 0) return CAME_THROUGH;
  return noticed(status, cause) ? REPORTED : noticed(status, "") ? OTHER_CAUSE : CRASHED;
}

const char *last_words(void) { return said; }

void expect_noticed(const char *name, const char *cause, void (*act)(void)) {
  int status = run_victim(act);
  check_context(name, (uint64_t)status);
  if (!CHECK(noticed(status, cause))) {
    check_print("    wanted: ");
    check_print(cause);
    check_print("\n    said: ");
    check_print(said);
    check_print("\n");
  }
}

void expect_no_crash(const char *name, void (*act)(void)) {
  int status = run_victim(act);
  check_context(name, (uint64_t)status);
  CHECK(status == 0 || noticed(status, ""));
}

void run_attacks(const struct attack *table, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (table[i].debug > PYM_DEBUG) continue;
    expect_noticed(table[i].name, table[i].cause, table[i].act);
  }
  check_context("", 0);
}
