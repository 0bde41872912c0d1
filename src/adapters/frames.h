/* Where an interpreter's frames are, for hosts that read its stack in linear memory: names and
 * numbers that the interpreter's own headers give, so a host has no layout of its own.
 *
 * A table ends with an empty name.  Values are offsets in bytes, sizes, addresses or tags, as the
 * name says; js/src/profile/frames/ reads them. */
#ifndef PYM_FRAMES_H
#define PYM_FRAMES_H

#include <stdint.h>

struct pym_fact {
  char name[20]; /* NUL-padded */
  uint32_t value;
};
_Static_assert(sizeof(struct pym_fact) == 24, "as documented");

#endif
