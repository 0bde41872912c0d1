/* The port contract: linear memory, only ever growing, pages of 64 KiB.  One file a target. */
#ifndef PYM_PORTS_LINMEM_H
#define PYM_PORTS_LINMEM_H

#include "core/types.h"

#if defined(__wasm__)
static inline void *at(addr offset) { return (void *)(uintptr_t)offset; }
static inline addr off(const void *p) { return (addr)(uintptr_t)p; }
#else
/* A range of 4 GiB (16 for PYM__MEMORY64) at a fixed address stands for linear memory, so the
 * layout is that of wasm.  Data segments are played by the bytes from LINMEM_DATA on. */
#if !defined(PYM__NATIVE_BASE)
#define PYM__NATIVE_BASE                                                  \
  0x200000000000u /* another one under ThreadSanitizer, whose own that is \
                   */
#endif
#define LINMEM_BASE PYM__NATIVE_BASE
#define LINMEM_DATA 1024u
#define LINMEM_DATA_BYTES (PYM__MEMORY64 ? 65536u : 21440u)
static inline void *at(addr offset) { return (void *)(LINMEM_BASE + offset); }
static inline addr off(const void *p) { return (addr)((uintptr_t)p - LINMEM_BASE); }
#endif

/* Does the address have an offset?  Natively programs have addresses outside of linear memory, and
 * with 64 bits any program may come with one that no memory ever has. */
static inline int is_in_linmem(const void *p) {
#if PYM__MEMORY64
  return off(p) >> 34 == 0;
#else
  return at(off(p)) == p;
#endif
}

/* Size of linear memory now, in pages. */
uint32_t pym__linmem_pages(void);

/* Where memory that we take next begins, if nobody else takes some before; 0 at 4 GiB, where
 * offsets have 32 bits. */
addr pym__linmem_end(void);

/* Bytes up to the end of the page that the next memory begins in: they cost no growth. */
usize pym__linmem_rest(void);

/* Take those and n pages.  Returns the offset where the memory begins, a multiple of 16 above all
 * that was taken before; 0 if refused, and then nothing was taken.  *to is where it ends: 0 at 4
 * GiB, where offsets have 32 bits. Others take memory too: it need not begin where ours ended. */
addr pym__linmem_grow(uint32_t n, addr *to);

/* Pages to take beyond what is needed, when so many are ours. */
uint32_t pym__linmem_margin(uint32_t owned);

/* The bytes below the present size that are ours to use: *from..*to, empty if from == to; fewer
 * than START_LEAST are not worth a segment.  Called once, before the first growth. */
#define START_LEAST 256u
void pym__linmem_start(addr *from, addr *to);

/* The margin where memory.grow is what a growth costs: engines take longer to grow a large memory
 * (V8 about 0.6 ms from some 30 MiB on, whatever the step). */
static inline uint32_t margin_of_grow(uint32_t owned) {
  const uint32_t part = owned < 128 ? 64 : owned < 512 ? 32 : 16, extra = owned / part;
  return extra < 512 ? extra : 512;
}

/* ---- test controls ---- */
#if !defined(__wasm__)
void pym__linmem_reset(uint32_t initial_pages, uint32_t max_pages); /* all state forgotten */
void pym__linmem_foreign(uint32_t every, uint32_t pages); /* others grow before ours; 0: off */
int pym__linmem_foreign_intact(void);
#endif
#if defined(PYM_TESTS) || !defined(__wasm__)
/* Refuse the k-th growth from now (0: the next), once or for good; k < 0: off. */
void pym__linmem_fail_after(int64_t k, int forever);
uint64_t pym__linmem_growths(void); /* asked for so far */
void pym__reset(void);              /* forget every heap and page; memory taken stays taken */
#endif

#endif
