/* A program that forgets what it takes in one line of one function, for tests/js/profile.test.js.
 */
#include <stdlib.h>
#include <string.h>

static char *kept[20000];

__attribute__((noinline)) char *remember(const char *word, int i) {
  char *copy = malloc(strlen(word) + 100);
  strcpy(copy, word);
  return kept[i] = copy; /* nobody frees it */
}

__attribute__((noinline)) int forget(int n) {
  char *p = malloc((size_t)n % 700 + 1);
  memset(p, 7, (size_t)n % 700 + 1);
  int sum = p[n % 700];
  free(p);
  return sum;
}

int main(void) {
  int sum = 0;
  for (int i = 0; i < 20000; i++) {
    sum += remember("word", i)[0] + forget(i);
    if (i % 3 == 0) sum += forget(i + 1);
  }
  char *big = calloc(1, 5000000);
  sum += big[sum & 1023];
  free(big);
  return sum == 0;
}
