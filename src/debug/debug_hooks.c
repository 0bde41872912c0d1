/* The debug hooks: CPython's, over whatever serves a domain.  Programs that do not call
 * pym_debug_hooks do not link this.
 *
 *   pym_obj_malloc  ->  debug_malloc  ->  another hook, or the domain itself
 *                       a layer a domain, debug_block.h has the block
 *
 * Freed blocks are filled with DEADBYTE; the last small ones are held back for a while, so that a
 * write to one of them is noticed and a second free finds it as it was left.  For the allocator
 * below they live meanwhile; where a limit was set none is held back. */
#include "core/state.h"
#include "debug/debug_block.h"
#include "debug/debug_report.h"

/* The hooks over one allocator.  A layer is used again when the same allocator is below. */
struct layer {
  pym_allocator below;
  unsigned domain;
  int used;
};
#define LAYERS 16u

#define QUARANTINE_BLOCKS 64u
#define QUARANTINE_BYTES_MAX 1024u /* bytes of a block */
struct quarantine {
  u8 *base; /* NULL: none */
  usize total;
  const struct layer *from;
};

/* Bytes at either end of a block that are dead while it is resized. */
#define ERASED 64u

static struct layer layers[LAYERS];
static struct quarantine quarantine[QUARANTINE_BLOCKS];
static unsigned quarantine_next;
static usize calls;

/* ---- Blocks that are held back ---- */

static int is_quarantined(const u8 *p) {
  for (unsigned i = 0; i < QUARANTINE_BLOCKS; i++)
    if (quarantine[i].base == p - DEBUG_HEAD) return 1;
  return 0;
}

static int quarantine_evict(struct quarantine *slot) {
  const struct quarantine gone = *slot;
  if (!gone.base) return 0;
  slot->base = NULL;
  for (usize i = 0; i < gone.total; i++)
    if (gone.base[i] != DEADBYTE) pym__debug_written(gone.from->domain, gone.base, gone.total, i);
  gone.from->below.free(gone.from->below.ctx, gone.base);
  return 1;
}

static int quarantine_flush(void) {
  int any = 0;
  for (unsigned i = 0; i < QUARANTINE_BLOCKS; i++) any |= quarantine_evict(&quarantine[i]);
  return any;
}

static void quarantine_push(const struct layer *l, u8 *base, usize total) {
  struct quarantine *slot = &quarantine[quarantine_next];
  if (pym__limits) quarantine_flush();
  if (pym__limits || total > QUARANTINE_BYTES_MAX) {
    l->below.free(l->below.ctx, base);
    return;
  }
  quarantine_evict(slot);
  *slot = (struct quarantine){base, total, l};
  quarantine_next = (quarantine_next + 1) % QUARANTINE_BLOCKS;
}

/* ---- The four functions ---- */

static void write_marks(const struct layer *l, u8 *p, usize n, usize call) {
  const usize copy = n ^ debug_key(p);
  __builtin_memcpy(p - DEBUG_HEAD, &copy, sizeof copy);
  __builtin_memcpy(p - 3 * DEBUG_WORD, &call, sizeof call);
  for (u32 i = 0; i < DEBUG_WORD; i++)
    *(p - 2 * DEBUG_WORD + i) = (u8)(n >> (8 * (DEBUG_WORD - 1 - i)));
  *debug_id_at(p) = (u8)debug_id(l->domain);
  __builtin_memset(p - DEBUG_PADS, FORBIDDENBYTE, DEBUG_PADS);
  __builtin_memset(p + n, FORBIDDENBYTE, DEBUG_TAIL);
}

static void *make(const struct layer *l, size_t bytes, int zeroed) {
  const pym_allocator *b = &l->below;
  u8 *base;
  if (bytes > DEBUG_SIZE_MAX) return NULL;
  const usize total = debug_total((usize)bytes);
  do base = zeroed ? b->calloc(b->ctx, 1, total) : b->malloc(b->ctx, total);
  while (!base && quarantine_flush());
  if (!base) return NULL;
  u8 *p = base + DEBUG_HEAD;
  write_marks(l, p, (usize)bytes, ++calls);
  if (!zeroed) __builtin_memset(p, CLEANBYTE, bytes);
  return p;
}

static void *debug_malloc(void *ctx, size_t bytes) {
  LOCKED();
  return make(ctx, bytes, 0);
}

static void *debug_calloc(void *ctx, size_t count, size_t size) {
  size_t bytes;
  if (mul_wraps(count, size, &bytes)) return NULL;
  LOCKED();
  return make(ctx, bytes, 1);
}

static void debug_free(void *ctx, void *block) {
  const struct layer *l = ctx;
  u8 *p = block;
  if (!p) return;
  LOCKED();
  if (!pym__debug_verify(l->domain, p, is_quarantined(p), CAUSE_TWICE)) {
    l->below.free(l->below.ctx, p);
    return;
  }
  u8 *base = p - DEBUG_HEAD;
  const usize total = debug_total(debug_size_field(p));
  __builtin_memset(base, DEADBYTE, total);
  quarantine_push(l, base, total);
}

/* What a block holds at its ends while it is resized.  It may move, and then must be dead where it
 * was: a copy of up to ERASED bytes at either end of the first `keep` is here meanwhile. */
struct saved {
  u8 bytes[2 * ERASED];
  u32 first, last;
};

static void save(struct saved *s, const u8 *p, usize keep) {
  s->first = keep < 2 * ERASED ? (u32)keep : ERASED;
  s->last = keep < 2 * ERASED ? 0 : ERASED;
  __builtin_memcpy(s->bytes, p, s->first);
  __builtin_memcpy(s->bytes + s->first, p + keep - s->last, s->last);
}

static void restore(const struct saved *s, u8 *p, usize keep) {
  __builtin_memcpy(p, s->bytes, s->first);
  __builtin_memcpy(p + keep - s->last, s->bytes + s->first, s->last);
}

static void *debug_realloc(void *ctx, void *block, size_t bytes) {
  const struct layer *l = ctx;
  const pym_allocator *b = &l->below;
  u8 *p = block, *base, *moved;
  struct saved ends;
  LOCKED();
  if (!p) return make(l, bytes, 0);
  if (!pym__debug_verify(l->domain, p, is_quarantined(p), CAUSE_FREED_USED))
    return b->realloc(b->ctx, p, bytes);
  if (bytes > DEBUG_SIZE_MAX) return NULL;
  const usize old = debug_size_field(p), keep = old < bytes ? old : (usize)bytes,
              call = debug_call(p);
  base = p - DEBUG_HEAD;
  save(&ends, p, keep);
  __builtin_memset(base, DEADBYTE, DEBUG_HEAD + ends.first);
  __builtin_memset(p + keep - ends.last, DEADBYTE, ends.last + (old - keep) + DEBUG_TAIL);
  do moved = b->realloc(b->ctx, base, debug_total((usize)bytes));
  while (!moved && bytes > old && quarantine_flush());
  if (moved) p = moved + DEBUG_HEAD;
  restore(&ends, p, keep);
  if (!moved && bytes > old) { /* as it was */
    write_marks(l, p, old, call);
    return NULL;
  }
  write_marks(l, p, (usize)bytes,
              ++calls); /* where it was, if what is below cannot make it smaller */
  __builtin_memset(p + keep, CLEANBYTE, bytes - keep);
  return p;
}

/* ---- What the rest of the library asks ---- */

static usize size_of_block(const void *p) {
  const u8 *bytes = p;
  LOCKED();
  pym__debug_verify(PYM_DOMAINS, bytes, is_quarantined(bytes), CAUSE_FREED_USED);
  return debug_size_field(bytes);
}

static int are_on(unsigned domain) {
  return pym__hooks[domain].on && pym__hooks[domain].fn.malloc == debug_malloc;
}

static int is_debug_block(const void *p) {
  return pym__debug_is_block(p, are_on(PYM_RAW) || are_on(PYM_MEM) || are_on(PYM_OBJ));
}

/* ---- Installation ---- */

static int same(const pym_allocator *a, const pym_allocator *b) {
  return a->ctx == b->ctx && a->malloc == b->malloc && a->calloc == b->calloc &&
         a->realloc == b->realloc && a->free == b->free;
}

static struct layer *layer_over(unsigned domain, const pym_allocator *below) {
  for (struct layer *l = layers; l < layers + LAYERS; l++) {
    if (l->used && (l->domain != domain || !same(&l->below, below))) continue;
    *l = (struct layer){*below, domain, 1};
    return l;
  }
  return NULL;
}

int pym_debug_hooks(void) {
  static const struct debug functions = {is_debug_block, size_of_block, quarantine_flush, are_on};
  if (!pym__debug) { /* never, or what there was was forgotten: pym__reset */
    __builtin_memset(layers, 0, sizeof layers);
    __builtin_memset(quarantine, 0, sizeof quarantine);
  }
  pym__debug = &functions;
  pym__watchers_changed();
  for (unsigned domain = 0; domain < PYM_DOMAINS; domain++) {
    pym_allocator below;
    pym_allocator_get((enum pym_domain)domain, &below);
    if (are_on(domain)) continue;
    struct layer *l = layer_over(domain, &below);
    if (!l) return -1;
    pym_allocator_set((enum pym_domain)domain,
                      &(pym_allocator){l, debug_malloc, debug_calloc, debug_realloc, debug_free});
  }
  return 0;
}
