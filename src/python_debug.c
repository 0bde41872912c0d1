/* CPython's names for what only a program that looks for errors links. */
#include "pymalloc.h"
#include "pymalloc_python.h"

void PyMem_SetupDebugHooks(void) { pym_debug_hooks(); }
