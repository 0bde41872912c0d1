/* CPython's names for what only a program that looks for errors links. */
#include "pymalloc.h"
#include "pymalloc_python.h"

void PyMem_SetupDebugHooks(void) { pym_debug_hooks(); }

int PyTraceMalloc_Track(unsigned int domain, uintptr_t ptr, size_t size) {
  return pym_trace(domain, ptr, size);
}
int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t ptr) { return pym_untrace(domain, ptr); }
