/* malloc.c for Emscripten, whose JavaScript, threads and sanitizers call malloc by names of its
 * own. C's are weak, as in Emscripten's malloc: where a sanitizer is linked, the program's malloc
 * is the sanitizer's, which takes its memory from here. */
#include <errno.h>

#include "core/object.h"

#define malloc emscripten_builtin_malloc
#define free emscripten_builtin_free
#define calloc emscripten_builtin_calloc
#define realloc emscripten_builtin_realloc
#define aligned_alloc emscripten_builtin_aligned_alloc
#define memalign emscripten_builtin_memalign
#define posix_memalign emscripten_builtin_posix_memalign
#define malloc_usable_size emscripten_builtin_malloc_usable_size
#include "api/malloc.c"
#undef malloc
#undef free
#undef calloc
#undef realloc
#undef aligned_alloc
#undef memalign
#undef posix_memalign
#undef malloc_usable_size

#define WEAK(name, of)                            \
  extern __typeof__(emscripten_builtin_##of) name \
      __attribute__((weak, alias("emscripten_builtin_" #of)));
WEAK(malloc, malloc)
WEAK(free, free)
WEAK(calloc, calloc)
WEAK(realloc, realloc)
WEAK(aligned_alloc, aligned_alloc)
WEAK(memalign, memalign)
WEAK(posix_memalign, posix_memalign)
WEAK(malloc_usable_size, malloc_usable_size)
/* Of musl's files. */
WEAK(__libc_malloc, malloc)
WEAK(__libc_free, free)
WEAK(__libc_calloc, calloc)
WEAK(__libc_realloc, realloc)
