/* Attacks on the library, each run in a child process whose end and last words are looked at.
 * Native only. */
#ifndef VICTIM_H
#define VICTIM_H

struct attack {
  const char *name;
  const char *cause; /* what the report must say */
  void (*act)(void);
  int debug; /* least PYM_DEBUG that notices */
};

/* The child must say `cause` in one line on standard error and end by a trap. */
void expect_noticed(const char *name, const char *cause, void (*act)(void));

/* The child may come through, or must say what it noticed: it does not run into memory that is not
 * there. */
void expect_no_crash(const char *name, void (*act)(void));

/* All of a table that this build is meant to notice. */
void run_table(const struct attack *table, unsigned count);

#endif
