/* What a test does to linear memory behind the library's back.  One file a target:
 * target_native.c (an mmap that acts as linear memory), target_wasm.c with target_grow.c or
 * target_sbrk.c. */
#ifndef TARGET_H
#define TARGET_H

#include <stdint.h>

#define WASM_PAGE ((size_t)65536)
#define TARGET_INITIAL 2u /* pages at the start of each case, where that can be chosen */
#define TARGET_MAX 16384u /* 1 GiB */

/* Fresh linear memory of `initial` pages that may grow to `max`, and a library that knows nothing.
 * Returns 0 and does nothing on wasm, where neither can be had. */
int target_reset(uint32_t initial, uint32_t max);

/* Growths from now on: the k-th (0: the next) is refused, once or for good; k < 0: none is. */
void target_fail_after(int64_t k, int forever);

/* Growths that the library tried so far. */
uint64_t target_growths(void);

/* Take pages as another allocator or the host would.  NULL if refused. */
void *target_foreign(uint32_t pages);

/* Within each `every`-th growth of the library, before it, somebody else takes `pages`; 0: nobody.
 * Returns 0 and does nothing on wasm. */
int target_strangers(uint32_t every, uint32_t pages);
/* Are their bytes as they wrote them? */
int target_strangers_intact(void);

/* Size of linear memory now, in pages. */
uint32_t target_pages(void);

/* Offset of p in linear memory; anything for other pointers. */
uint64_t target_offset(const void *p);

#endif
