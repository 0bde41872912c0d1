/* The contract's functions in every form: plain, on a second heap, under a hook, so that one test
 * body runs on all of them. */
#ifndef DOMAINS_H
#define DOMAINS_H

#include <stddef.h>

#include "pymalloc.h"

struct domain_api {
  const char *name;
  enum pym_domain domain;
  int hooked;
  void *(*malloc)(size_t n);
  void *(*calloc)(size_t count, size_t size);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
};

/* Run body on the three domains of the default heap, of a second heap and of the default heap
 * with a hook that passes everything on; after each the heap must be sound and hold no block more
 * than before. */
void each_domain(void (*body)(const struct domain_api *api));

/* The heap that api's functions work on. */
pym_heap *heap_of(const struct domain_api *api);

/* pym_check finds nothing; or a failed check with its message. */
void check_sound(pym_heap *h);

pym_domain_stats stats_of(const pym_heap *h, enum pym_domain d);
pym_page_stats pages_now(void);
/* Each limit there is: of a domain, of a heap, of all heaps. */
static const unsigned every_limit[] = {PYM_RAW, PYM_MEM, PYM_OBJ, PYM_WHOLE_HEAP, PYM_ALL_HEAPS};
/* Live bytes that limit `which` of h counts. */
pym_size live_in(const pym_heap *h, unsigned which);

/* 1 if api serves a request of n bytes from pools of equal blocks. */
static inline int from_pool(const struct domain_api *api, size_t n) {
  return api->domain != PYM_RAW && n <= PYM_SMALL_MAX;
}

#endif
