/* A small `duk`: duk.wasm [-e CODE | SCRIPT] [ARGUMENTS]
 *
 * The language with print(), console.log() and scriptArgs.  The memory comes from the default heap.
 * Exit code 1 after an uncaught error, which is on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duktape.h"

#ifdef DUK_ON_LIBC
static duk_context *new_heap(void) { return duk_create_heap_default(); }
#else
#include "adapters/duktape.h"
static duk_context *new_heap(void) {
  return duk_create_heap(pym_duk_alloc, pym_duk_realloc, pym_duk_free, NULL, NULL);
}
#endif

static duk_ret_t print(duk_context *js) {
  for (duk_idx_t i = 0; i < duk_get_top(js); i++) {
    duk_size_t n;
    const char *text = duk_to_lstring(js, i, &n);
    if (i > 0) putchar(' ');
    fwrite(text, 1, n, stdout);
  }
  putchar('\n');
  return 0;
}

static duk_ret_t push_file(duk_context *js, void *udata) {
  const char *name = udata;
  FILE *f = fopen(name, "rb");
  if (!f) return duk_generic_error(js, "cannot open %s", name);
  duk_size_t n = 0, room = 4096;
  char *buffer = duk_push_dynamic_buffer(js, room);
  for (size_t got; (got = fread(buffer + n, 1, room - n, f)) > 0;) {
    n += got;
    if (n == room) buffer = duk_resize_buffer(js, -1, room *= 2);
  }
  fclose(f);
  duk_resize_buffer(js, -1, n);
  duk_buffer_to_string(js, -1);
  return 1;
}

struct arguments {
  int argc, code; /* code: argv[0] is a program, not the name of one */
  char **argv;
};

/* Runs in protected mode: also the globals may run out of memory. */
static duk_ret_t run(duk_context *js, void *udata) {
  const struct arguments *a = udata;
  duk_push_c_function(js, print, DUK_VARARGS);
  duk_put_global_string(js, "print");
  duk_push_object(js);
  duk_push_c_function(js, print, DUK_VARARGS);
  duk_put_prop_string(js, -2, "log");
  duk_put_global_string(js, "console");
  duk_push_array(js);
  for (int i = a->code; i < a->argc; i++) {
    duk_push_string(js, a->argv[i]);
    duk_put_prop_index(js, -2, (duk_uarridx_t)(i - a->code));
  }
  duk_put_global_string(js, "scriptArgs");
  if (a->code) duk_push_string(js, a->argv[0]);
  else push_file(js, a->argv[0]);
  duk_push_string(js, a->code ? "-e" : a->argv[0]);
  duk_compile(js, 0);
  duk_call(js, 0);
  return 0;
}

int main(int argc, char **argv) {
  struct arguments a = {argc - 1, 0, argv + 1};
  if (a.argc > 1 && strcmp(a.argv[0], "-e") == 0) a = (struct arguments){a.argc - 1, 1, a.argv + 1};
  if (a.argc < 1) {
    fputs("usage: duk [-e CODE | SCRIPT] [ARGUMENTS]\n", stderr);
    return 1;
  }
  duk_context *js = new_heap();
  if (!js) {
    fputs("duk: out of memory\n", stderr);
    return 1;
  }
  int status = duk_safe_call(js, run, &a, 0, 1) == DUK_EXEC_SUCCESS ? 0 : 1;
  if (status) fprintf(stderr, "duk: %s\n", duk_safe_to_stacktrace(js, -1));
  duk_destroy_heap(js);
  return status;
}
