/* What others read: the structures in linear memory and the one list of their fields.
 *
 * Each X(type, name, count, what) below is a field of the C struct, a line of the custom section
 * `pymalloc` (src/stats.c) and so a property for JavaScript.  Append only; a change of meaning
 * raises LAYOUT_VERSION.  Offsets ("off") are from the start of linear memory, 0 is none. */
#ifndef PYM_LAYOUT_H
#define PYM_LAYOUT_H

#include <stdint.h>

#define LAYOUT_VERSION 2
#define CLASSES 64     /* size classes: 8, 16, .. 512 */
#define CLASS_SLOTS 65 /* arrays are indexed by size / 8; slot 0 holds nothing */
#define EVENTS 32      /* newest events kept */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum event_kind { EVENT_GROW = 1, EVENT_SOFT = 2, EVENT_HARD = 3, EVENT_OOM = 4 };

#define EVENT_FIELDS(X)                                                   \
  X(u32, seq, 1, "1, 2, ..: number of the event; slot is (seq - 1) % 32") \
  X(u16, kind, 1, "1 grow, 2 soft limit, 3 hard limit, 4 out of memory")  \
  X(u16, domain, 1, "0 raw, 1 mem, 2 object; 3: the whole heap's limit")  \
  X(u32, heap, 1, "id of the heap that asked")                            \
  X(u32, bytes, 1, "request that caused it")                              \
  X(u32, pages_before, 1, "linear memory before")                         \
  X(u32, pages_after, 1, "linear memory after")

/* The program's linear memory as this library owns it: one instance. */
#define SPACE_FIELDS(X)                                                                   \
  X(u32, magic, 1, "SPACE_MAGIC")                                                         \
  X(u32, version, 1, "LAYOUT_VERSION")                                                    \
  X(u32, first_heap, 1, "off: the default heap; others follow by its field next")         \
  X(u32, pool_map, 1, "off: one byte for each 4 KiB of memory: the class of the pool, 0") \
  X(u32, pool_map_len, 1, "4 KiB units that the map covers; there is no pool behind")     \
  X(u32, pages_memory, 1, "linear memory when last looked at")                            \
  X(u32, pages_owned, 1, "pages of which something is ours")                              \
  X(u32, heaps, 1, "heaps alive")                                                         \
  X(u32, event_seq, 1, "events ever written")                                             \
  X(u64, grows, 1, "growths that gave memory")                                            \
  X(u64, grow_failures, 1, "growths refused")                                             \
  X(u32, fault, 1, "what corruption was found (enum cause), 0: none")                     \
  X(u32, fault_at, 1, "off: where")

#define DOMAIN_FIELDS(X)                                                                    \
  X(u32, charged, 1, "usable bytes live, and the bytes of its blocks at hand (src/bins.c)") \
  X(u32, peak, 1, "highest live bytes seen; max(peak, live) is to be shown")                \
  X(u32, look_at, 1, "what charged has to pass for the next look at the peak")              \
  X(u32, soft, 1, "soft limit")                                                             \
  X(u32, hard, 1, "hard limit")                                                             \
  X(u32, gate, 1, "4 KiB units in which the fast path of free is open: all, or none")       \
  X(u64, raw_mallocs, 1, "blocks ever served by the raw allocator")                         \
  X(u64, raw_frees, 1, "")                                                                  \
  X(u64, raw_bytes, 1, "usable bytes ever served by the raw allocator")                     \
  X(u64, raw_freed, 1, "of them, bytes that came back")                                     \
  X(u64, failures, 1, "calls that returned NULL")

#define HEAP_FIELDS(X)                                                   \
  X(u64, mem_mallocs, CLASS_SLOTS, "blocks ever handed out, mem domain") \
  X(u64, mem_frees, CLASS_SLOTS, "blocks ever taken back, mem domain")   \
  X(u64, obj_mallocs, CLASS_SLOTS, "the same, object domain")            \
  X(u64, obj_frees, CLASS_SLOTS, "")                                     \
  X(u32, magic, 1, "HEAP_MAGIC while alive")                             \
  X(u32, id, 1, "1 is the default heap")                                 \
  X(u32, next, 1, "off: next heap")                                      \
  X(u32, soft, 1, "soft limit of the three domains together")            \
  X(u32, hard, 1, "hard limit of the three domains together")            \
  X(u32, segments, 1, "off: the segment added last")                     \
  X(u32, raw_segments, 1, "")                                            \
  X(u32, raw_bytes, 1, "bytes of all segments")                          \
  X(u32, raw_free, 1, "bytes of free chunks, headers in")                \
  X(u32, raw_chunks, 1, "blocks in use, pools not counted")              \
  X(u32, raw_hand, 1, "bytes of chunks at hand: freed, not joined yet")  \
  X(u32, pools_used, 1, "4 KiB pools in use")                            \
  X(u32, pools, CLASS_SLOTS, "pools held by a class")                    \
  X(u32, pools_peak, CLASS_SLOTS, "")                                    \
  X(u32, sampled, CLASS_SLOTS, "requests whose exact size was noted")    \
  X(u32, sampled_bytes, CLASS_SLOTS, "sum of those sizes: rounding loss is an estimate")

/* One pool: 4 KiB of equal blocks, a chunk of raw memory whose bytes begin at a multiple of 4096.
 * What comes last in it is the header of the next chunk.
 *
 *   base - 8   base          base + 32                     base + 4088
 *   | chunk's | struct pool | block | block | block | ... | next chunk's header |
 *
 * States: usable (in its class's ring: has a block to give), full (in no ring).  A pool that has
 * all its blocks back is raw memory again.  See src/pool.c. */
#define POOL_FIELDS(X)                                                                  \
  X(u32, next, 1, "off: next usable pool of the class, or the ring's head in the heap") \
  X(u32, prev, 1, "off: the one before; the ring closes")                               \
  X(u32, free, 1, "off: first free block, 0; they are linked through their first word") \
  X(u32, check, 1, "base ^ off of its heap ^ POOL_KEY")                                 \
  X(u32, source, 1, "off: heap whose raw memory it is")                                 \
  X(u16, used, 1, "blocks out: live or at hand")                                        \
  X(u16, cap, 1, "blocks the pool has room for")                                        \
  X(u16, size, 1, "block size")                                                         \
  X(u16, reserved, 1, "")                                                               \
  X(u32, reserved_2, 1, "")

/* A piece of linear memory that chunks fill, see src/raw.h. */
#define SEGMENT_FIELDS(X)                             \
  X(u32, next, 1, "off: next segment of the heap, 0") \
  X(u32, end, 1, "off: behind its last chunk's header, which has size 0")

#define DECLARE_FIELD(type, name, count, what) type name FIELD_COUNT_##count;
#define FIELD_COUNT_1
#define FIELD_COUNT_CLASS_SLOTS [CLASS_SLOTS]

struct event {
  EVENT_FIELDS(DECLARE_FIELD)
};
struct domain {
  DOMAIN_FIELDS(DECLARE_FIELD)
};

/* Blocks of one size class at hand for one domain, linked through their first words.  For their
 * pools they are out, for the limits they are charged. */
#define BIN_FIELDS(X)                                       \
  X(u32, free, 1, "off: the block to go out next, 0: none") \
  X(u32, out, 1, "blocks out of the pools: live or at hand")
struct bin {
  BIN_FIELDS(DECLARE_FIELD)
};
struct pool {
  POOL_FIELDS(DECLARE_FIELD)
};
struct segment {
  SEGMENT_FIELDS(DECLARE_FIELD)
};

_Static_assert(sizeof(struct event) == 24, "event");
_Static_assert(sizeof(struct domain) == 64, "no padding");
_Static_assert(sizeof(struct bin) == 8, "index in object.h");
_Static_assert(sizeof(struct pool) == 32, "as drawn");
_Static_assert(sizeof(struct segment) == 8, "chunks start 8 mod 16");

/* The custom section `pymalloc`: a header, then records, little-endian, no padding between.
 * Groups: 0 constants (value is the number), 1 space, 2 heap, 3 domain, 4 event, 5 segment, 6 pool,
 * 7 bin (value is the offset in the structure).  Types: 1 u8, 2 u16, 3 u32, 4 u64; 5: a structure,
 * whose group is `of`.  Arrays have count > 1 and elements `stride` bytes apart. */
struct descriptor_header {
  char magic[8]; /* "PYMALLOC", no NUL */
  u16 version;
  u16 record_bytes;
  u32 records;
};
struct descriptor_record {
  char name[24]; /* NUL-padded */
  u8 group, type, of, reserved;
  u16 count, stride;
  u32 value;
};
_Static_assert(sizeof(struct descriptor_header) == 16, "as documented");
_Static_assert(sizeof(struct descriptor_record) == 36, "as documented");

#endif
