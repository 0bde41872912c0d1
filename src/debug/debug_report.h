/* What the debug hooks ask about a block. */
#ifndef PYM_DEBUG_DEBUG_REPORT_H
#define PYM_DEBUG_DEBUG_REPORT_H

#include "core/base.h"
#include "core/cause.h"

/* 0: a block of ours begins at p, just as it is: one from before the hooks, an aligned one, one of
 * another heap, or what is below a block of the hooks.  Or p is not in memory of ours at all, looks
 * like none of their blocks, and they are not `on`. */
int pym__debug_is_block(const void *p, int on);

/* A block that was given to free or to another function of the hooks: 1 if it is theirs and sound,
 * 0 if they did not make it.  Else it is reported.
 * domain  domain of the call; PYM_DOMAINS: any
 * held    the hooks hold it back: it was freed
 * freed   cause if it was freed */
int pym__debug_verify(unsigned domain, const u8 *p, int held, enum cause freed);

/* A block that is held back, [base, base + total), was written to at byte `i` of it. */
_Noreturn void pym__debug_written(unsigned domain, const u8 *base, usize total, usize i);

#endif
