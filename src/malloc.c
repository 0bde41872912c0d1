/* C's malloc on wasm-pymalloc: link it and libc's own is never pulled in.
 *
 * Where C wants 16-byte alignment for anything that may hold a long double, requests above 8 bytes
 * are rounded to a multiple of 16, whose pools are 16-aligned; Emscripten wants 8.  Blocks are of the object domain;
 * aligned ones above 16 are of the raw domain, so free looks at the pool table first. */
#include <errno.h>

#include "object.h"

const char pym__is_malloc = 1;

static size_t rounded(size_t n) {
  const int wide = _Alignof(max_align_t) > PYM_ALIGNMENT;
  return wide && n > 8 && n <= PYM_SMALL_MAX ? (n + 15) & ~(size_t)15 : n;
}

/* The debug hooks align every block and should see the first byte behind it. */
static size_t asked(size_t n) {
  return UNLIKELY(pym__debug != NULL) && pym__debug->are_on(PYM_OBJ) ? n : rounded(n);
}

static void *or_enomem(void *p) {
  if (UNLIKELY(!p)) errno = ENOMEM;
  return p;
}

/* Raw blocks of either domain come here: the block says which. */
static unsigned domain_of_block(void *p) {
  if (UNLIKELY(pym__debug != NULL) && pym__debug->made(p)) return PYM_OBJ;
  return class_of(off(p)) ? PYM_OBJ : pym__raw_domain(&pym__main, p);
}

void *malloc(size_t n) {
  void *p = try_malloc(&pym__main, PYM_OBJ, rounded(n));
  return LIKELY(p != NULL) ? p : or_enomem(pym__malloc_slow(PYM_OBJ, asked(n)));
}

void free(void *p) {
  if (UNLIKELY(!try_free(&pym__main, PYM_OBJ, p)))
    pym__free_slow(p ? domain_of_block(p) : PYM_OBJ, p);
}

void *calloc(size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n)) return or_enomem(NULL);
  return or_enomem(pym_obj_calloc(1, asked(n)));
}

void *realloc(void *p, size_t n) {
  if (!p) return malloc(n);
  if (domain_of_block(p) == PYM_RAW) return or_enomem(pym_raw_realloc(p, n));
  return or_enomem(pym_obj_realloc(p, asked(n)));
}

void *aligned_alloc(size_t align, size_t n) {
  if (align && align <= PYM_RAW_ALIGNMENT && !(align & (align - 1)))
    return malloc(align > 8 && n <= PYM_SMALL_MAX ? ((n ? n : 1) + 15) & ~(size_t)15 : n);
  void *p = pym_raw_aligned_alloc(align, n);
  if (!p) errno = align && !(align & (align - 1)) ? ENOMEM : EINVAL;
  return p;
}

void *memalign(size_t align, size_t n) { return aligned_alloc(align, n); }

int posix_memalign(void **out, size_t align, size_t n) {
  if (align < sizeof(void *) || align & (align - 1)) return EINVAL;
  int before = errno;
  void *p = aligned_alloc(align, n);
  errno = before; /* POSIX: errno is not touched */
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}

size_t malloc_usable_size(void *p) { return pym_usable_size(p); }

#if defined(__wasi__)
/* wasi-libc's own callers use these names; without them its malloc would be linked too. */
void *__libc_malloc(size_t n) { return malloc(n); }
void *__libc_calloc(size_t count, size_t size) { return calloc(count, size); }
void *__libc_realloc(void *p, size_t n) { return realloc(p, n); }
void __libc_free(void *p) { free(p); }
#endif
