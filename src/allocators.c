/* Which allocators serve the domains, by the names that PYTHONMALLOC knows.  Programs that do not
 * ask for it do not link this.
 *
 * "malloc" is libc's where the program links one that is not this library, else raw memory for all
 * three domains: either way no pools.  Blocks that live already go back to where they came from. */
#include "raw.h"

/* libc's, if something in the program linked them; or this library's (malloc.c). */
void *malloc(size_t n) __attribute__((weak));
void *calloc(size_t count, size_t size) __attribute__((weak));
void *realloc(void *p, size_t n) __attribute__((weak));
void free(void *p) __attribute__((weak));
size_t malloc_usable_size(void *p) __attribute__((weak));
extern const char pym__is_malloc __attribute__((weak));

static unsigned domain_of(void *ctx) { return (unsigned)(uintptr_t)ctx; }

/* ---- libc's ---- */

static void *libc_malloc(void *ctx, size_t n) { return (void)ctx, malloc(n ? n : 1); }
static void *libc_calloc(void *ctx, size_t count, size_t size) {
  return (void)ctx, count && size ? calloc(count, size) : calloc(1, 1);
}
static void *libc_realloc(void *ctx, void *p, size_t n) {
  return p && pym_owns(p) ? pym__realloc_direct(&pym__main, domain_of(ctx), p, n)
                          : realloc(p, n ? n : 1);
}
static void libc_free(void *ctx, void *p) {
  if (p && pym_owns(p)) pym__free_direct(&pym__main, domain_of(ctx), p);
  else free(p);
}

static size_t libc_size(const void *p) { return malloc_usable_size((void *)(uintptr_t)p); }

/* ---- Raw memory ---- */

/* Domain of a block that was given to domain d. */
static unsigned home_of(unsigned d, const void *p) {
  return !class_of(off(p)) && pym__raw_domain(&pym__main, p) == PYM_RAW ? PYM_RAW : d;
}
static void *raw_malloc(void *ctx, size_t n) {
  pym__start();
  return (void)ctx, pym__malloc_direct(&pym__main, PYM_RAW, n);
}
static void *raw_calloc(void *ctx, size_t count, size_t size) {
  pym__start();
  return (void)ctx, pym__calloc_direct(&pym__main, PYM_RAW, count, size);
}
static void *raw_realloc(void *ctx, void *p, size_t n) {
  pym__start();
  return pym__realloc_direct(&pym__main, p ? home_of(domain_of(ctx), p) : PYM_RAW, p, n);
}
static void raw_free(void *ctx, void *p) {
  if (p) pym__free_direct(&pym__main, home_of(domain_of(ctx), p), p);
}

/* ---- The choice ---- */

static pym_allocator malloc_for(unsigned d) {
  void *ctx = (void *)(uintptr_t)d;
  if (malloc && calloc && realloc && free && malloc_usable_size && !&pym__is_malloc) {
    pym__libc_size = libc_size;
    return (pym_allocator){ctx, libc_malloc, libc_calloc, libc_realloc, libc_free};
  }
  if (d == PYM_RAW) return pym__base(d);
  return (pym_allocator){ctx, raw_malloc, raw_calloc, raw_realloc, raw_free};
}

static int same_text(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static const struct {
  const char *name;
  int from_malloc, debug;
} known[] = {{"default", 0, 0}, {"malloc", 1, 0},       {"pymalloc", 0, 0},
             {"debug", 0, 1},   {"malloc_debug", 1, 1}, {"pymalloc_debug", 0, 1}};
#define KNOWN (sizeof known / sizeof known[0])

int pym__allocators_use_nth(unsigned i) {
  if (i >= KNOWN) return -1;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    const pym_allocator a = known[i].from_malloc ? malloc_for(d) : pym__base(d);
    pym_allocator_set((enum pym_domain)d, &a);
  }
  return known[i].debug ? pym_debug_hooks() : 0;
}

int pym_allocators_use(const char *name) {
  unsigned i = 0;
  while (i < KNOWN && !same_text(name, known[i].name)) i++;
  return pym__allocators_use_nth(i);
}
