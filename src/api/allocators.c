/* Which allocators serve the domains, by the names that PYTHONMALLOC knows.  Programs that do not
 * ask for it do not link this.
 *
 * "malloc" is libc's where the program links one that is not this library, else raw memory for all
 * three domains: either way no pools.  Blocks that live already go back to where they came from. */
#include "api/allocators.h"

#include "core/chunk.h"
#include "core/domain.h"
#include "core/object.h"
#include "core/space.h"

/* libc's, if something in the program linked them; or this library's (malloc.c). */
void *malloc(size_t bytes) __attribute__((weak));
void *calloc(size_t count, size_t size) __attribute__((weak));
void *realloc(void *block, size_t bytes) __attribute__((weak));
void free(void *block) __attribute__((weak));
size_t malloc_usable_size(void *block) __attribute__((weak));
extern const char pym__is_malloc __attribute__((weak));

static unsigned domain_of(void *ctx) { return (unsigned)(uintptr_t)ctx; }

/* ---- libc's ---- */

static void *libc_malloc(void *ctx, size_t bytes) { return (void)ctx, malloc(bytes ? bytes : 1); }
static void *libc_calloc(void *ctx, size_t count, size_t size) {
  return (void)ctx, count && size ? calloc(count, size) : calloc(1, 1);
}
static void *libc_realloc(void *ctx, void *block, size_t bytes) {
  return block && pym_owns(block) ? pym__realloc_direct(&pym__main, domain_of(ctx), block, bytes)
                                  : realloc(block, bytes ? bytes : 1);
}
static void libc_free(void *ctx, void *block) {
  if (block && pym_owns(block)) pym__free_direct(&pym__main, domain_of(ctx), block);
  else free(block);
}

static size_t libc_size(const void *block) { return malloc_usable_size((void *)(uintptr_t)block); }

/* ---- Raw memory ---- */

/* Domain of a block that was given to domain d. */
static unsigned home_of(unsigned domain, const void *block) {
  return !class_of(off(block)) && pym__raw_domain(&pym__main, block) == PYM_RAW ? PYM_RAW : domain;
}
static void *raw_malloc(void *ctx, size_t bytes) {
  pym__start();
  return (void)ctx, pym__malloc_direct(&pym__main, PYM_RAW, bytes);
}
static void *raw_calloc(void *ctx, size_t count, size_t size) {
  pym__start();
  return (void)ctx, pym__calloc_direct(&pym__main, PYM_RAW, count, size);
}
static void *raw_realloc(void *ctx, void *block, size_t bytes) {
  pym__start();
  LOCKED();
  return pym__realloc_direct(&pym__main, block ? home_of(domain_of(ctx), block) : PYM_RAW, block,
                             bytes);
}
static void raw_free(void *ctx, void *block) {
  LOCKED();
  if (block) pym__free_direct(&pym__main, home_of(domain_of(ctx), block), block);
}

/* ---- The choice ---- */

static pym_allocator malloc_for(unsigned domain) {
  void *ctx = (void *)(uintptr_t)domain;
  if (malloc && calloc && realloc && free && malloc_usable_size && !&pym__is_malloc) {
    pym__libc_size = libc_size;
    return (pym_allocator){ctx, libc_malloc, libc_calloc, libc_realloc, libc_free};
  }
  if (domain == PYM_RAW) return pym__base(domain);
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
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    const pym_allocator a = known[i].from_malloc ? malloc_for(domain) : pym__base(domain);
    pym_allocator_set((enum pym_domain)domain, &a);
  }
  return known[i].debug ? pym_debug_hooks() : 0;
}

int pym_allocators_use(const char *name) {
  unsigned i = 0;
  while (i < KNOWN && !same_text(name, known[i].name)) i++;
  return pym__allocators_use_nth(i);
}
