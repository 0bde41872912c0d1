/* A block of the debug hooks, for debug_hooks.c, which makes it, and debug_report.c, which looks at
 * it.
 *
 *   base    p-12    p-8     p-4 p-3        p                  p+n           base+total
 *   | copy  | call  | size  | id | FD FD FD | CD CD CD ... CD | FD FD FD FD | rest |
 *
 * From p - 8 on it is CPython's on wasm32.  What lies before is not: without it data would be 8
 * bytes off the 16-byte alignment below, the size would have nothing that it can be held against,
 * and the allocator below would write its links of free memory over the marks of a freed block.
 *
 * copy   size ^ a word made of p: tells a damaged size from a damaged pad
 * call   number of the malloc or realloc that made the block
 * size   bytes asked for, big-endian, as is easy to read in a dump
 * id     'r', 'm' or 'o': the domain
 * rest   up to 15 bytes: the allocator below is asked for multiples of 16 */
#ifndef PYM_DEBUG_DEBUG_BLOCK_H
#define PYM_DEBUG_DEBUG_BLOCK_H

#include "core/base.h"

#define DEBUG_HEAD 16u
#define DEBUG_WORD 4u /* CPython's S; natively too, since no size is above PYM_SIZE_MAX */
#define DEBUG_TAIL DEBUG_WORD
#define CLEANBYTE 0xcd
#define DEADBYTE 0xdd
#define FORBIDDENBYTE 0xfd
#define DEBUG_SIZE_MAX (PYM_SIZE_MAX - (DEBUG_HEAD + DEBUG_TAIL + 15))
_Static_assert(DEBUG_HEAD % PYM_RAW_ALIGNMENT == 0, "data is aligned as what is below");
#if defined(__wasm__)
_Static_assert(sizeof(size_t) == DEBUG_WORD, "CPython's layout");
#endif

static inline u32 debug_total(u32 n) { return (DEBUG_HEAD + n + DEBUG_TAIL + 15) & ~(u32)15; }

static inline u32 debug_size_field(const u8 *p) {
  return (u32)p[-8] << 24 | (u32)p[-7] << 16 | (u32)p[-6] << 8 | (u32)p[-5];
}
static inline u32 debug_word(const u8 *from) {
  u32 v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
static inline u32 debug_key(const u8 *p) { return (u32)(uintptr_t)p ^ 0x6f6b5a5au; }
static inline u32 debug_copy(const u8 *p) { return debug_word(p - 16) ^ debug_key(p); }
static inline u32 debug_call(const u8 *p) { return debug_word(p - 12); }

static inline char debug_id(unsigned domain) { return "rmo"[domain]; }

#endif
