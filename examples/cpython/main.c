/* python.wasm: CPython's command line, its memory served by wasm-pymalloc.
 *
 * PYTHONMALLOC, which the pre-initialization reads (not with -E or -I), means here:
 *
 *   default, pymalloc        wasm-pymalloc; as without it
 *   debug, pymalloc_debug    with the library's debug hooks; also -X dev and PYTHONDEVMODE
 *   malloc, malloc_debug     libc's malloc, the latter with libpython's debug hooks
 *   mimalloc, mimalloc_debug CPython's own mimalloc for objects and buffers, since 3.13
 *
 * PYTHONMALLOCSTATS is pymalloc::report's. */
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
  if (name && (strncmp(name, "malloc", 6) == 0 || strncmp(name, "mimalloc", 8) == 0))
    return status; /* libc's, or CPython's mimalloc, as asked for */
  pym_cpython_install();
  if (!name || strstr(name, "debug")) pym_debug_hooks();
  return status;
}

int main(int argc, char **argv) {
  PyStatus status = preinitialize(argc, argv);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
  if (PyImport_AppendInittab("pymalloc", PyInit_pymalloc) < 0) Py_FatalError("no memory at start");
  return Py_BytesMain(argc, argv);
}
