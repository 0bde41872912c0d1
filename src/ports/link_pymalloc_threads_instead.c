/* What makes an archive for one thread refuse a program with shared memory.
 *
 * Compiled without atomics a thread-local variable becomes a static one, and the object is marked
 * so that wasm-ld does not put it into a shared memory.  The linker's message names the object, so
 * this file is named after what is to be done.  Every program that allocates has the key from here.
 * An archive for threads has another file in the place of this one. */
#include "core/state.h"

#if defined(__wasm_atomics__)
#error \
    "compiled for shared memory: this is an archive for one thread, build pymalloc_threads instead"
#endif

__attribute__((used)) static _Thread_local char marks_the_object;

u64 pym__key = FIRST_KEY;
