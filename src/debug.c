/* The debug hooks: CPython's, over whatever serves a domain.  Programs that do not call
 * pym_debug_hooks do not link this.
 *
 *   pym_obj_malloc  ->  debug_malloc  ->  another hook, or the domain itself
 *                       a layer a domain, debug.h has the block
 *
 * Freed blocks are filled with DEADBYTE; the last small ones are held back for a while, so that a
 * write to one of them is noticed and a second free finds it as it was left.  For the allocator
 * below they live meanwhile; where a limit was set none is held back. */
#include "debug.h"

/* The hooks over one allocator.  A layer is used again when the same allocator is below. */
struct layer {
  pym_allocator below;
  unsigned domain;
  int used;
};
#define LAYERS 16u

#define HELD_BLOCKS 64u
#define HELD_MAX 1024u /* bytes of a block */
struct held {
  u8 *base; /* NULL: none */
  u32 total;
  const struct layer *from;
};

/* Bytes at either end of a block that are dead while it is resized. */
#define ERASED 64u

static struct layer layers[LAYERS];
static struct held held[HELD_BLOCKS];
static unsigned held_next;
static u32 calls;

/* ---- Blocks that are held back ---- */

static int is_held(const u8 *p) {
  for (unsigned i = 0; i < HELD_BLOCKS; i++)
    if (held[i].base == p - DEBUG_HEAD) return 1;
  return 0;
}

static int give_below(struct held *slot) {
  const struct held gone = *slot;
  if (!gone.base) return 0;
  slot->base = NULL;
  for (u32 i = 0; i < gone.total; i++)
    if (gone.base[i] != DEADBYTE) pym__debug_written(gone.from->domain, gone.base, gone.total, i);
  gone.from->below.free(gone.from->below.ctx, gone.base);
  return 1;
}

static int let_go(void) {
  int any = 0;
  for (unsigned i = 0; i < HELD_BLOCKS; i++) any |= give_below(&held[i]);
  return any;
}

static void hold(const struct layer *l, u8 *base, u32 total) {
  struct held *slot = &held[held_next];
  if (pym__limits) let_go();
  if (pym__limits || total > HELD_MAX) {
    l->below.free(l->below.ctx, base);
    return;
  }
  give_below(slot);
  *slot = (struct held){base, total, l};
  held_next = (held_next + 1) % HELD_BLOCKS;
}

/* ---- The four functions ---- */

static void write_marks(const struct layer *l, u8 *p, u32 n, u32 call) {
  const u32 copy = n ^ debug_key(p);
  __builtin_memcpy(p - 16, &copy, sizeof copy);
  __builtin_memcpy(p - 12, &call, sizeof call);
  for (unsigned i = 0; i < DEBUG_WORD; i++) p[(int)i - 8] = (u8)(n >> (24 - 8 * i));
  p[-4] = (u8)debug_id(l->domain);
  __builtin_memset(p - 3, FORBIDDENBYTE, 3);
  __builtin_memset(p + n, FORBIDDENBYTE, DEBUG_TAIL);
}

static void *make(const struct layer *l, size_t n, int zeroed) {
  const pym_allocator *b = &l->below;
  u8 *base;
  if (n > DEBUG_SIZE_MAX) return NULL;
  const u32 total = debug_total((u32)n);
  do base = zeroed ? b->calloc(b->ctx, 1, total) : b->malloc(b->ctx, total);
  while (!base && let_go());
  if (!base) return NULL;
  u8 *p = base + DEBUG_HEAD;
  write_marks(l, p, (u32)n, ++calls);
  if (!zeroed) __builtin_memset(p, CLEANBYTE, n);
  return p;
}

static void *debug_malloc(void *ctx, size_t n) { return make(ctx, n, 0); }

static void *debug_calloc(void *ctx, size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n)) return NULL;
  return make(ctx, n, 1);
}

static void debug_free(void *ctx, void *block) {
  const struct layer *l = ctx;
  u8 *p = block;
  if (!p) return;
  if (!pym__debug_verify(l->domain, p, is_held(p), CAUSE_TWICE)) {
    l->below.free(l->below.ctx, p);
    return;
  }
  u8 *base = p - DEBUG_HEAD;
  const u32 total = debug_total(debug_size_field(p));
  __builtin_memset(base, DEADBYTE, total);
  hold(l, base, total);
}

/* What a block holds at its ends while it is resized.  It may move, and then must be dead where it
 * was: a copy of up to ERASED bytes at either end of the first `keep` is here meanwhile. */
struct saved {
  u8 bytes[2 * ERASED];
  u32 first, last;
};

static void save(struct saved *s, const u8 *p, u32 keep) {
  s->first = keep < 2 * ERASED ? keep : ERASED;
  s->last = keep < 2 * ERASED ? 0 : ERASED;
  __builtin_memcpy(s->bytes, p, s->first);
  __builtin_memcpy(s->bytes + s->first, p + keep - s->last, s->last);
}

static void restore(const struct saved *s, u8 *p, u32 keep) {
  __builtin_memcpy(p, s->bytes, s->first);
  __builtin_memcpy(p + keep - s->last, s->bytes + s->first, s->last);
}

static void *debug_realloc(void *ctx, void *block, size_t n) {
  const struct layer *l = ctx;
  const pym_allocator *b = &l->below;
  u8 *p = block, *base, *moved;
  struct saved ends;
  if (!p) return make(l, n, 0);
  if (!pym__debug_verify(l->domain, p, is_held(p), CAUSE_FREED_USED))
    return b->realloc(b->ctx, p, n);
  if (n > DEBUG_SIZE_MAX) return NULL;
  const u32 old = debug_size_field(p), keep = old < n ? old : (u32)n, call = debug_call(p);
  base = p - DEBUG_HEAD;
  save(&ends, p, keep);
  __builtin_memset(base, DEADBYTE, DEBUG_HEAD + ends.first);
  __builtin_memset(p + keep - ends.last, DEADBYTE, ends.last + (old - keep) + DEBUG_TAIL);
  do moved = b->realloc(b->ctx, base, debug_total((u32)n));
  while (!moved && n > old && let_go());
  if (moved) p = moved + DEBUG_HEAD;
  restore(&ends, p, keep);
  if (!moved && n > old) { /* as it was */
    write_marks(l, p, old, call);
    return NULL;
  }
  write_marks(l, p, (u32)n, ++calls); /* where it was, if what is below cannot make it smaller */
  __builtin_memset(p + keep, CLEANBYTE, n - keep);
  return p;
}

/* ---- What the rest of the library asks ---- */

static u32 size_of_block(const void *p) {
  const u8 *bytes = p;
  pym__debug_verify(PYM_DOMAINS, bytes, is_held(bytes), CAUSE_FREED_USED);
  return debug_size_field(bytes);
}

static int are_on(unsigned d) {
  return pym__hooks[d].on && pym__hooks[d].fn.malloc == debug_malloc;
}

static int made(const void *p) {
  return pym__debug_made(p, are_on(PYM_RAW) || are_on(PYM_MEM) || are_on(PYM_OBJ));
}

/* ---- Installation ---- */

static int same(const pym_allocator *a, const pym_allocator *b) {
  return a->ctx == b->ctx && a->malloc == b->malloc && a->calloc == b->calloc &&
         a->realloc == b->realloc && a->free == b->free;
}

static struct layer *layer_over(unsigned d, const pym_allocator *below) {
  for (struct layer *l = layers; l < layers + LAYERS; l++) {
    if (l->used && (l->domain != d || !same(&l->below, below))) continue;
    *l = (struct layer){*below, d, 1};
    return l;
  }
  return NULL;
}

int pym_debug_hooks(void) {
  static const struct debug functions = {made, size_of_block, let_go, are_on};
  if (!pym__debug) { /* never, or what there was was forgotten: pym__reset */
    __builtin_memset(layers, 0, sizeof layers);
    __builtin_memset(held, 0, sizeof held);
  }
  pym__debug = &functions;
  for (unsigned d = 0; d < PYM_DOMAINS; d++) {
    pym_allocator below;
    pym_allocator_get((enum pym_domain)d, &below);
    if (are_on(d)) continue;
    struct layer *l = layer_over(d, &below);
    if (!l) return -1;
    pym_allocator_set((enum pym_domain)d,
                      &(pym_allocator){l, debug_malloc, debug_calloc, debug_realloc, debug_free});
  }
  return 0;
}
