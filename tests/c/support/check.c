#include "check.h"

#include "target.h"

#define PRINTED_MAX 25 /* failures printed in full; the rest are counted */

static unsigned failures;
static const char *context_words = "";
static uint64_t context_number;

void check_print(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  check_write(text, n);
}

void check_print_u64(uint64_t value) {
  char digits[21];
  unsigned at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  check_print(digits + at);
}

void check_context(const char *words, uint64_t number) {
  context_words = words;
  context_number = number;
}

unsigned check_failures(void) { return failures; }

static void print_failure(const char *text, const char *file, int line) {
  check_print("  ");
  check_print(file);
  check_print(":");
  check_print_u64((uint64_t)line);
  check_print(": not so: ");
  check_print(text);
  if (*context_words) {
    check_print("  [");
    check_print(context_words);
    check_print(" ");
    check_print_u64(context_number);
    check_print("]");
  }
}

int check_that(int held, const char *text, const char *file, int line) {
  if (held) return 1;
  if (++failures <= PRINTED_MAX) {
    print_failure(text, file, line);
    check_print("\n");
  }
  return 0;
}

int check_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line) {
  if (a == b) return 1;
  if (++failures <= PRINTED_MAX) {
    print_failure(text, file, line);
    check_print("  (");
    check_print_u64(a);
    check_print(" and ");
    check_print_u64(b);
    check_print(")\n");
  }
  return 0;
}

static int same_text(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return *a == *b;
}

unsigned check_run(const char *only) {
  unsigned run = 0;
  for (const struct check_case *c = check_cases; c->name; c++) {
    if (only && !same_text(only, c->name)) continue;
    unsigned before = failures;
    check_context("", 0);
    target_reset(TARGET_INITIAL, TARGET_MAX);
    c->run();
    run++;
    check_print(failures == before ? "ok    " : "FAIL  ");
    check_print(c->name);
    check_print("\n");
  }
  check_context("", 0);
  CHECK(run > 0);
  if (failures) {
    check_print_u64(failures);
    check_print(" checks failed\n");
  }
  return failures;
}

uint64_t check_option(const char *name, uint64_t other) {
  const char *text = check_variable(name);
  if (!text || !*text) return other;
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (uint64_t)(*text - '0');
  return value;
}

uint64_t check_seed(void) {
  uint64_t seed = check_option("PYM_SEED", 0);
  if (seed == 0) seed = check_fresh_seed();
  check_print("PYM_SEED=");
  check_print_u64(seed);
  check_print("\n");
  return seed;
}

/* Contents: little-endian words of 8 bytes that differ by place and seed.  The first m bytes of a
 * pattern are the pattern of m bytes. */
static uint64_t word_at(uint64_t seed, size_t i) {
  return (seed ^ i) * 0x9e3779b97f4a7c15u + 0x1234567 + i;
}

static unsigned char byte_at(uint64_t seed, size_t i) {
  return (unsigned char)(word_at(seed, i & ~(size_t)7) >> (i % 8 * 8));
}

void fill(void *p, size_t n, uint64_t seed) {
  unsigned char *bytes = p;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word = word_at(seed, i);
    __builtin_memcpy(bytes + i, &word, 8);
  }
  for (; i < n; i++) bytes[i] = byte_at(seed, i);
}

int holds(const void *p, size_t n, uint64_t seed) {
  const unsigned char *bytes = p;
  uint64_t wrong = 0;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes + i, 8);
    wrong |= word ^ word_at(seed, i);
  }
  for (; i < n; i++) wrong |= (uint64_t)(bytes[i] ^ byte_at(seed, i));
  return wrong == 0;
}

int all_zero(const void *p, size_t n) {
  const unsigned char *bytes = p;
  unsigned wrong = 0;
  for (size_t i = 0; i < n; i++) wrong |= bytes[i];
  return wrong == 0;
}
