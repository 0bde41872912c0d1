/* The export by which a host without an environment does what PYTHONMALLOC does: before the program
 * is called, pym_pythonmalloc(0..5). */
#include "api/allocators.h"

#if defined(__wasm__)
__attribute__((export_name("pym_pythonmalloc")))
#endif
int pym_pythonmalloc(unsigned which);

int pym_pythonmalloc(unsigned which) { return pym__allocators_use_nth(which); }
