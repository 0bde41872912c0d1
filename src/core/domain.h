/* The domains: what others ask of them beside pymalloc.h. */
#ifndef PYM_CORE_DOMAIN_H
#define PYM_CORE_DOMAIN_H

#include "core/base.h"

pym_allocator pym__base(unsigned domain); /* the domain's own functions, below every hook */

/* A raw block of domain domain at a multiple of `align`; NULL: counted, and if bytes is above
 * `most`. */
void *pym__aligned(struct pym_heap *heap, unsigned domain, size_t align, size_t bytes, size_t most);

#endif
