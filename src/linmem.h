/* The port contract: linear memory, 64 KiB pages, only ever growing.  One file a target. */
#ifndef PYM_LINMEM_H
#define PYM_LINMEM_H

#include <stdint.h>

#if defined(__wasm__)
static inline void *at(uint32_t o) { return (void *)(uintptr_t)o; }
static inline uint32_t off(const void *p) { return (uint32_t)(uintptr_t)p; }
#else
/* A range of 4 GiB at a fixed address stands for linear memory, so offsets fit 32 bits and the
 * layout is that of wasm32.  Data segments are played by the bytes from LINMEM_DATA on. */
#define LINMEM_BASE 0x200000000000u
#define LINMEM_DATA 1024u
#define LINMEM_DATA_BYTES 23552u
static inline void *at(uint32_t o) { return (void *)(LINMEM_BASE + o); }
static inline uint32_t off(const void *p) { return (uint32_t)((uintptr_t)p - LINMEM_BASE); }
#endif

/* Size of linear memory now, in pages. */
uint32_t pym__linmem_pages(void);

/* Grow by n pages.  Returns the first new page, or 0 if refused.  Others grow memory too: two
 * results need not be adjacent. */
uint32_t pym__linmem_grow(uint32_t n);

/* The bytes below the present size that are ours to use: *from..*to, empty if from == to.
 * Called once, before the first growth. */
void pym__linmem_start(uint32_t *from, uint32_t *to);

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
