/* python.wasm: CPython's command line, its memory served by wasm-pymalloc.
 *
 * PYTHONMALLOC, which the pre-initialization reads (not with -E or -I), means here:
 *
 *   default, pymalloc        wasm-pymalloc; as without it
 *   debug, pymalloc_debug    debug hooks over wasm-pymalloc; also -X dev and PYTHONDEVMODE
 *   malloc, malloc_debug     libc's malloc, the latter with debug hooks over it
 *
 * PYTHONMALLOCSTATS prints the report of the allocator at exit. */
#include <Python.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cpython.h"

PyObject *PyInit_pymalloc(void);

/* libpython, configured without its own pymalloc, refuses that name. */
static const char *name_for_libpython(const char *name) {
  if (strcmp(name, "pymalloc") == 0) return "default";
  if (strcmp(name, "pymalloc_debug") == 0) return "debug";
  return name;
}

/* Does the library serve objects? */
static int is_ours(void) {
  PyMemAllocatorEx now;
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &now);
  return now.malloc == pym_cpython_obj_malloc;
}

/* Pre-initialize, with the library's allocators from the beginning, and put them back if a
 * variable or option put libc's in their place while it meant the default. */
static PyStatus preinitialize(int argc, char **argv) {
  PyPreConfig config;
  const char *name = getenv("PYTHONMALLOC");
  pym_cpython_install();
  PyPreConfig_InitPythonConfig(&config);
  if (name) setenv("PYTHONMALLOC", name_for_libpython(name), 1);
  PyStatus status = Py_PreInitializeFromBytesArgs(&config, argc, argv);
  if (name) setenv("PYTHONMALLOC", name, 1); /* os.environ has what the user gave */
  if (PyStatus_Exception(status) || is_ours()) return status;
  if (name && strncmp(name, "malloc", 6) == 0) return status; /* libc's, as asked for */
  pym_cpython_install();
  if (!name || strstr(name, "debug")) PyMem_SetupDebugHooks();
  return status;
}

/* Runs when the interpreter is gone, as CPython's own report does. */
static void print_statistics(void) { pym_dump_stderr(pym_heap_default()); }

static int wants_statistics(void) {
  const char *value = Py_IgnoreEnvironmentFlag ? NULL : getenv("PYTHONMALLOCSTATS");
  return value && *value;
}

int main(int argc, char **argv) {
  PyStatus status = preinitialize(argc, argv);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
  if (PyImport_AppendInittab("pymalloc", PyInit_pymalloc) < 0) Py_FatalError("no memory at start");
  if (wants_statistics()) Py_AtExit(print_statistics);
  return Py_BytesMain(argc, argv);
}
