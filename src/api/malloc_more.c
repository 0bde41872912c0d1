/* What C programs call beside malloc: the rest of POSIX, C23, BSD and of glibc's <malloc.h>, made
 * of malloc's own functions and of the counters that there are. */
#include <errno.h>

#include "core/chunk_layout.h"
#include "core/space.h"

#if defined(__EMSCRIPTEN__)
#define OTHERS __attribute__((weak)) /* a sanitizer has its own */
#else
#define OTHERS
#endif

void *malloc(size_t bytes);
void *realloc(void *block, size_t bytes);
void *memalign(size_t align, size_t bytes);
void free(void *block);

OTHERS void *reallocarray(void *block, size_t count, size_t size);
OTHERS void free_sized(void *block, size_t bytes);
OTHERS void free_aligned_sized(void *block, size_t align, size_t bytes);
OTHERS void *valloc(size_t bytes);
OTHERS void *pvalloc(size_t bytes);
OTHERS int malloc_trim(size_t keep);
OTHERS int mallopt(int parameter, int value);
OTHERS size_t malloc_footprint(void);
OTHERS size_t malloc_max_footprint(void);
OTHERS void malloc_stats(void);

void *reallocarray(void *block, size_t count, size_t size) {
  size_t bytes;
  if (!mul_wraps(count, size, &bytes)) return realloc(block, bytes);
  errno = ENOMEM;
  return NULL;
}

/* C23.  The size saves nothing, as pym_obj_free_sized says; blocks are found by their address. */
void free_sized(void *block, size_t bytes) {
  (void)bytes;
  free(block);
}

void free_aligned_sized(void *block, size_t align, size_t bytes) {
  (void)align, (void)bytes;
  free(block);
}

/* A page is wasm's, as sysconf(_SC_PAGESIZE) says. */
void *valloc(size_t bytes) { return memalign(PAGE_BYTES, bytes); }

void *pvalloc(size_t bytes) {
  const size_t whole = (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
  if (whole >= bytes) return memalign(PAGE_BYTES, whole ? whole : PAGE_BYTES);
  errno = ENOMEM;
  return NULL;
}

/* Cached blocks become free memory; with threads the caller's lists are, too.  0, as glibc has it:
 * no memory went back to the system, since linear memory never gets smaller. */
int malloc_trim(size_t keep) {
  (void)keep;
  if (MAY_TOUCH_OTHERS) {
    pym_heap_trim(&pym__main);
    return 0;
  }
  LOCKED();
  pym__start();
  pym__trim_thread();
  pym__cache_flush(&pym__main);
  return 0;
}

/* 0: there is no such setting. */
int mallopt(int parameter, int value) { return (void)parameter, (void)value, 0; }

/* Linear memory that the default heap has.  It never gets less, so that is the most, too. */
size_t malloc_footprint(void) { return pym__main.raw_bytes; }
size_t malloc_max_footprint(void) { return pym__main.raw_bytes; }

void malloc_stats(void) { pym_dump_stderr(&pym__main); }

/* ---- mallinfo ---- */

/* As glibc and dlmalloc declare them; Emscripten declares the first, with fields of its own type.
 */
#define INFO_FIELDS(type) \
  type arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost
#if defined(__EMSCRIPTEN__)
typedef size_t info_number;
#define INFO_MAX SIZE_MAX
#else
typedef int info_number;
#define INFO_MAX INT32_MAX
#endif
struct mallinfo {
  INFO_FIELDS(info_number);
};
struct mallinfo2 {
  INFO_FIELDS(size_t);
};
OTHERS struct mallinfo mallinfo(void);
OTHERS struct mallinfo2 mallinfo2(void);

static size_t free_chunks(void) {
  size_t bytes = 0;
  for (addr segment = pym__main.segments; segment;
       segment = ((const struct segment *)at(segment))->next)
    for (addr chunk = segment + SEGMENT_BYTES; size_of(chunk); chunk += size_of(chunk))
      bytes += kind_of(chunk) == CHUNK_FREE;
  return bytes;
}

/* arena     bytes of linear memory that the default heap has, and so malloc
 * ordblks   pieces of free memory; smblks, fsmblks: free blocks below 512 bytes, and their bytes
 * usmblks   the most that lived: the sum of the three domains' peaks, so perhaps a little more
 * uordblks  bytes of live blocks
 * fordblks  all else: free memory, free blocks, headers
 * keepcost  bytes free at the end of linear memory.  Nothing is ever mapped: hblks, hblkhd are 0 */
struct mallinfo2 mallinfo2(void) {
  struct mallinfo2 info = {0};
  pym__init();
  LOCKED();
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_domain_stats domain;
    pym_domain_stats_get(&pym__main, (enum pym_domain)d, &domain);
    info.uordblks += (size_t)domain.live_bytes;
    info.usmblks += (size_t)domain.peak_bytes;
  }
  for (unsigned i = 0; i < CLASSES; i++) {
    pym_class_stats class;
    pym_class_stats_get(&pym__main, i, &class);
    info.smblks += (size_t)class.free_blocks;
    info.fsmblks += (size_t)class.free_blocks * class.block_size;
  }
  info.arena = pym__main.raw_bytes;
  info.ordblks = free_chunks();
  info.fordblks = info.arena - info.uordblks;
  info.keepcost = pym__top_bytes(&pym__main);
  return info;
}

/* The old one: what does not fit an int is INT_MAX. */
static info_number to_number(size_t bytes) {
  return bytes > INFO_MAX ? INFO_MAX : (info_number)bytes;
}

struct mallinfo mallinfo(void) {
  const struct mallinfo2 info = mallinfo2();
  return (struct mallinfo){
      .arena = to_number(info.arena),
      .ordblks = to_number(info.ordblks),
      .smblks = to_number(info.smblks),
      .usmblks = to_number(info.usmblks),
      .fsmblks = to_number(info.fsmblks),
      .uordblks = to_number(info.uordblks),
      .fordblks = to_number(info.fordblks),
      .keepcost = to_number(info.keepcost),
  };
}
