/* Programs of attacks, each of which must end in a report and a trap; the program goes on after it.
 * traps_native.c jumps out of the trap; in wasm traps.mjs calls the attacks and catches it. */
#ifndef TRAPS_H
#define TRAPS_H

#include <stddef.h>

/* ---- The program ---- */

extern const unsigned attacks;
/* Must not return. */
void attack(unsigned i);
/* After the trap: was it the right report?  Puts right what the attack damaged. */
int attack_noticed(unsigned i);
/* Words for a failure. */
const char *attack_name(unsigned i);

/* ---- What is given to it ---- */

#define SAID_MAX 4096
extern char said[SAID_MAX + 1]; /* the report of this attack, ends with a 0 */
extern unsigned said_n;

static inline int starts_with(const char *text, const char *what) {
  while (*what && *text == *what) text++, what++;
  return !*what;
}
/* Where `what` begins in the text, or NULL. */
static inline const char *find(const char *text, const char *what) {
  for (; *text; text++)
    if (starts_with(text, what)) return text;
  return NULL;
}
static inline unsigned length(const char *text) {
  unsigned n = 0;
  while (text[n]) n++;
  return n;
}
static inline int ends_with(const char *text, const char *what) {
  unsigned n = length(text), m = length(what);
  return n >= m && starts_with(text + n - m, what);
}

#endif
