/* pymalloc::malloc in the place of libc's: what libc itself takes is ours too. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"

/* No libc of wasm declares all of them. */
void *valloc(size_t n);
void *pvalloc(size_t n);
void *reallocarray(void *p, size_t count, size_t size);
void free_sized(void *p, size_t n);
void free_aligned_sized(void *p, size_t align, size_t n);
int malloc_trim(size_t keep);
int mallopt(int parameter, int value);
void malloc_stats(void);
size_t malloc_footprint(void);
#define INFO_FIELDS(type) \
  type arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost
#if !defined(__EMSCRIPTEN__)
struct mallinfo {
  INFO_FIELDS(int);
};
struct mallinfo mallinfo(void);
#endif
struct mallinfo2 {
  INFO_FIELDS(size_t);
};
struct mallinfo2 mallinfo2(void);

static void *ours(void *p) {
  CHECK(p != NULL && pym_owns(p));
  return p;
}

static void the_four_functions_are_ours(void) {
  char *p = ours(malloc(100)), *q = ours(calloc(10, 10));
  CHECK(all_zero(q, 100));
  fill(p, 100, 1);
  p = ours(realloc(p, 5000));
  CHECK(holds(p, 100, 1));
  p = ours(realloc(p, 50));
  CHECK(holds(p, 50, 1));
  free(p);
  free(q);
  free(ours(realloc(NULL, 10)));
  free(NULL);
}

static void zero_bytes_are_a_distinct_block(void) {
  void *p = malloc(0), *q = malloc(0), *r = calloc(0, 5);
  CHECK(p && q && r && p != q && q != r);
  free(p);
  free(q);
  free(r);
}

static void libc_takes_its_memory_from_us(void) {
  char *copy = ours(strdup("a string that is copied")), *text = NULL, *line = NULL;
  CHECK(strcmp(copy, "a string that is copied") == 0);
  CHECK(asprintf(&text, "%s, %d times", copy, 3) > 0);
  CHECK(strcmp(ours(text), "a string that is copied, 3 times") == 0);
  size_t room = 0;
  FILE *f = fmemopen(text, strlen(text), "r");
  if (CHECK(f != NULL)) {
    CHECK(pym_owns(f));
    CHECK(getline(&line, &room, f) == (ssize_t)strlen(text));
    ours(line);
    fclose(f);
  }
  free(line);
  free(text);
  free(copy);
}

static void a_written_stream_grows_in_our_memory(void) {
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  if (!CHECK(f != NULL)) return;
  for (int i = 0; i < 20000; i++) fprintf(f, "%d %f\n", i, i / 3.0);
  fclose(f);
  CHECK(n > 200000 && text[n] == 0);
  free(ours(text));
}

static int by_value(const void *a, const void *b) {
  const int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}
static void sorting_works(void) {
  int *numbers = ours(malloc(1000 * sizeof *numbers));
  for (int i = 0; i < 1000; i++) numbers[i] = (int)(check_mix(1, (uint64_t)i) % 10000);
  qsort(numbers, 1000, sizeof *numbers, by_value);
  for (int i = 1; i < 1000; i++) CHECK(numbers[i - 1] <= numbers[i]);
  free(numbers);
}

/* The compiler believes that malloc and its family leave errno alone, so it must not see them. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_aligned_alloc)(size_t, size_t) = aligned_alloc;
static void (*volatile do_free)(void *) = free;
static void *(*volatile do_pvalloc)(size_t) = pvalloc;
static void *(*volatile do_reallocarray)(void *, size_t, size_t) = reallocarray;

static void failure_sets_errno(void) {
  void *p = malloc(100);
  fill(p, 100, 2);
  errno = 0;
  CHECK(do_malloc(SIZE_MAX) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_malloc(SIZE_MAX - 70000) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_calloc(SIZE_MAX / 2, 4) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_realloc(p, SIZE_MAX - 4) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_aligned_alloc(64, SIZE_MAX - 4) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_aligned_alloc(PYM_ALIGN_MAX, PYM_ALIGN_MAX) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(do_reallocarray(p, SIZE_MAX / 2, 4) == NULL && errno == ENOMEM);
  target_fail_after(0, 1);
  errno = 0;
  CHECK(do_malloc(900u << 20) == NULL && errno == ENOMEM);
  target_fail_after(-1, 0);
  CHECK(holds(p, 100, 2));
  errno = 77;
  do_free(p);
  CHECK(errno == 77);
}

static void any_object_may_lie_in_a_block(void) {
  static void *p[600];
  for (size_t n = 1; n < COUNT(p); n++) {
    size_t align = n >= 16 ? _Alignof(max_align_t) : n >= 8 ? 8 : 1;
    p[n] = malloc(n);
    check_context("size", n);
    CHECK(p[n] != NULL && (uintptr_t)p[n] % align == 0);
    CHECK(malloc_usable_size(p[n]) >= n);
    p[n] = realloc(p[n], 601 - n);
    align = 601 - n >= 16 ? _Alignof(max_align_t) : 601 - n >= 8 ? 8 : 1;
    CHECK(p[n] != NULL && (uintptr_t)p[n] % align == 0);
    fill(p[n], malloc_usable_size(p[n]), n);
  }
  for (size_t n = 1; n < COUNT(p); n++) {
    CHECK(holds(p[n], malloc_usable_size(p[n]), n));
    free(p[n]);
  }
  CHECK_EQ(malloc_usable_size(NULL), 0);
}

static void alignment_is_kept(void) {
  for (size_t align = sizeof(void *); align <= (size_t)64 << 20; align *= 2) {
    void *p = aligned_alloc(align, 100), *q = NULL;
    check_context("alignment", align);
    CHECK(ours(p) && (uintptr_t)p % align == 0);
    errno = 77;
    CHECK(posix_memalign(&q, align, 33) == 0 && errno == 77);
    CHECK(ours(q) && (uintptr_t)q % align == 0);
    fill(p, 100, align);
    p = realloc(p, 3000); /* may move */
    CHECK(holds(p, 100, align));
    free(p);
    free(q);
  }
}

static void a_bad_alignment_is_refused(void) {
  void *p = &p, *kept = p;
  CHECK(posix_memalign(&p, 0, 10) == EINVAL);
  CHECK(posix_memalign(&p, 1, 10) == EINVAL);
  CHECK(posix_memalign(&p, 24, 10) == EINVAL);
  errno = 77;
  CHECK(posix_memalign(&p, 64, SIZE_MAX - 8) == ENOMEM && errno == 77);
  CHECK(p == kept);
  errno = 0;
  CHECK(do_aligned_alloc(24, 10) == NULL && errno == EINVAL);
}

static void pages_are_those_of_wasm(void) {
  char *p = ours(valloc(100)), *q = ours(pvalloc(100)), *r = ours(pvalloc(0));
  CHECK((uintptr_t)p % 65536 == 0 && (uintptr_t)q % 65536 == 0 && (uintptr_t)r % 65536 == 0);
  CHECK(malloc_usable_size(q) >= 65536 && malloc_usable_size(r) >= 65536);
  CHECK_EQ(sysconf(_SC_PAGESIZE), 65536);
  free(p), free(q), free(r);
  errno = 0;
  CHECK(do_pvalloc(SIZE_MAX - 5) == NULL && errno == ENOMEM);
}

static void arrays_and_sized_frees(void) {
  char *p = ours(reallocarray(NULL, 10, 10));
  fill(p, 100, 3);
  p = ours(reallocarray(p, 100, 10));
  CHECK(holds(p, 100, 3));
  free_sized(p, 1000);
  free_aligned_sized(ours(aligned_alloc(256, 512)), 256, 512);
  free_sized(NULL, 0);
}

static void mallinfo_counts_what_lives(void) {
  const struct mallinfo2 before = mallinfo2();
  char *p = malloc(100000), *q = malloc(40);
  const struct mallinfo2 now = mallinfo2();
  CHECK_EQ(now.uordblks, before.uordblks + malloc_usable_size(p) + malloc_usable_size(q));
  CHECK_EQ(now.arena, now.uordblks + now.fordblks);
  CHECK(now.arena >= before.arena && now.usmblks >= now.uordblks && now.keepcost <= now.fordblks);
  CHECK(now.arena <= (size_t)target_pages() * 65536 && now.ordblks > 0 && now.fsmblks < now.arena);
  CHECK_EQ(mallinfo().uordblks, now.uordblks);
  CHECK_EQ(malloc_footprint(), now.arena);
  free(p), free(q);
  CHECK_EQ(mallinfo2().uordblks, before.uordblks);
}

static void trimming_gives_cached_blocks_back(void) {
  free(malloc(1000));
  free(malloc(1000));
  CHECK_EQ(malloc_trim(0), 0);
  const size_t pieces = mallinfo2().ordblks;
  CHECK_EQ(malloc_trim(0), 0);
  CHECK_EQ(mallinfo2().ordblks, pieces);
  CHECK_EQ(mallopt(1, 1), 0);
  malloc_stats();
}

/* All that libc took and gave back since is counted. */
static void nothing_is_left_behind(void) {
  pym_domain_stats before, after;
  pym_domain_stats_get(pym_heap_default(), PYM_OBJ, &before);
  libc_takes_its_memory_from_us();
  a_written_stream_grows_in_our_memory();
  pym_domain_stats_get(pym_heap_default(), PYM_OBJ, &after);
  CHECK_EQ(after.live_bytes, before.live_bytes);
  CHECK(after.total_blocks > before.total_blocks);
  check_sound(pym_heap_default());
}

/* To the byte, although malloc rounds what it asks for; aligned blocks pass by the hooks. */
static void the_debug_hooks_guard_what_malloc_gives(void) {
  CHECK_EQ(pym_debug_hooks(), 0);
  for (size_t n = 1; n <= 600; n++) {
    unsigned char *p = n % 2 ? malloc(n) : calloc(1, n);
    check_context("size", n);
    CHECK(malloc_usable_size(p) == n && (uintptr_t)p % 16 == 0);
    CHECK(p[-(int)sizeof(size_t)] == 'o' && p[-1] == 0xfd && p[n] == 0xfd && p[n + 3] == 0xfd);
    p = realloc(p, n + 13);
    CHECK(malloc_usable_size(p) == n + 13 && p[n + 13] == 0xfd);
    free(p);
  }
  libc_takes_its_memory_from_us();
  a_written_stream_grows_in_our_memory();
  sorting_works();
  alignment_is_kept();
  pym_heap_trim(pym_heap_default());
  CHECK_EQ(pym_allocators_use("default"), 0);
  nothing_is_left_behind();
}

CHECK_CASES(TEST(the_four_functions_are_ours), TEST(zero_bytes_are_a_distinct_block),
            TEST(libc_takes_its_memory_from_us), TEST(a_written_stream_grows_in_our_memory),
            TEST(sorting_works), TEST(failure_sets_errno), TEST(any_object_may_lie_in_a_block),
            TEST(alignment_is_kept), TEST(a_bad_alignment_is_refused), TEST(nothing_is_left_behind),
            TEST(pages_are_those_of_wasm), TEST(arrays_and_sized_frees),
            TEST(mallinfo_counts_what_lives), TEST(trimming_gives_cached_blocks_back),
            TEST(the_debug_hooks_guard_what_malloc_gives));
