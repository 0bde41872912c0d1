/* Attacks on the library, each run in a child process whose end and last words are looked at.
 * Native only. */
#ifndef VICTIM_H
#define VICTIM_H

/* A row of a table of attacks: ATTACK(function, cause[, least PYM_DEBUG that notices]). */
struct attack {
  const char *name;
  const char *cause; /* what the report must say */
  void (*act)(void);
  int debug;
};
#define ATTACK(...) ATTACK_OF(__VA_ARGS__, 0, 0)
#define ATTACK_OF(act, cause, debug, ...) {#act, cause, act, debug}

/* The causes that a report names. */
#define HEADER "raw block header overwritten"
#define LINKS "list of free memory overwritten"
#define FREE_MEMORY "free raw memory overwritten"
#define WRITTEN "pymalloc: freed block written to"
#define NOT_OURS "not a block of this heap, or its header was overwritten"
#define RAW_TWICE "double free of a raw block"
#define DOMAIN "block belongs to another domain"
#define POOL "pool table overwritten, or block of another heap"
#define NOT_BLOCK "pointer is not a block"
#define USED "pymalloc: use of a freed block"
#define TWICE "pymalloc: double free,"
#define NO_HEAP "heap cannot be destroyed"
#define ROOT "root structure overwritten"
#define SIZED "wrong size given to a sized free"

/* How a child ended; last_words() is what it said. */
enum ending { CAME_THROUGH, REPORTED, OTHER_CAUSE, CRASHED };
enum ending ending_of(void (*act)(void), const char *cause);
const char *last_words(void);

/* The child must say `cause` in one line on standard error and end by a trap. */
void expect_noticed(const char *name, const char *cause, void (*act)(void));

/* The child may come through, or must say what it noticed: it does not run into memory that is not
 * there. */
void expect_no_crash(const char *name, void (*act)(void));

/* All of a table that this build is meant to notice. */
void run_attacks(const struct attack *table, unsigned count);
#define RUN(table) run_attacks(table, sizeof(table) / sizeof *(table))

#endif
