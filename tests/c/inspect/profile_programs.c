/* Programs in C whose blocks come from several places, for tests/bench/profile.mjs:
 * profile_programs words | tree | lines | pairs [ROUNDS] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 1;
static uint32_t below(uint32_t n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % n;
}

/* ---- A table of words that is counted, grown and thrown away ---- */

struct entry {
  char *word;
  unsigned count;
  struct entry *next;
};
static struct entry *buckets[512];

__attribute__((noinline)) static char *copy_word(const char *word) {
  char *copy = malloc(strlen(word) + 1);
  return strcpy(copy, word);
}
__attribute__((noinline)) static void count_word(const char *word, unsigned hash) {
  struct entry **at = &buckets[hash % 512];
  for (; *at; at = &(*at)->next)
    if (strcmp((*at)->word, word) == 0) {
      (*at)->count++;
      return;
    }
  *at = calloc(1, sizeof **at);
  (*at)->word = copy_word(word);
  (*at)->count = 1;
}
__attribute__((noinline)) static char *spelled(unsigned n) {
  char *text = malloc(80);
  snprintf(text, 80, "word%u%s", n, n % 3 ? "" : "withaverylongtailofmanylettersbehindit");
  return text;
}
static unsigned words(void) {
  for (unsigned i = 0; i < 60000; i++) {
    const unsigned n = below(20000);
    char *text = spelled(n);
    count_word(text, n);
    free(text);
  }
  unsigned most = 0;
  for (unsigned i = 0; i < 512; i++)
    for (struct entry *e = buckets[i]; e; e = e->next) most = e->count > most ? e->count : most;
  return most;
}

/* ---- A tree that loses and gets branches ---- */

struct node {
  struct node *left, *right;
  char *name;
  char room[16];
};
__attribute__((noinline)) static char *name_of(unsigned depth) { return calloc(1, 8 * depth + 8); }
__attribute__((noinline)) static struct node *grow(unsigned depth) {
  struct node *n = malloc(sizeof *n);
  n->name = name_of(depth);
  n->left = depth ? grow(depth - 1) : NULL;
  n->right = depth ? grow(depth - 1) : NULL;
  return n;
}
__attribute__((noinline)) static void fell(struct node *n) {
  if (!n) return;
  fell(n->left);
  fell(n->right);
  free(n->name);
  free(n);
}
static unsigned tree(void) {
  struct node *root = grow(12);
  for (unsigned i = 0; i < 60; i++) {
    struct node *at = root;
    while (at->left && at->left->left && below(3)) at = below(2) ? at->left : at->right;
    fell(at->left);
    at->left = grow(8);
  }
  return root->right != NULL;
}

/* ---- Lines that grow ---- */

struct lines {
  char **all;
  size_t n, room;
};
__attribute__((noinline)) static void push(struct lines *l, char *line) {
  if (l->n == l->room)
    l->all = realloc(l->all, (l->room = l->room ? 2 * l->room : 4) * sizeof(char *));
  l->all[l->n++] = line;
}
__attribute__((noinline)) static char *append(char *line, const char *more) {
  line = realloc(line, strlen(line) + strlen(more) + 1);
  return strcat(line, more);
}
__attribute__((noinline)) static char *joined(const struct lines *l, size_t from, size_t n) {
  char *all = calloc(1, 300 * n);
  for (size_t i = from; i < from + n; i++) strcat(all, l->all[i]);
  return all;
}
static unsigned lines(void) {
  struct lines l = {0};
  unsigned sum = 0;
  for (unsigned i = 0; i < 6000; i++) {
    char *line = calloc(1, 1);
    for (unsigned k = 0; k < 6; k++)
      line = append(line, k % 2 ? "some more text of the line, " : "and ");
    push(&l, line);
    if (i % 20 == 19) {
      char *text = joined(&l, i - 19, 20);
      sum += (unsigned)strlen(text);
      free(text);
    }
  }
  return sum;
}

/* ---- Nothing but malloc and free ---- */

static unsigned pairs(void) {
  static void *held[1024];
  for (unsigned i = 0; i < 1000000; i++) {
    void **at = &held[below(1024)];
    free(*at);
    *at = malloc(8 + below(120));
  }
  return held[0] != NULL;
}

int main(int argc, char **argv) {
  const char *which = argc > 1 ? argv[1] : "words";
  unsigned found = 0;
  for (int rounds = argc > 2 ? atoi(argv[2]) : 1; rounds > 0; rounds--)
    found = *which == 'w' ? words() : *which == 't' ? tree() : *which == 'l' ? lines() : pairs();
  printf("%u\n", found);
  return 0;
}
