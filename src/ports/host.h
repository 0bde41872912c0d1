/* The port contract: the host.  One file host_*.c a target. */
#ifndef PYM_PORTS_HOST_H
#define PYM_PORTS_HOST_H

#include "core/base.h"
#include "core/cause.h"

int pym__host_random(u64 out[2]);                     /* 0: the host has no randomness */
void pym__host_write(const char *text, size_t bytes); /* standard error, or nothing */
void pym__host_tell(enum cause cause, addr offset,
                    unsigned domain); /* of corruption; with pym__say_fault */
_Noreturn void pym__host_trap(void);

#endif
