/* A small `sq`: sq.wasm SCRIPT [ARGUMENTS]
 *
 * Runs a script with Squirrel's standard libraries, but for the one that wants a shell; its
 * arguments are in `vargv`.  Exit code 1 after an error, which is on standard error with its stack.
 */
#include <stdarg.h>
#include <stdio.h>

#include <squirrel.h> /* the others need it before them */

#include <sqstdaux.h>
#include <sqstdblob.h>
#include <sqstdio.h>
#include <sqstdmath.h>
#include <sqstdstring.h>

static void print(HSQUIRRELVM v, const SQChar *format, ...) {
  va_list list;
  (void)v;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
}

static void print_error(HSQUIRRELVM v, const SQChar *format, ...) {
  va_list list;
  (void)v;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
}

/* With the root table as `this`; 1: an error was printed. */
static int run(HSQUIRRELVM v, const char *name, int argc, char **argv) {
  if (SQ_FAILED(sqstd_loadfile(v, name, SQTrue))) return 1;
  sq_pushroottable(v);
  for (int i = 0; i < argc; i++) sq_pushstring(v, argv[i], -1);
  return SQ_FAILED(sq_call(v, argc + 1, SQFalse, SQTrue));
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("usage: sq SCRIPT [ARGUMENTS]\n", stderr);
    return 2;
  }
  HSQUIRRELVM v = sq_open(1024);
  sq_setprintfunc(v, print, print_error);
  sq_pushroottable(v);
  sqstd_register_bloblib(v);
  sqstd_register_iolib(v);
  sqstd_register_mathlib(v);
  sqstd_register_stringlib(v);
  sq_pop(v, 1);
  sqstd_seterrorhandlers(v);
  int status = run(v, argv[1], argc - 2, argv + 2);
  if (status) fprintf(stderr, "sq: %s failed\n", argv[1]);
  sq_close(v);
  return status;
}
