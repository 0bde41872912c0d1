/* A small `mruby`: mruby.wasm [-e CODE | SCRIPT] [ARGUMENTS]
 *
 * The language with the gems of build_config.rb; arguments are in ARGV.  The state's memory comes
 * from pym_mruby_alloc on the default heap.  Exit code 1 after an exception, which is on standard
 * error. */
#include <stdio.h>
#include <string.h>

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/compile.h>
#include <mruby/error.h>
#include <mruby/string.h>

#ifdef MRUBY_ON_LIBC
#define allocate mrb_default_allocf
#else
#include "adapters/mruby.h"
#define allocate pym_mruby_alloc
#endif

static void set_arguments(mrb_state *mrb, int argc, char **argv) {
  mrb_value list = mrb_ary_new(mrb);
  for (int i = 0; i < argc; i++) mrb_ary_push(mrb, list, mrb_str_new_cstr(mrb, argv[i]));
  mrb_define_global_const(mrb, "ARGV", list);
}

static int run(mrb_state *mrb, const char *name, const char *code) {
  mrb_ccontext *context = mrb_ccontext_new(mrb);
  mrb_ccontext_filename(mrb, context, name);
  FILE *f = code ? NULL : fopen(name, "rb");
  if (!code && !f) {
    fprintf(stderr, "mruby: cannot open %s\n", name);
  } else if (code) {
    mrb_load_string_cxt(mrb, code, context);
  } else {
    mrb_load_file_cxt(mrb, f, context);
    fclose(f);
  }
  int status = !code && !f;
  if (mrb->exc) {
    mrb_print_error(mrb);
    status = 1;
  }
  mrb_ccontext_free(mrb, context);
  return status;
}

int main(int argc, char **argv) {
  int code = argc > 2 && strcmp(argv[1], "-e") == 0;
  if (argc < 2) {
    fputs("usage: mruby [-e CODE | SCRIPT] [ARGUMENTS]\n", stderr);
    return 2;
  }
  mrb_state *mrb = mrb_open_allocf(allocate, NULL);
  if (!mrb) {
    fputs("mruby: out of memory\n", stderr);
    return 1;
  }
  set_arguments(mrb, argc - 2 - code, argv + 2 + code);
  int status = run(mrb, code ? "-e" : argv[1], code ? argv[2] : NULL);
  mrb_close(mrb);
  return status;
}
