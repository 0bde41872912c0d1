/* A small `qjs`: qjs.wasm [--memory-limit BYTES] [-e CODE | SCRIPT | -] [ARGUMENTS]
 *
 * The language with print(), console.log(), scriptArgs and the queue of promises; no modules `std`
 * and `os`, whose C half wants processes and threads.  The runtime's memory comes from the default
 * heap.  QJS_NG: for quickjs-ng.  Exit code 1 after an uncaught exception, which is on standard
 * error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

#ifdef QJS_ON_LIBC
static JSRuntime *new_runtime(void) { return JS_NewRuntime(); }
#elif defined(QJS_NG)
#include "adapters/quickjs_ng.h"
static JSRuntime *new_runtime(void) {
  static const JSMallocFunctions functions = PYM_QUICKJS_NG_MALLOC_FUNCTIONS;
  return JS_NewRuntime2(&functions, NULL);
}
#else
#include "adapters/quickjs.h"
static JSRuntime *new_runtime(void) {
  static const JSMallocFunctions functions = PYM_QUICKJS_MALLOC_FUNCTIONS;
  return JS_NewRuntime2(&functions, NULL);
}
#endif

static JSValue print(JSContext *js, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self;
  for (int i = 0; i < argc; i++) {
    size_t n;
    const char *text = JS_ToCStringLen(js, &n, argv[i]);
    if (!text) return JS_EXCEPTION;
    if (i > 0) putchar(' ');
    fwrite(text, 1, n, stdout);
    JS_FreeCString(js, text);
  }
  putchar('\n');
  return JS_UNDEFINED;
}

static void set_globals(JSContext *js, int argc, char **argv) {
  JSValue global = JS_GetGlobalObject(js), console = JS_NewObject(js), args = JS_NewArray(js);
  JS_SetPropertyStr(js, global, "print", JS_NewCFunction(js, print, "print", 1));
  JS_SetPropertyStr(js, console, "log", JS_NewCFunction(js, print, "log", 1));
  JS_SetPropertyStr(js, global, "console", console);
  for (int i = 0; i < argc; i++)
    JS_SetPropertyUint32(js, args, (uint32_t)i, JS_NewString(js, argv[i]));
  JS_SetPropertyStr(js, global, "scriptArgs", args);
  JS_FreeValue(js, global);
}

#ifdef QJS_NG
static int is_error(JSContext *js, JSValueConst value) {
  (void)js;
  return JS_IsError(value);
}
#else
static int is_error(JSContext *js, JSValueConst value) { return JS_IsError(js, value); }
#endif

/* The pending exception on standard error, with its stack where it has one. */
static int complain(JSContext *js) {
  JSValue error = JS_GetException(js), stack = JS_UNDEFINED;
  const char *text = JS_ToCString(js, error);
  fprintf(stderr, "qjs: %s\n", text ? text : "(exception without text)");
  JS_FreeCString(js, text);
  if (is_error(js, error)) stack = JS_GetPropertyStr(js, error, "stack");
  if (JS_IsString(stack) && (text = JS_ToCString(js, stack)) != NULL) {
    fputs(text, stderr);
    JS_FreeCString(js, text);
  }
  JS_FreeValue(js, stack);
  JS_FreeValue(js, error);
  return 1;
}

/* The whole of a file with a zero behind it, or NULL. */
static char *read_all(FILE *f, size_t *n) {
  size_t room = 4096;
  char *text = malloc(room);
  *n = 0;
  for (size_t got; text && (got = fread(text + *n, 1, room - *n - 1, f)) > 0;) {
    *n += got;
    if (*n < room - 1) continue;
    char *more = realloc(text, room *= 2);
    if (!more) free(text);
    text = more;
  }
  if (text) text[*n] = '\0';
  return text;
}

static int run_code(JSContext *js, const char *text, size_t n, const char *name) {
  JSValue value = JS_Eval(js, text, n, name, JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(value)) return complain(js);
  JS_FreeValue(js, value);
  JSContext *job;
  for (int left; (left = JS_ExecutePendingJob(JS_GetRuntime(js), &job)) != 0;)
    if (left < 0) return complain(job);
  return 0;
}

static int run_file(JSContext *js, const char *name) {
  FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
  if (!f) {
    fprintf(stderr, "qjs: cannot open %s\n", name);
    return 1;
  }
  size_t n;
  char *text = read_all(f, &n);
  if (f != stdin) fclose(f);
  if (!text) {
    fprintf(stderr, "qjs: %s: out of memory\n", name);
    return 1;
  }
  int status = run_code(js, text, n, name);
  free(text);
  return status;
}

int main(int argc, char **argv) {
  int i = 1;
  JSRuntime *rt = new_runtime();
  if (rt && i + 1 < argc && strcmp(argv[i], "--memory-limit") == 0) {
    JS_SetMemoryLimit(rt, strtoul(argv[i + 1], NULL, 10));
    i += 2;
  }
  JSContext *js = rt ? JS_NewContext(rt) : NULL;
  if (!js) {
    fputs("qjs: out of memory\n", stderr);
    return 1;
  }
  int code = i + 1 < argc && strcmp(argv[i], "-e") == 0;
  set_globals(js, argc - i - code, argv + i + code);
  int status = code       ? run_code(js, argv[i + 1], strlen(argv[i + 1]), "-e")
               : i < argc ? run_file(js, argv[i])
                          : run_file(js, "-");
  JS_FreeContext(js);
  JS_FreeRuntime(rt);
  return status;
}
