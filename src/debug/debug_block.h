/* A block of the debug hooks, for debug_hooks.c, which makes it, and debug_report.c, which looks at
 * it.
 *
 *   base    p-3S    p-2S    p-S p-S+1      p                  p+n           base+total
 *   | copy  | call  | size  | id | FD FD FD | CD CD CD ... CD | FD FD FD FD | rest |
 *
 * S is the size of a size_t: 4, or 8 with 64-bit addresses.  From p - 2S on it is CPython's.  What
 * lies before is not: without it data would be 8
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

#define DEBUG_WORD ((u32)sizeof(usize)) /* S; natively that of the memory */
#define DEBUG_HEAD (4 * DEBUG_WORD)
#define DEBUG_PADS (DEBUG_WORD - 1)
#define DEBUG_TAIL DEBUG_WORD
#define CLEANBYTE 0xcd
#define DEADBYTE 0xdd
#define FORBIDDENBYTE 0xfd
#define DEBUG_SIZE_MAX (PYM_SIZE_MAX - (DEBUG_HEAD + DEBUG_TAIL + 15))
_Static_assert(DEBUG_HEAD % PYM_RAW_ALIGNMENT == 0, "data is aligned as what is below");
#if defined(__wasm__)
_Static_assert(sizeof(size_t) == DEBUG_WORD, "CPython's layout");
#endif

static inline usize debug_total(usize n) { return (DEBUG_HEAD + n + DEBUG_TAIL + 15) & ~(usize)15; }

static inline usize debug_size_field(const u8 *p) {
  usize v = 0;
  for (u32 i = 0; i < DEBUG_WORD; i++) v = v << 8 | p[(int)i - 2 * (int)DEBUG_WORD];
  return v;
}
static inline usize debug_word(const u8 *from) {
  usize v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
static inline usize debug_key(const u8 *p) { return (usize)(uintptr_t)p ^ 0x6f6b5a5au; }
static inline usize debug_copy(const u8 *p) { return debug_word(p - DEBUG_HEAD) ^ debug_key(p); }
static inline usize debug_call(const u8 *p) { return debug_word(p - 3 * DEBUG_WORD); }
static inline u8 *debug_id_at(const u8 *p) { return (u8 *)(uintptr_t)(p - DEBUG_WORD); }

static inline char debug_id(unsigned domain) { return "rmo"[domain]; }

#endif
