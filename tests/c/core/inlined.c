/* What the header inlines into a program looks at words of its blocks: whatever type the program
 * stored there, the compiler must not move one over the other.  On wasm the calls below are
 * inlined; natively they are calls. */
#include "check.h"
#include "domains.h"
#include "pymalloc.h"

#define N 200u

/* A store right before free, a store right after malloc, of each type: neither is lost, and the
 * link that free writes is there when malloc reads it. */
#define STORE_OF(type)                                                            \
  static __attribute__((noinline)) void store_##type(type *one, type a, type b) { \
    type *p = pym_obj_malloc(48), *q;                                             \
    *p = a;                                                                       \
    pym_obj_free(p);                                                              \
    q = pym_obj_malloc(48);                                                       \
    *q = b;                                                                       \
    *one = *q;                                                                    \
    pym_obj_free(q);                                                              \
  }
typedef uint64_t word64;
typedef uint32_t word32;
typedef uint16_t word16;
STORE_OF(double)
STORE_OF(float)
STORE_OF(word64)
STORE_OF(word32)
STORE_OF(word16)

static void stores_of_any_type_stay_where_they_were_written(void) {
  for (unsigned i = 1; i < N; i++) {
    double d;
    float f;
    word64 u;
    word32 w;
    word16 h;
    check_context("round", i);
    store_double(&d, i * 0.5, i * 1.5);
    CHECK(d == i * 1.5);
    store_float(&f, (float)i, (float)i * 2);
    CHECK(f == (float)i * 2);
    store_word64(&u, i, i * 3);
    CHECK_EQ(u, i * 3);
    store_word32(&w, i, i * 5);
    CHECK_EQ(w, i * 5);
    store_word16(&h, (word16)i, (word16)(i * 7));
    CHECK_EQ(h, i * 7);
  }
  check_sound(pym_heap_default());
}

/* A list of the program's own in blocks that come and go, as 32-bit words and pointers. */
struct node {
  struct node *next;
  uint32_t value;
};
static void lists_of_the_program_keep_their_words(void) {
  struct node *first = NULL;
  for (uint32_t i = 0; i < 3000; i++) {
    struct node *n = pym_mem_malloc(sizeof *n);
    n->next = first;
    n->value = i;
    first = n;
    if (i % 3 == 2) { /* out with the second */
      struct node *gone = first->next;
      first->next = gone->next;
      pym_mem_free(gone);
    }
  }
  uint32_t count = 0, before = UINT32_MAX;
  for (struct node *n = first, *next; n; n = next) {
    CHECK(n->value < before && n->value % 3 != 1);
    before = n->value;
    next = n->next;
    pym_mem_free(n);
    count++;
  }
  CHECK_EQ(count, 2000);
  check_sound(pym_heap_default());
}

CHECK_CASES(TEST(stores_of_any_type_stay_where_they_were_written),
            TEST(lists_of_the_program_keep_their_words));
