/* What others read: the structures in linear memory and the one list of their fields.
 *
 * Each X(type, name, count, what) below is a field of the C struct, a line of the custom section
 * `pymalloc` (src/inspect/stats.c) and so a property for JavaScript.  Append only; a change of
 * meaning raises LAYOUT_VERSION.  Offsets ("off") are from the start of linear memory, 0 is none.
 */
#ifndef PYM_CORE_LAYOUT_H
#define PYM_CORE_LAYOUT_H

#include "core/base.h"
#include "fast.h"

#define LAYOUT_VERSION 3
#define CLASSES 64                   /* size classes: 8, 16, .. 512 */
#define CLASS_SLOTS PYM__CLASS_SLOTS /* arrays are indexed by size / 8; slot 0 holds nothing */
#define BY_DOMAIN (2 * CLASS_SLOTS)  /* arrays for mem, then for object */
#define LEAVES PYM__LEAVES           /* of the pool table */
#define LEAF_POOLS 1024              /* entries of one: 4 MiB of memory */
#define EVENTS 64                    /* newest events kept */

/* 5, 6: the callback was called before a request fails, which is tried again after it. */
enum event_kind {
  EVENT_GROW = 1,
  EVENT_SOFT = 2,
  EVENT_HARD = 3,
  EVENT_OOM = 4,
  EVENT_HARD_ASKED = 5,
  EVENT_OOM_ASKED = 6
};

#define EVENT_FIELDS(X)                                                                           \
  X(u32, seq, 1, "1, 2, ..: number of the event; slot is (seq - 1) % 64")                         \
  X(u16, kind, 1, "1 grow, 2 soft limit, 3 hard limit, 4 out of memory, 5, 6: asked before 3, 4") \
  X(u16, domain, 1, "0 raw, 1 mem, 2 object; a limit of: 3 the heap, 5 all heaps")                \
  X(u32, heap, 1, "id of the heap that asked")                                                    \
  X(usize, bytes, 1, "request that caused it")                                                    \
  X(u32, pages_before, 1, "linear memory before")                                                 \
  X(u32, pages_after, 1, "linear memory after")

/* The program's linear memory as this library owns it: one instance. */
#define SPACE_FIELDS(X)                                                                  \
  X(addr, leaves, LEAVES, "off: pool table, one leaf of 1024 entries for each 4 MiB, 0") \
  X(u32, magic, 1, "SPACE_MAGIC")                                                        \
  X(u32, version, 1, "LAYOUT_VERSION")                                                   \
  X(addr, first_heap, 1, "off: the default heap; others follow by its field next")       \
  X(u32, raw_key, 1, "of chunk headers, see src/core/chunk_layout.h")                    \
  X(u64, link_key, 1, "of free blocks: word ^ link_key is the low half of the next one") \
  X(u32, pages_memory, 1, "linear memory when last looked at")                           \
  X(u32, pages_owned, 1, "pages of which something is ours")                             \
  X(u32, heaps, 1, "heaps alive")                                                        \
  X(u32, event_seq, 1, "events ever written")                                            \
  X(u64, grows, 1, "growths that gave memory")                                           \
  X(u64, grow_failures, 1, "growths refused")                                            \
  X(u32, fault, 1, "what corruption was found (enum cause), 0: none")                    \
  X(addr, fault_at, 1, "off: where")                                                     \
  X(usize, soft, 1, "soft limit of all heaps together")                                  \
  X(usize, hard, 1, "hard limit of all heaps together")                                  \
  X(u32, threads, 1, "threads that have a heap for malloc; 0 in an archive for one thread")

#define DOMAIN_FIELDS(X)                                                                 \
  X(usize, charged, 1, "usable bytes live or in its lists, or more; exact near a limit") \
  X(usize, peak, 1, "highest live bytes seen; max(peak, live) is to be shown")           \
  X(usize, look_at, 1, "what charged has to pass for the next look at the peak")         \
  X(usize, soft, 1, "soft limit")                                                        \
  X(usize, hard, 1, "hard limit")                                                        \
  X(usize, own_look_at, 1, "the same for its own peak; look_at is for the heap's too")   \
  X(u64, raw_mallocs, 1, "blocks ever served by the raw allocator")                      \
  X(u64, raw_frees, 1, "")                                                               \
  X(u64, raw_bytes, 1, "usable bytes ever served by the raw allocator")                  \
  X(u64, raw_freed, 1, "of them, bytes that came back")                                  \
  X(u64, failures, 1, "calls that returned NULL")                                        \
  X(u32, raw_at_peak, 1, "blocks of the raw allocator at the heap's peak")               \
  X(usize, raw_bytes_at_peak, 1, "their usable bytes")

/* Of the struct pym__hot that begins a heap (fast.h). */
#define HOT_FIELDS(X)                                            \
  X(u64, frees, BY_DOMAIN, "blocks ever freed into their pools") \
  X(u64, reused, BY_DOMAIN, "blocks ever freed into a list, not counted in frees and filled")

#define HEAP_FIELDS(X)                                                                            \
  X(u64, filled, BY_DOMAIN, "blocks moved from a pool to a list; less frees and its count: live") \
  X(u32, magic, 1, "HEAP_MAGIC while alive")                                                      \
  X(u32, id, 1, "1 is the default heap")                                                          \
  X(addr, next, 1, "off: next heap")                                                              \
  X(usize, soft, 1, "soft limit of the three domains together")                                   \
  X(usize, hard, 1, "hard limit of the three domains together")                                   \
  X(addr, segments, 1, "off: the segment added last")                                             \
  X(u32, raw_segments, 1, "")                                                                     \
  X(usize, raw_bytes, 1, "bytes of all segments")                                                 \
  X(usize, raw_free, 1, "bytes of free chunks, headers in")                                       \
  X(usize, raw_cached, 1, "bytes of cached chunks: freed, not joined yet")                        \
  X(u32, pools_used, 1, "4 KiB pools in use")                                                     \
  X(u32, pools, CLASS_SLOTS, "pools held by a class")                                             \
  X(u32, pools_peak, CLASS_SLOTS, "")                                                             \
  X(u64, sampled, CLASS_SLOTS, "requests whose exact size was noted")                             \
  X(u64, sampled_bytes, CLASS_SLOTS, "sum of those sizes: rounding loss is an estimate")          \
  X(u32, current, BY_DOMAIN, "4 KiB unit of the pool that the list was taken from, 0")            \
  X(u32, usable, CLASS_SLOTS, "4 KiB unit of the first pool with free blocks, 0")                 \
  X(usize, peak, 1, "highest live bytes of the three domains together that were seen")            \
  X(u32, reserved, 1, "")                                                                         \
  X(u64, peak_most, 1, "what they cannot have been above")                                        \
  X(u32, at_peak, BY_DOMAIN, "live blocks of each class then")

/* One pool: 4 KiB of equal blocks, a chunk of raw memory whose bytes begin at a multiple of 4096,
 * the pool's base.  Nothing that the allocator relies on lies in it: its state is an entry of the
 * pool table (struct pym__pool, fast.h).
 *
 *   base - 8   base          base + 16                              base + 4088
 *   | chunk's | pool_header | block | block | block | ...          | next chunk's header |
 *
 * See pool.c for its states. */
#define POOL_FIELDS(X)                                                             \
  X(u16, free, 1, "low half of the first free block's address; of the base: none") \
  X(u16, left, 1, "blocks not in its own list; if that is empty: all")             \
  X(u16, size, 1, "block size, 0: no pool")                                        \
  X(u16, heap, 1, "low half of the heap's id")
struct pool_header {
  u32 next, prev; /* units of pools of the class that have free blocks; next 0: none; prev of the
                     first pool: no meaning */
  u32 check;      /* made of the entry's size and heap, next, the place and the key */
  u32 reserved;
};

/* A piece of linear memory that chunks fill, see chunk_layout.h. */
#define SEGMENT_FIELDS(X)                                                  \
  X(addr, next, 1, "off: next segment of the heap, 0")                     \
  X(addr, end, 1, "off: behind its last chunk's header, which has size 0") \
  X(addr, prev, 1, "off: the segment before, 0")                           \
  X(u32, check, 1, "tells a segment from a user's bytes")                  \
  X(u64, reserved, 1, "chunks begin at 8 mod 16")

#define DECLARE_FIELD(type, name, count, what) type name FIELD_COUNT_##count;
#define FIELD_COUNT_1
#define FIELD_COUNT_CLASS_SLOTS [CLASS_SLOTS]
#define FIELD_COUNT_BY_DOMAIN [2][CLASS_SLOTS]
#define FIELD_COUNT_LEAVES [LEAVES]

struct event {
  EVENT_FIELDS(DECLARE_FIELD)
};
struct domain {
  DOMAIN_FIELDS(DECLARE_FIELD)
};
struct segment {
  SEGMENT_FIELDS(DECLARE_FIELD)
};

/* A list that the fast path allocates from: an element of pym__hot.lists.  Offsets of 64 bits are
 * below 2^48. */
#if PYM__MEMORY64
struct list {
  u64 block : 48; /* off: the block to go out next */
  u64 count : 16; /* blocks in the list */
};
#else
#define LIST_FIELDS(X)                              \
  X(u32, block, 1, "off: the block to go out next") \
  X(u32, count, 1, "blocks in the list")
struct list {
  LIST_FIELDS(DECLARE_FIELD)
};
_Static_assert(sizeof(struct event) == 24, "event");
_Static_assert(sizeof(struct domain) == 72, "no padding");
#endif

_Static_assert(sizeof(struct list) == sizeof(u64), "an element of pym__hot.lists");
_Static_assert(sizeof(struct pym__pool) == 8 &&
                   LEAF_POOLS * 4096ull * LEAVES == (u64)MAX_PAGES * PAGE_BYTES,
               "index in fast.h");
_Static_assert(sizeof(struct segment) % 16 == 8, "chunks start 8 mod 16");

/* The custom section `pymalloc`: a header, then records, little-endian, no padding between.
 * Groups: 0 constants (value is the number), 1 space, 2 heap, 3 domain, 4 event, 5 segment, 6 pool,
 * 7 list (value is the offset in the structure).  Types: 1 u8, 2 u16, 3 u32, 4 u64; 5: a structure,
 * whose group is `of`; 6: the low 48 bits of a u64.  Arrays have count > 1 and elements `stride`
 * bytes apart. */
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
