/* The library's structures as a reader outside sees them: by pym_root and the layout. */
#ifndef VIEW_H
#define VIEW_H

#include "layout.h"
#include "linmem.h"
#include "pymalloc.h"

#define POOL_BYTES 4096u
#define POOL_HEADER 32u
#define POOL_ROOM 4056u /* bytes of a pool that blocks may take */
#define RAW_HEADER 8u

struct space_view {
  SPACE_FIELDS(DECLARE_FIELD)
  struct event events[EVENTS];
};

struct heap_view {
  struct bin mem[CLASS_SLOTS], obj[CLASS_SLOTS];
  HEAP_FIELDS(DECLARE_FIELD)
  struct domain domains[PYM_DOMAINS + 1]; /* the last: the library's own blocks */
};

static inline const struct space_view *view_space(void) { return pym_root(); }
static inline struct heap_view *view_heap(pym_heap *h) { return (void *)h; }

/* The map of pools at the 4 KiB that p lies in: class, or 0; 0 too behind its end. */
static inline unsigned view_class(const void *p) {
  const struct space_view *space = view_space();
  uint32_t unit = off(p) / POOL_BYTES;
  return unit < space->pool_map_len ? ((const uint8_t *)at(space->pool_map))[unit] : 0;
}

static inline struct pool *view_pool(const void *p) { return at(off(p) & ~(POOL_BYTES - 1)); }

#endif
