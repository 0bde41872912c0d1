#include "quickjs.h"

#include "object.h"

/* As quickjs.h has it; the functions keep the first two. */
struct JSMallocState {
  size_t malloc_count, malloc_size, malloc_limit;
  void *opaque;
};

void *pym_quickjs_malloc(struct JSMallocState *s, size_t n) {
  pym_heap *h = s->opaque;
  if (UNLIKELY(s->malloc_size + n > s->malloc_limit)) return NULL;
  void *p = h ? pym_heap_malloc(h, PYM_OBJ, n) : pym_obj_malloc(n);
  if (UNLIKELY(!p)) return NULL;
  s->malloc_count++;
  s->malloc_size += pym_usable_size(p);
  return p;
}

void pym_quickjs_free(struct JSMallocState *s, void *p) {
  pym_heap *h = s->opaque;
  if (!p) return;
  s->malloc_count--;
  s->malloc_size -= pym_usable_size(p);
  if (h) pym_heap_free(h, PYM_OBJ, p);
  else pym_obj_free(p);
}

/* Of 0 bytes it frees: QuickJS's own does. */
void *pym_quickjs_realloc(struct JSMallocState *s, void *p, size_t n) {
  pym_heap *h = s->opaque;
  if (!p) return n ? pym_quickjs_malloc(s, n) : NULL;
  if (!n) {
    pym_quickjs_free(s, p);
    return NULL;
  }
  size_t old = pym_usable_size(p);
  if (UNLIKELY(s->malloc_size + n - old > s->malloc_limit)) return NULL;
  void *q = h ? pym_heap_realloc(h, PYM_OBJ, p, n) : pym_obj_realloc(p, n);
  if (UNLIKELY(!q)) return NULL;
  s->malloc_size += pym_usable_size(q) - old;
  return q;
}

size_t pym_quickjs_usable_size(const void *p) { return pym_usable_size(p); }
