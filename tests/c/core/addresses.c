/* The contract's rows on addresses: alignment, usable bytes, what is owned, sized free. */
#include "check.h"
#include "domains.h"
#include "target.h"
#include "view.h"

/* Both sides of each boundary: classes, pools, pages. */
static const size_t excessive[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 65535, PYM_SIZE_MAX + 1};

static const size_t sizes[] = {1,    7,    8,    9,    16,   17,    24,    63,    64,    65,  128,
                               255,  256,  504,  505,  511,  512,   513,   520,   528,   600, 1000,
                               1024, 2048, 4000, 4096, 5000, 65000, 65536, 70000, 300000};

static void alignment_body(const struct domain_api *api) {
  static void *p[1200];
  for (unsigned n = 1; n < COUNT(p); n++) {
    p[n] = api->malloc(n);
    check_context(api->name, n);
    uintptr_t mask = from_pool(api, n) && (n + 7) / 8 % 2 ? 7 : 15;
    CHECK(p[n] != NULL && ((uintptr_t)p[n] & mask) == 0);
  }
  for (unsigned n = 1; n < COUNT(p); n++) api->free(p[n]);
}
static void blocks_are_aligned(void) { each_domain(alignment_body); }

static void usable_body(const struct domain_api *api) {
  static void *p[1200];
  for (unsigned n = 1; n < COUNT(p); n++) {
    p[n] = api->malloc(n);
    if (!CHECK(p[n] != NULL)) return;
    size_t usable = pym_usable_size(p[n]);
    check_context(api->name, n);
    if (from_pool(api, n)) CHECK_EQ(usable, (n + 7) / 8 * 8);
    CHECK(usable >= n && usable < n + n / 2 + 64); /* a freed block that is a little longer */
    fill(p[n], usable, n);
  }
  for (unsigned n = 1; n < COUNT(p); n++) {
    CHECK(holds(p[n], pym_usable_size(p[n]), n));
    api->free(p[n]);
  }
}
static void usable_bytes_belong_to_the_block(void) {
  each_domain(usable_body);
  CHECK_EQ(pym_usable_size(NULL), 0);
}

static void *plain_aligned(const struct domain_api *api, size_t align, size_t n) {
  return api->hooked || heap_of(api) == pym_heap_default()
             ? pym_raw_aligned_alloc(align, n)
             : pym_heap_aligned_alloc(heap_of(api), align, n);
}
static void aligned_body(const struct domain_api *api) {
  static const size_t lengths[] = {0, 1, 16, 100, 511, 4096, 70000};
  static void *p[17][COUNT(lengths)];
  if (api->domain != PYM_RAW) return;
  for (unsigned shift = 0; shift <= 16; shift++) {
    for (unsigned i = 0; i < COUNT(lengths); i++) {
      check_context(api->name, shift);
      void *q = p[shift][i] = plain_aligned(api, (size_t)1 << shift, lengths[i]);
      if (!CHECK(q != NULL && ((uintptr_t)q & (((uintptr_t)1 << shift) - 1)) == 0)) return;
      CHECK(((uintptr_t)q & 15) == 0);
      CHECK(pym_usable_size(q) >= lengths[i] && pym_usable_size(q) > 0);
      fill(q, lengths[i], shift);
    }
  }
  check_sound(heap_of(api));
  for (unsigned shift = 0; shift <= 16; shift++) {
    for (unsigned i = 0; i < COUNT(lengths); i++) {
      CHECK(holds(p[shift][i], lengths[i], shift));
      void *q = i % 2 ? p[shift][i] : api->realloc(p[shift][i], lengths[i] + 300);
      CHECK(q != NULL && holds(q, lengths[i], shift));
      api->free(q);
    }
  }
}
static void aligned_blocks_are_aligned(void) { each_domain(aligned_body); }

/* Every power of two, from memory that has to grow and from memory that is there: what the first
 * block left serves the second.  PHP's allocator asks for 2 MiB. */
static void large_alignments_are_served(void) {
  target_reset(TARGET_INITIAL, 65535);
  pym_heap *other = pym_heap_new();
  for (unsigned shift = 17; shift <= 31; shift++) {
    const size_t align = (size_t)1 << shift;
    check_context("alignment 2 to the", shift);
    pym_heap *h = shift < 28 && shift % 2 ? other : pym_heap_default();
    void *p = pym_heap_aligned_alloc(h, align, 100);
    if (!CHECK(p != NULL && (uintptr_t)p % align == 0)) return;
    fill(p, 100, shift);
    pym_heap_free(h, PYM_RAW, p);
    const uint64_t growths = target_growths();
    p = pym_heap_aligned_alloc(h, align, 3000);
    CHECK(p != NULL && (uintptr_t)p % align == 0);
    CHECK_EQ(target_growths(), growths);
    check_sound(h);
    pym_heap_free(h, PYM_RAW, p);
  }
  pym_heap_destroy(other);
}

/* Memory between blocks that live, exactly as large as is asked for, at an address that serves. */
static void an_aligned_piece_of_free_memory_is_found(void) {
  for (size_t align = 8192; align <= (size_t)1 << 21; align *= 2) {
    void *p[8], *between[8];
    for (unsigned i = 0; i < COUNT(p); i++) {
      p[i] = pym_raw_aligned_alloc(align, align - 8);
      between[i] = pym_raw_malloc(600);
    }
    for (unsigned i = 0; i < COUNT(p); i++) pym_raw_free(p[i]);
    const uint64_t growths = target_growths();
    for (unsigned i = 0; i < COUNT(p); i++) CHECK((p[i] = pym_raw_aligned_alloc(align, align - 8)));
    check_context("alignment", align);
    CHECK_EQ(target_growths(), growths);
    for (unsigned i = 0; i < COUNT(p); i++) pym_raw_free(p[i]), pym_raw_free(between[i]);
    check_sound(pym_heap_default());
  }
}

/* As a malloc of the same size would: the chunk that was freed last, if it lies well. */
static void an_aligned_block_is_taken_from_the_cache(void) {
  for (size_t align = 32; align <= 4096; align *= 2) {
    void *p = pym_raw_aligned_alloc(align, 600), *guard = pym_raw_malloc(600);
    pym_raw_free(p);
    CHECK(pym_raw_aligned_alloc(align, 600) == p);
    pym_raw_free(p);
    CHECK(view_heap(pym_heap_default())->raw_cached > 0);
    pym_raw_free(guard);
  }
}

static void bad_alignment_body(const struct domain_api *api) {
  static const size_t bad[] = {0,     3,     6,      12,           24,       100,
                               65535, 65537, 131071, SIZE_MAX / 2, SIZE_MAX, SIZE_MAX - 3};
  for (unsigned i = 0; i < COUNT(bad); i++) {
    check_context(api->name, i);
    CHECK(plain_aligned(api, bad[i], 64) == NULL);
  }
  for (unsigned i = 0; i < COUNT(excessive); i++) {
    check_context(api->name, i);
    CHECK(plain_aligned(api, 16, excessive[i]) == NULL);
    CHECK(plain_aligned(api, 65536, excessive[i]) == NULL);
  }
  target_fail_after(0, 1);
  for (size_t back = 0; back < 70000; back += 999)
    CHECK(plain_aligned(api, 65536, PYM_SIZE_MAX - back) == NULL);
  target_fail_after(-1, 0);
}
static void bad_alignments_are_refused(void) { each_domain(bad_alignment_body); }

static void owns_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    unsigned char *p = api->malloc(sizes[i]);
    if (!CHECK(p != NULL)) return;
    CHECK(pym_owns(p));
    CHECK(pym_owns(p + sizes[i] - 1));
    api->free(p);
  }
}
static void owned_and_foreign_memory_are_told_apart(void) {
  static int data;
  int stack = 0;
  each_domain(owns_body);
  CHECK(!pym_owns(NULL));
  CHECK(!pym_owns(&data));
  CHECK(!pym_owns(pym_heap_default()));
  if (sizeof(void *) > 4) { /* the same offset in another 4 GiB */
    void *p = pym_obj_malloc(100);
    CHECK(pym_owns(p) && !pym_owns((void *)(uintptr_t)((uint64_t)(uintptr_t)p ^ 1ull << 32)));
    pym_obj_free(p);
  }
  CHECK(!pym_owns(&stack));
  CHECK(!pym_owns((void *)UINTPTR_MAX));
  CHECK(!pym_owns((void *)(UINTPTR_MAX / 2)));
  CHECK(!pym_owns((void *)(uintptr_t)owned_and_foreign_memory_are_told_apart));
  unsigned char *strange = target_foreign(1);
  if (!CHECK(strange != NULL)) return;
  CHECK(!pym_owns(strange) && !pym_owns(strange + WASM_PAGE - 1));
  pym_raw_free(pym_raw_malloc(3 * WASM_PAGE)); /* makes the library look at memory again */
  CHECK(!pym_owns(strange) && !pym_owns(strange + WASM_PAGE - 1));
}

/* Blocks up to the end of linear memory, whose last 8 bytes end its segment.  Sizes of which a
 * whole number fills a pool, and two that are no pool's. */
static void the_last_bytes_of_memory_are_a_block_like_any(void) {
  static const size_t lengths[] = {8, 1000, 40000};
  static void *p[40000];
  for (unsigned k = 0; k < COUNT(lengths); k++) {
    size_t n = lengths[k], last = 0;
    unsigned count = 0, at_end = 0;
    check_context("block size", n);
    while (count < COUNT(p) && !at_end) {
      p[count] = pym_obj_malloc(n);
      if (!CHECK(p[count] != NULL)) return;
      last = pym_usable_size(p[count]);
      if (n > PYM_SMALL_MAX) { /* as long as it can be */
        target_fail_after(0, 1);
        for (void *q; last < 200000 && (q = pym_obj_realloc(p[count], last + 16)) != NULL;)
          last = pym_usable_size(p[count] = q);
        target_fail_after(-1, 0);
      }
      at_end = target_offset(p[count++]) + last + 8 == target_pages() * WASM_PAGE;
    }
    CHECK(at_end);
    fill(p[count - 1], last, n);
    CHECK(holds(p[count - 1], last, n) && pym_owns((char *)p[count - 1] + last - 1));
    check_sound(pym_heap_default());
    pym_obj_free(p[count - 1]);
    check_sound(pym_heap_default());
    for (unsigned i = 0; i + 1 < count; i++) pym_obj_free(p[i]);
    check_sound(pym_heap_default());
  }
}

static void sized_free_body(const struct domain_api *api) {
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    pym_heap *h = heap_of(api);
    void *p = pym_heap_malloc(h, api->domain, sizes[i]);
    if (!CHECK(p != NULL)) return;
    pym_heap_free_sized(h, api->domain, p, sizes[i]);
    p = pym_heap_malloc(h, api->domain, sizes[i]);
    p = pym_heap_realloc(h, api->domain, p, sizes[i] / 2 + 1);
    pym_heap_free_sized(h, api->domain, p, sizes[i] / 2 + 1);
  }
}
static void sized_free_takes_the_size_last_asked_for(void) {
  each_domain(sized_free_body);
  for (unsigned i = 0; i < COUNT(sizes); i++) {
    pym_obj_free_sized(pym_obj_malloc(sizes[i]), sizes[i]);
    pym_obj_free_sized(pym_obj_calloc(sizes[i], 1), sizes[i]);
  }
  check_sound(pym_heap_default());
}

/* On wasm memory is as the cases before left it: the first two want it new. */
/* A block of a size that is a multiple of 16 may come from a larger class in a small heap. */
static void a_borrowed_block_is_aligned_as_its_own_class_would_be(void) {
  for (size_t n = 16; n <= PYM_SMALL_MAX; n += 16)
    for (size_t other = n + 8; other <= n + 40 && other <= PYM_SMALL_MAX; other += 8) {
      target_reset(TARGET_INITIAL, TARGET_MAX);
      void *lender = pym_obj_malloc(other), *p = pym_obj_malloc(n);
      check_context("other", other);
      CHECK(((uintptr_t)p & 15) == 0);
      pym_obj_free(p);
      pym_obj_free(lender);
    }
}

CHECK_CASES(TEST(a_borrowed_block_is_aligned_as_its_own_class_would_be),
            TEST(the_last_bytes_of_memory_are_a_block_like_any), TEST(blocks_are_aligned),
            TEST(usable_bytes_belong_to_the_block), TEST(aligned_blocks_are_aligned),
            TEST(an_aligned_piece_of_free_memory_is_found),
            TEST(an_aligned_block_is_taken_from_the_cache), TEST(bad_alignments_are_refused),
            TEST(owned_and_foreign_memory_are_told_apart),
            TEST(sized_free_takes_the_size_last_asked_for), TEST(large_alignments_are_served));
