/* A guest for the tests of the JavaScript package: it allocates and frees as it is told.  Imports
 * nothing, so that every host can run it. */
#include <pymalloc.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Blocks that were grabbed and not dropped, the newest first. */
struct block {
  struct block *next;
};
static struct block *grabbed[3];

static void *allocate(uint32_t domain, uint32_t bytes) {
  switch (domain) {
    case 0:
      return pym_raw_malloc(bytes);
    case 1:
      return pym_mem_malloc(bytes);
    default:
      return pym_obj_malloc(bytes);
  }
}

/* Allocate count blocks of so many bytes (8 at least) in domain 0 raw, 1 mem, 2 object.
 * return how many there were before one was refused */
EXPORT("grab") uint32_t grab(uint32_t domain, uint32_t bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    struct block *b = allocate(domain, bytes);
    if (!b) return i;
    b->next = grabbed[domain];
    grabbed[domain] = b;
  }
  return count;
}

/* Free what was grabbed in a domain.  return blocks */
EXPORT("drop") uint32_t drop(uint32_t domain) {
  uint32_t count = 0;
  for (struct block *b = grabbed[domain], *next; b; b = next, count++) {
    next = b->next;
    if (domain == 0) pym_raw_free(b);
    else if (domain == 1) pym_mem_free(b);
    else pym_obj_free(b);
  }
  grabbed[domain] = NULL;
  return count;
}
