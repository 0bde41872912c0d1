/* What can be found wrong with the heap.  The number of a cause is its place in the lists; readers
 * outside have the texts by it (js/src/stats.js). */
#ifndef PYM_CORE_CAUSE_H
#define PYM_CORE_CAUSE_H

#define CAUSES(X)                                                                       \
  X(HEADER, "raw block header overwritten")                                             \
  X(LINKS, "list of free memory overwritten")                                           \
  X(FREE_MEMORY, "free raw memory overwritten")                                         \
  X(FREED_WRITTEN, "freed block written to")                                            \
  X(NOT_OURS, "not a block of this heap, or its header was overwritten")                \
  X(RAW_TWICE, "double free of a raw block")                                            \
  X(DOMAIN, "block belongs to another domain")                                          \
  X(POOL, "pool table overwritten, or block of another heap")                           \
  X(NOT_BLOCK, "pointer is not a block")                                                \
  X(TWICE, "double free")                                                               \
  X(TWICE_OR_WRITTEN, "double free, or freed block written to")                         \
  X(HEAP, "heap cannot be destroyed: not a heap, the default one, or destroyed before") \
  X(ROOT, "root structure overwritten")                                                 \
  X(SIZED, "wrong size given to a sized free")                                          \
  X(FREED_USED, "use of a freed block")
/* Found by the debug hooks, which bring the texts. */
#define DEBUG_CAUSES(X)                  \
  X(BAD_ID, "bad ID")                    \
  X(BAD_LEADING, "bad leading pad byte") \
  X(BAD_SIZE, "bad size field")          \
  X(BAD_TRAILING, "bad trailing pad byte")

#define CAUSE_NAME(name, text) CAUSE_##name,
enum cause { CAUSE_NONE, CAUSES(CAUSE_NAME) DEBUG_CAUSES(CAUSE_NAME) };

#endif
