/* The library's malloc under names of its own, so that it can be tested where the program's malloc
 * is another: natively under a sanitizer. */
#ifndef OWN_MALLOC_H
#define OWN_MALLOC_H

#include <stddef.h>

void *own_malloc(size_t n);
void own_free(void *p);
void *own_calloc(size_t count, size_t size);
void *own_realloc(void *p, size_t n);
void *own_aligned_alloc(size_t align, size_t n);
void *own_memalign(size_t align, size_t n);
int own_posix_memalign(void **out, size_t align, size_t n);
size_t own_malloc_usable_size(void *p);
size_t own_live_bytes(void); /* as mallinfo2 has it */

#endif
