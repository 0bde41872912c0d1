/* The end of a program whose heap was found corrupted. */
#ifndef PYM_CORE_CORRUPT_H
#define PYM_CORE_CORRUPT_H

#include "core/base.h"
#include "core/cause.h"

/* Write it down where readers find it, tell the host, trap. */
_Noreturn void pym__corrupt(enum cause cause, addr offset,
                            unsigned domain); /* domain >= 3: no domain */

#if PYM_DEBUG >= 2
#define PYM_ASSERT(cond, cause, o)                    \
  do {                                                \
    if (UNLIKELY(!(cond))) pym__corrupt(cause, o, 3); \
  } while (0)
#else
#define PYM_ASSERT(cond, cause, o) ((void)0)
#endif

#endif
