/* What others read: the structures in linear memory and the one list of their fields.
 *
 * Each X(type, name, count, what) below is a field of the C struct, a line of the custom section
 * `pymalloc` (src/stats.c) and so a property for JavaScript.  Append only; a change of meaning
 * raises LAYOUT_VERSION.  Offsets ("off") are from the start of linear memory, 0 is none. */
#ifndef PYM_LAYOUT_H
#define PYM_LAYOUT_H

#include <stdint.h>

#define LAYOUT_VERSION 1
#define CLASSES 64     /* size classes: 8, 16, .. 512 */
#define CLASS_SLOTS 65 /* arrays are indexed by size / 8; slot 0 holds nothing */
#define EVENTS 32      /* newest events kept */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* What a 64 KiB page is.  An entry of the page table is one of the first four, or, for a page of
 * pools, the offset of the descriptors of its pools (struct pool [16]; never below 16). */
enum page_kind { PAGE_FOREIGN = 0, PAGE_FREE = 1, PAGE_RAW = 2, PAGE_TABLE = 3, PAGE_POOL = 4 };

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
#define SPACE_FIELDS(X)                                                           \
  X(u32, magic, 1, "SPACE_MAGIC")                                                 \
  X(u32, version, 1, "LAYOUT_VERSION")                                            \
  X(u32, first_heap, 1, "off: the default heap; others follow by its field next") \
  X(u32, page_table, 1, "off: one u32 a page: kind, or off of its 16 pools")      \
  X(u32, page_table_len, 1, "entries")                                            \
  X(u32, pages_memory, 1, "linear memory when last looked at")                    \
  X(u32, pages_owned, 1, "pages that are not foreign")                            \
  X(u32, pages_owned_peak, 1, "")                                                 \
  X(u32, pages_free, 1, "pages in the page pool")                                 \
  X(u32, pages_pool, 1, "pages that hold pools")                                  \
  X(u32, pages_raw, 1, "pages of raw segments")                                   \
  X(u32, heaps, 1, "heaps alive")                                                 \
  X(u32, event_seq, 1, "events ever written")                                     \
  X(u64, grows, 1, "growths that gave memory")                                    \
  X(u64, grow_failures, 1, "growths refused")

#define DOMAIN_FIELDS(X)                                                                    \
  X(u32, charged, 1, "usable bytes live, and the bytes of its blocks at hand (src/bins.c)") \
  X(u32, peak, 1, "highest live bytes seen; max(peak, live) is to be shown")                \
  X(u32, soft, 1, "soft limit")                                                             \
  X(u32, hard, 1, "hard limit")                                                             \
  X(u32, gate, 1, "entries of the page table above it take the fast path of free")          \
  X(u32, raw_live, 1, "of charged, what the raw allocator served: all of it lives")         \
  X(u64, raw_mallocs, 1, "blocks ever served by the raw allocator")                         \
  X(u64, raw_frees, 1, "")                                                                  \
  X(u64, raw_bytes, 1, "usable bytes ever served by the raw allocator")                     \
  X(u64, failures, 1, "calls that returned NULL")

#define HEAP_FIELDS(X)                                                          \
  X(u64, mem_mallocs, CLASS_SLOTS, "blocks ever handed out, mem domain")        \
  X(u64, mem_frees, CLASS_SLOTS, "blocks ever taken back, mem domain")          \
  X(u64, obj_mallocs, CLASS_SLOTS, "the same, object domain")                   \
  X(u64, obj_frees, CLASS_SLOTS, "")                                            \
  X(u32, magic, 1, "HEAP_MAGIC while alive")                                    \
  X(u32, id, 1, "1 is the default heap")                                        \
  X(u32, next, 1, "off: next heap")                                             \
  X(u32, soft, 1, "soft limit of the three domains together")                   \
  X(u32, hard, 1, "hard limit of the three domains together")                   \
  X(u32, pool_pages, 1, "64 KiB pages that hold pools")                         \
  X(u32, arenas, 1, "256 KiB windows with a pool page, and arenas from a hook") \
  X(u32, arenas_peak, 1, "")                                                    \
  X(u64, arenas_total, 1, "arenas ever opened")                                 \
  X(u32, pools_used, 1, "4 KiB pools in use")                                   \
  X(u32, raw_segments, 1, "")                                                   \
  X(u32, raw_bytes, 1, "bytes of all raw segments")                             \
  X(u32, raw_free, 1, "bytes of free raw chunks, headers in")                   \
  X(u32, raw_chunks, 1, "raw chunks in use")                                    \
  X(u32, pools, CLASS_SLOTS, "pools held by a class")                           \
  X(u32, pools_peak, CLASS_SLOTS, "")                                           \
  X(u32, sampled, CLASS_SLOTS, "requests whose exact size was noted")           \
  X(u32, sampled_bytes, CLASS_SLOTS, "sum of those sizes: rounding loss is an estimate")

/* Descriptor of one pool: a 4 KiB-aligned 4 KiB of equal blocks.  The sixteen of a page lie side by
 * side, away from the blocks: a block that is overrun cannot reach them, and descriptors in use
 * together do not fall on one cache set, as headers at every 4096th byte would.
 *
 *   page table [o >> 16] --> | struct page | pool 0 | pool 1 | ... | pool 15 |
 *                            -40           0        32               480
 *
 * States: usable (in its class's ring, has blocks to give), full (in no ring), unused (in no
 * class; nothing in the descriptor means anything).  See src/pool.c for the transitions. */
enum pool_state { POOL_UNUSED = 0, POOL_USABLE = 1, POOL_FULL = 2 };
#define POOL_FIELDS(X)                                                                       \
  X(u32, free, 1, "off: first block given back; blocks are linked through their first word") \
  X(u16, until, 1, "frees until something must be done: usable: blocks out; full: 1")        \
  X(u16, size, 1, "block size")                                                              \
  X(u16, cap, 1, "blocks the pool has room for")                                             \
  X(u16, carved, 1, "blocks ever given out; memory behind them is untouched")                \
  X(u16, state, 1, "enum pool_state")                                                        \
  X(u16, index, 1, "place in its page, 0..15")                                               \
  X(u32, next, 1, "off: descriptor of the next usable pool; meaningless while full")         \
  X(u32, prev, 1, "off: the one before; the ring closes")                                    \
  X(u32, heap, 1, "off: heap that owns it")                                                  \
  X(u32, base, 1, "off: its first block")

/* What holds for a 64 KiB page of pools: 40 bytes before the descriptors of its pools. */
#define PAGE_FIELDS(X)                                                                      \
  X(u32, heap, 1, "off: heap that owns it")                                                 \
  X(u32, unused, 1, "bit i: pool i is in no class")                                         \
  X(u32, next, 1, "off: next page in the list of its fullness; meaningless if unused is 0") \
  X(u32, prev, 1, "")                                                                       \
  X(u32, all_next, 1, "off: next pool page of the heap")                                    \
  X(u32, all_prev, 1, "")                                                                   \
  X(u32, hook, 1, "off: record of the arena hook's arena it belongs to; 0: page pool")      \
  X(u32, number, 1, "page number: offset / 65536")                                          \
  X(u32, magic, 1, "PAGE_MAGIC")                                                            \
  X(u32, reserved, 1, "")

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
struct page {
  PAGE_FIELDS(DECLARE_FIELD)
};

_Static_assert(sizeof(struct event) == 24, "event");
_Static_assert(sizeof(struct bin) == 8, "index in object.h");
_Static_assert(sizeof(struct pool) == 32, "POOL_SHIFT in internal.h");
_Static_assert(sizeof(struct page) == 40, "as drawn");

/* The custom section `pymalloc`: a header, then records, little-endian, no padding between.
 * Groups: 0 constants (value is the number), 1 space, 2 heap, 3 domain, 4 event, 5 page, 6 pool,
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
