/* C's malloc on wasm-pymalloc: link it and libc's own is never pulled in.
 *
 * Where C wants 16-byte alignment for anything that may hold a long double, requests above 8 bytes
 * are rounded to a multiple of 16, whose pools are 16-aligned; Emscripten wants 8.  Blocks are of
 * the object domain; aligned ones above 16 are of the raw domain, so free looks at the pool table
 * first. */
#include <errno.h>

#include "api/malloc_heap.h"

const char pym__is_malloc = 1;

/* Not in stdlib.h of C11. */
void *memalign(size_t align, size_t bytes);
int posix_memalign(void **out, size_t align, size_t bytes);
size_t malloc_usable_size(void *block);

static void *or_enomem(void *block) {
  if (UNLIKELY(!block)) errno = ENOMEM;
  return block;
}

void *malloc(size_t bytes) {
  void *block = try_malloc(malloc_heap(), PYM_OBJ, rounded(bytes));
  if (LIKELY(block != NULL)) return block;
  return or_enomem(bytes > PYM_SIZE_MAX ? huge_malloc(bytes) : malloc_slow(asked(bytes)));
}

void free(void *block) {
  if (UNLIKELY(!try_free(malloc_heap(), PYM_OBJ, block))) free_slow(block);
}

void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (mul_wraps(count, size, &bytes)) return or_enomem(NULL);
  if (bytes <= PYM_SIZE_MAX) return or_enomem(calloc_of(asked(bytes)));
  void *block = huge_malloc(bytes);
  if (is_above_memory(bytes)) return or_enomem(block); /* there is none */
  return or_enomem(block ? __builtin_memset(block, 0, bytes) : NULL);
}

void *realloc(void *block, size_t bytes) {
  if (!block) return malloc(bytes);
  return or_enomem(realloc_moving(block, bytes));
}

void *aligned_alloc(size_t align, size_t bytes) {
  if (align && align <= PYM_RAW_ALIGNMENT && !(align & (align - 1)))
    return malloc(align > 8 && bytes <= PYM_SMALL_MAX ? ((bytes ? bytes : 1) + 15) & ~(size_t)15
                                                      : bytes);
  void *block = pym__aligned(&pym__main, PYM_RAW, align, bytes, MALLOC_MAX);
  if (!block) errno = align && !(align & (align - 1)) ? ENOMEM : EINVAL;
  return block;
}

void *memalign(size_t align, size_t bytes) { return aligned_alloc(align, bytes); }

int posix_memalign(void **out, size_t align, size_t bytes) {
  if (align < sizeof(void *) || align & (align - 1)) return EINVAL;
  int before = errno;
  void *block = aligned_alloc(align, bytes);
  errno = before; /* POSIX: errno is not touched */
  if (!block) return ENOMEM;
  *out = block;
  return 0;
}

size_t malloc_usable_size(void *block) { return pym_usable_size(block); }

#if defined(__wasi__)
/* wasi-libc's own callers use these names; without them its malloc would be linked too. */
void *__libc_malloc(size_t bytes) { return malloc(bytes); }
void *__libc_calloc(size_t count, size_t size) { return calloc(count, size); }
void *__libc_realloc(void *block, size_t bytes) { return realloc(block, bytes); }
void __libc_free(void *block) { free(block); }
#endif
