/* The layout in records: what the custom section `pymalloc` holds (stats.c), and its copy in memory
 * (descriptor.c).  Who includes this defines RECORD(name, in, type, of, count, stride, value). */
#ifndef PYM_INSPECT_DESCRIPTOR_H
#define PYM_INSPECT_DESCRIPTOR_H

#include "core/chunk_layout.h"

#define TYPE_u8 1
#define TYPE_u16 2
#define TYPE_u32 3
#define TYPE_u64 4
#define TYPE_STRUCT 5
#define TYPE_u48 6
#define TYPE_addr (PYM__MEMORY64 ? TYPE_u64 : TYPE_u32)
#define TYPE_usize TYPE_addr
enum { IN_CONST, IN_SPACE, IN_HEAP, IN_DOMAIN, IN_EVENT, IN_SEGMENT, IN_POOL, IN_LIST };

#define CONSTANTS(X)                      \
  X(layout_version, LAYOUT_VERSION)       \
  X(debug, PYM_DEBUG)                     \
  X(page_bytes, PAGE_BYTES)               \
  X(pool_bytes, POOL_BYTES)               \
  X(arena_bytes, PYM_ARENA_BYTES)         \
  X(alignment, PYM_ALIGNMENT)             \
  X(small_max, PYM_SMALL_MAX)             \
  X(classes, CLASSES)                     \
  X(events, EVENTS)                       \
  X(leaf_pools, LEAF_POOLS)               \
  X(pool_header, POOL_HEADER)             \
  X(pool_room, POOL_ROOM)                 \
  X(link_max, PYM__LINK_MAX)              \
  X(segment_header, SEGMENT_BYTES)        \
  X(raw_header, CHUNK_HEADER)             \
  X(raw_flags, CHUNK_FLAGS)               \
  X(raw_in_use, CHUNK_IN_USE)             \
  X(raw_domain_shift, CHUNK_DOMAIN_SHIFT) \
  X(raw_cached_max, CACHED_CHUNK_MAX)     \
  X(space_bytes, sizeof(struct space))    \
  X(heap_bytes, sizeof(struct pym_heap))  \
  X(domain_bytes, sizeof(struct domain))  \
  X(event_bytes, sizeof(struct event))    \
  X(space_magic, SPACE_MAGIC)             \
  X(heap_magic, HEAP_MAGIC)               \
  X(memory64, PYM__MEMORY64)              \
  X(link_shift, LINK_SHIFT)

#define CONST_RECORD(n, v) RECORD(#n, IN_CONST, TYPE_u32, 0, 1, 0, v)
#define FIELD_RECORD(in, strukt, t, n, c) \
  RECORD(#n, in, TYPE_##t, 0, c, sizeof(t), offsetof(struct strukt, n))
#define SPACE_RECORD(t, n, c, what) FIELD_RECORD(IN_SPACE, space, t, n, c)
#define HEAP_RECORD(t, n, c, what) FIELD_RECORD(IN_HEAP, pym_heap, t, n, c)
#define DOMAIN_RECORD(t, n, c, what) FIELD_RECORD(IN_DOMAIN, domain, t, n, c)
#define EVENT_RECORD(t, n, c, what) FIELD_RECORD(IN_EVENT, event, t, n, c)
#define SEGMENT_RECORD(t, n, c, what) FIELD_RECORD(IN_SEGMENT, segment, t, n, c)
#define POOL_RECORD(t, n, c, what) FIELD_RECORD(IN_POOL, pym__pool, t, n, c)
#define HOT_RECORD(t, n, c, what) FIELD_RECORD(IN_HEAP, pym__hot, t, n, c)
#if PYM__MEMORY64
#define LIST_RECORDS                             \
  RECORD("block", IN_LIST, TYPE_u48, 0, 1, 8, 0) \
  RECORD("count", IN_LIST, TYPE_u16, 0, 1, 2, 6)
#define N_LIST_RECORDS 2
#else
#define LIST_RECORD(t, n, c, what) FIELD_RECORD(IN_LIST, list, t, n, c)
#define LIST_RECORDS LIST_FIELDS(LIST_RECORD)
#define N_LIST_RECORDS (0 LIST_FIELDS(COUNT))
#endif
#define STRUCT_RECORD(in, strukt, n, group_of, c, elem) \
  RECORD(#n, in, TYPE_STRUCT, group_of, c, sizeof(struct elem), offsetof(struct strukt, n))

#define RECORDS                                                                 \
  CONSTANTS(CONST_RECORD)                                                       \
  SPACE_FIELDS(SPACE_RECORD)                                                    \
  STRUCT_RECORD(IN_SPACE, space, events, IN_EVENT, EVENTS, event)               \
  HEAP_FIELDS(HEAP_RECORD)                                                      \
  STRUCT_RECORD(IN_HEAP, pym_heap, domains, IN_DOMAIN, PYM_DOMAINS + 1, domain) \
  DOMAIN_FIELDS(DOMAIN_RECORD)                                                  \
  EVENT_FIELDS(EVENT_RECORD)                                                    \
  SEGMENT_FIELDS(SEGMENT_RECORD)                                                \
  POOL_FIELDS(POOL_RECORD)                                                      \
  HOT_FIELDS(HOT_RECORD)                                                        \
  LIST_RECORDS                                                                  \
  STRUCT_RECORD(IN_HEAP, pym__hot, lists, IN_LIST, BY_DOMAIN, list)

#define COUNT(...) +1
enum {
  N_RECORDS = 0 CONSTANTS(COUNT) SPACE_FIELDS(COUNT) HEAP_FIELDS(COUNT) DOMAIN_FIELDS(COUNT)
                  EVENT_FIELDS(COUNT) SEGMENT_FIELDS(COUNT) POOL_FIELDS(COUNT) HOT_FIELDS(COUNT) +
              N_LIST_RECORDS + 3 /* events, domains, lists */
};

#endif
