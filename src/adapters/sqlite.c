#include "adapters/sqlite.h"

#include "adapters/inlined.h"
#include "core/chunk.h"

static pym_heap *served_by; /* NULL: the default heap */

/* SQLite asks for more than nothing and for less than 2 GiB. */
void *pym_sqlite_malloc(int n) { return inlined_malloc(served_by, (size_t)n); }
void pym_sqlite_free(void *block) { inlined_free(served_by, block); }
void *pym_sqlite_realloc(void *block, int n) {
  return inlined_realloc(served_by, block, (size_t)n);
}

/* Asked at each malloc and each free: of a small block the pool table tells, of a larger one its
 * header.  What looks free, or is to be checked in full, is asked as any block is. */
int pym_sqlite_size(void *block) {
  const struct pym__pool *pool = pym__debug ? NULL : pym__pool_at(off(block));
  if (LIKELY(pool != NULL)) {
    if (PYM_DEBUG == 0 && LIKELY((*(const pym__word *)block ^ pym__key) > PYM__LINK_MAX))
      return pool->size;
  } else if (LIKELY(is_unwatched()) && LIKELY(block != NULL)) {
    LOCKED();
    return (int)pym__raw_usable(block);
  }
  return (int)pym_usable_size(block);
}

/* What pym_usable_size will say of a block of n bytes. */
int pym_sqlite_roundup(int n) {
  if (n <= (int)PYM_SMALL_MAX) return (n + 7) & ~7;
  return (int)pym__raw_usable_for((u32)n);
}

int pym_sqlite_init(void *heap) {
  served_by = heap;
  return 0; /* SQLITE_OK */
}

void pym_sqlite_shutdown(void *heap) { (void)heap; }
