/* What every file of the library starts from: the public contract, integer types, how functions are
 * compiled, and sizes. */
#ifndef PYM_CORE_BASE_H
#define PYM_CORE_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "core/types.h"

#ifndef PYM_DEBUG
#define PYM_DEBUG 0 /* 0 release, 1 hardened, 2 debug */
#endif

#define PAGE_BYTES 65536u
#define MAX_PAGES (PYM__MEMORY64 ? 262144u : 65536u)
#define MEMORY_MAX ((u64)MAX_PAGES * PAGE_BYTES)

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#if defined(__OPTIMIZE_SIZE__) || !defined(__OPTIMIZE__)
#define HOT static inline __attribute__((unused))
#define SMALL_BUILD 1
#else
#define SMALL_BUILD 0
#define HOT static inline __attribute__((always_inline))
#endif
/* Out of line, and as small as it can be: what runs seldom, and what is long beside its call. */
#if defined(__clang__)
#define COLD __attribute__((noinline, cold, minsize))
#else
#define COLD __attribute__((noinline, cold))
#endif

/* Is a request of at most PYM_SIZE_MAX bytes more than a memory ever has? */
HOT int is_above_memory(u64 bytes) { return PYM__MEMORY64 && bytes > MEMORY_MAX; }

/* *bytes = count * size; 1: that wraps.  Without a product of 128 bits, which is a function of the
 * compiler's library on wasm64. */
HOT int mul_wraps(size_t count, size_t size, size_t *bytes) {
#if PYM__MEMORY64
  *bytes = count * size;
  if (!((count | size) >> 32) || !size) return 0;
  size_t most = SIZE_MAX / size;
  __asm__("" : "+r"(most)); /* or clang makes that product of it */
  return count > most;
#else
  return __builtin_mul_overflow(count, size, bytes);
#endif
}

/* Copy and fill.  Small sizes go word by word: a wasm engine takes a call for memory.copy. */
#if defined(__clang__)
#define WORD_BY_WORD _Pragma("clang loop unroll(disable)")
#else
#define WORD_BY_WORD
#endif
HOT void copy_words(void *to, const void *from, usize bytes) {
  uint64_t *t = to, *end = t + bytes / 8;
  const uint64_t *f = from;
  WORD_BY_WORD while (t < end) {
    *t++ = *f++;
    __asm__("" ::: "memory");
  }
}
HOT void zero_words(void *to, usize bytes) {
  uint64_t *t = to, *end = t + bytes / 8;
  WORD_BY_WORD while (t < end) {
    *t++ = 0;
    __asm__("" ::: "memory");
  }
}

#endif
