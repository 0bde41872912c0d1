/* Lines of text, put together without a C library. */
#ifndef PYM_INSPECT_REPORT_H
#define PYM_INSPECT_REPORT_H

#include "core/base.h"
#include "core/cause.h"

/* One allocation's report is one line, so the pieces are put together here. */
struct line {
  char text[160];
  unsigned n;
};
void pym__put(struct line *l, const char *text);
void pym__put_number(struct line *l, uint64_t v, unsigned width);
void pym__put_hex(struct line *l, addr v);
/* The line on the host's standard error. */
void pym__say_fault(enum cause cause, addr offset, unsigned domain);

#endif
