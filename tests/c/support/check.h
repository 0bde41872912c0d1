/* The test harness: a program lists its cases, CHECK counts what is false, an entry point
 * (check_hosted.c: main; check_none.c: the exported test_main) runs the cases and reports.
 *
 * The harness allocates nothing and calls no libc: it runs on every target. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

struct check_case {
  const char *name; /* a sentence that can be false */
  void (*run)(void);
};

/* Once in each program: CHECK_CASES(TEST(first), TEST(second)); */
extern const struct check_case check_cases[];
#define TEST(function) {#function, function}
#define CHECK_CASES(...) const struct check_case check_cases[] = {__VA_ARGS__, {NULL, NULL}}

/* Both give 1 if it held, so that a test can stop: if (!CHECK(p)) return; */
#define CHECK(condition) check_that((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b) check_equal((uint64_t)(a), (uint64_t)(b), #a " == " #b, __FILE__, __LINE__)

int check_that(int held, const char *text, const char *file, int line);
int check_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line);

/* Words printed with each failure until replaced: which domain, which growth; never NULL. */
void check_context(const char *words, uint64_t number);

/* Run all cases, or the one called `only` (NULL: all).  Returns the number of failed checks. */
unsigned check_run(const char *only);
/* Failed checks so far. */
unsigned check_failures(void);

void check_print(const char *text);
void check_print_u64(uint64_t value);

/* A number given from outside (an argument NAME=value, else the environment), or `other`. */
uint64_t check_option(const char *name, uint64_t other);
/* Seed of this run, printed so that PYM_SEED=... repeats it. */
uint64_t check_seed(void);

/* splitmix64: the n-th number of a seed is a pure function of both, so that any subset of the
 * operations of a random test can be run alone. */
static inline uint64_t check_mix(uint64_t seed, uint64_t n) {
  uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* ---- Given by the entry point ---- */
void check_write(const char *text, size_t n);
const char *check_variable(const char *name); /* NULL if not given */
uint64_t check_fresh_seed(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Blocks and their contents ---- */

/* Fill n bytes with the pattern of `seed`; does p hold it still? */
void fill(void *p, size_t n, uint64_t seed);
int holds(const void *p, size_t n, uint64_t seed);
int all_zero(const void *p, size_t n);

#endif
