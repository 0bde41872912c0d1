/* The headers of raw blocks, changed bit by bit and byte by byte.  Native only. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"

static unsigned char *a, *b, *c; /* three neighbours */

static void three_neighbours(void) {
  a = pym_raw_malloc(1000);
  b = pym_raw_malloc(1000);
  c = pym_raw_malloc(1000);
}

/* Every single bit of a header, noticed by whatever looks at it next. */
static unsigned flipped_bit;
static void flip(void) {
  three_neighbours();
  (b - 8)[flipped_bit / 8] ^= (unsigned char)(1u << flipped_bit % 8);
}
static void flip_and_free(void) {
  flip();
  pym_raw_free(b);
}
static void flip_and_free_before(void) {
  flip();
  pym_raw_free(a);
  pym_heap_trim(pym_heap_default());
}
static void flip_and_resize(void) {
  flip();
  pym_raw_realloc(b, 3000);
}
static void flip_and_grow_before(void) {
  flip();
  pym_raw_realloc(a, 3000);
}
static void flip_and_shrink_before(void) {
  flip();
  pym_raw_realloc(a, 100);
}
/* Freed, for the next one who asks; then the header is changed. */
static void flip_cached(void) {
  three_neighbours();
  pym_raw_free(b);
  (b - 8)[flipped_bit / 8] ^= (unsigned char)(1u << flipped_bit % 8);
}
static void flip_cached_and_take(void) {
  flip_cached();
  pym_raw_malloc(1000);
  pym_heap_trim(pym_heap_default());
}
static void flip_cached_and_trim(void) {
  flip_cached();
  pym_heap_trim(pym_heap_default());
}
static void every_bit_of_a_cached_header_is_guarded(void) {
  static const struct attack acts[] = {ATTACK(flip_cached_and_take, WRITTEN),
                                       ATTACK(flip_cached_and_trim, WRITTEN)};
  for (flipped_bit = 0; flipped_bit < 64; flipped_bit++) RUN(acts);
}

static void every_bit_of_a_raw_header_is_guarded(void) {
  static const struct attack acts[] = {
      ATTACK(flip_and_free, NOT_OURS), ATTACK(flip_and_resize, NOT_OURS),
      ATTACK(flip_and_free_before, HEADER), ATTACK(flip_and_grow_before, HEADER),
      ATTACK(flip_and_shrink_before, HEADER)};
  for (flipped_bit = 0; flipped_bit < 64; flipped_bit++) RUN(acts);
}

/* pym_check sees every one-byte change of the header of a live block, of a free one and of the
 * size behind it. */
static void check_sees_change(unsigned char *at, const char *what) {
  unsigned char was = *at;
  for (unsigned change = 1; change < 256; change++) {
    *at = (unsigned char)(was ^ change);
    check_context(what, change);
    if (!CHECK(pym_check(pym_heap_default()) != 0)) break;
    CHECK(*pym_check_message() != 0);
  }
  *at = was;
}
static void pym_check_sees_every_changed_byte_of_raw_metadata(void) {
  three_neighbours();
  for (int i = -8; i < 0; i++) check_sees_change(b + i, "header in use");
  size_t usable = pym_usable_size(b);
  pym_raw_free(b);
  pym_heap_trim(pym_heap_default());
  for (int i = -8; i < 8; i++) check_sees_change(b + i, "header and links of a free chunk");
  for (size_t i = usable - 4; i < usable; i++) check_sees_change(b + i, "size behind");
  for (int i = -8; i < 0; i++) check_sees_change(c + i, "header behind a free chunk");
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(every_bit_of_a_raw_header_is_guarded),
            TEST(every_bit_of_a_cached_header_is_guarded),
            TEST(pym_check_sees_every_changed_byte_of_raw_metadata));
