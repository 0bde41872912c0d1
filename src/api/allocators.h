/* PYTHONMALLOC's names. */
#ifndef PYM_API_ALLOCATORS_H
#define PYM_API_ALLOCATORS_H

int pym__allocators_use_nth(unsigned i); /* by place in the list of names; -1: there is none */

#endif
