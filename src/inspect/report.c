/* Text: numbers, and the line that is said when corruption is found. */
#include "inspect/report.h"

#include "ports/host.h"

COLD void pym__put(struct line *l, const char *text) {
  while (*text && l->n < sizeof l->text - 1) l->text[l->n++] = *text++;
  l->text[l->n] = 0;
}

COLD void pym__put_number(struct line *l, uint64_t v, unsigned width) {
  char digits[21];
  unsigned i = sizeof digits - 1;
  digits[i] = 0;
  do digits[--i] = (char)('0' + v % 10);
  while (v /= 10);
  while (sizeof digits - 1 - i < width && i) digits[--i] = ' ';
  pym__put(l, digits + i);
}

COLD void pym__put_hex(struct line *l, addr v) {
  char digits[19] = "0x00000000";
  int last = 9; /* as many digits as 32 bits have; more only where there are more */
  while (sizeof v > 4 && last < 17 && (u64)v >> (4 * (last - 1))) digits[++last] = 0;
  for (int i = last; i > 1; i--, v >>= 4) digits[i] = "0123456789abcdef"[v & 15];
  pym__put(l, digits);
}

COLD void pym__say_fault(enum cause cause, addr offset, unsigned domain) {
#define CAUSE_TEXT(name, text) text,
  static const char *const causes[] = {"", CAUSES(CAUSE_TEXT)};
  static const char *const domains[] = {"raw", "mem", "object"};
  struct line l = {.n = 0};
  pym__put(&l, "pymalloc: ");
  pym__put(&l, causes[cause]);
  pym__put(&l, ", address ");
  pym__put_hex(&l, offset);
  if (domain < PYM_DOMAINS) {
    pym__put(&l, ", ");
    pym__put(&l, domains[domain]);
    pym__put(&l, " domain");
  }
  pym__put(&l, "\n");
  pym__host_write(l.text, l.n);
}
