#include "own_malloc.h"

#define malloc own_malloc
#define free own_free
#define calloc own_calloc
#define realloc own_realloc
#define aligned_alloc own_aligned_alloc
#define memalign own_memalign
#define posix_memalign own_posix_memalign
#define malloc_usable_size own_malloc_usable_size
#include "api/malloc.c"
