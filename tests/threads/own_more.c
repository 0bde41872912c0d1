#include "own_malloc.h"

#define malloc own_malloc
#define free own_free
#define realloc own_realloc
#define memalign own_memalign
#define reallocarray own_reallocarray
#define free_sized own_free_sized
#define free_aligned_sized own_free_aligned_sized
#define valloc own_valloc
#define pvalloc own_pvalloc
#define malloc_trim own_malloc_trim
#define mallopt own_mallopt
#define malloc_footprint own_malloc_footprint
#define malloc_max_footprint own_malloc_max_footprint
#define malloc_stats own_malloc_stats
#define mallinfo own_mallinfo
#define mallinfo2 own_mallinfo2
#include "api/malloc_more.c"

size_t own_live_bytes(void) { return own_mallinfo2().uordblks; }
