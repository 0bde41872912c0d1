/* What a host is told of a profile, whichever way it goes (profile_wasi.c and its like).
 *
 * A host calls pym_profile before the program runs, or at any time. */
#ifndef PYM_PROFILE_HOST_H
#define PYM_PROFILE_HOST_H

#include "pymalloc.h"

/* js/src/profile/channel.js reads this. */
struct profile_message {
  uint32_t what; /* 0: a first word, to see whether anybody listens; else enum pym_profile_what;
                    domain << 8; count << 16 */
  pym_size size, block, heap; /* of the event; heap: its address */
};
_Static_assert(sizeof(struct profile_message) == 4 * sizeof(pym_size), "one write");

/* 0: nobody listens */
int pym__profile_tell(const struct profile_message *message);

#endif
