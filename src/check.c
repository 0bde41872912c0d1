/* pym_check: every invariant, every counter against a recount.  Reads memory only where an offset
 * was checked before, changes nothing, and ends on any contents. */
#include "raw_bins.h"

static struct line message;

static int bad(const char *what, u32 o) {
  message.n = 0;
  pym__put(&message, what);
  pym__put(&message, ", at ");
  pym__put_hex(&message, o);
  return 1;
}

const char *pym_check_message(void) { return message.n ? message.text : ""; }

#define REQUIRE(cond, what, o)        \
  do {                                \
    if (!(cond)) return bad(what, o); \
  } while (0)

/* What a walk over the chunks of a heap finds. */
struct recount {
  u32 segments, bytes, free, binned, chunks, cached, cached_bytes; /* of one source of memory */
  u32 pools, held[CLASS_SLOTS], usable[CLASS_SLOTS];
  u32 blocks[4], live[4];        /* raw blocks, by domain */
  uint64_t in_use[CLASS_SLOTS];  /* small blocks: live, and those in lists */
};

/* May [o, o + size) be read? */
static int readable(u32 o, u32 size) {
  u32 last = o + (size - 1);
  return last >= o && last >> 16 < pym__space.pages_memory;
}

/* ---- Pools ---- */

static int check_space(void) {
  const struct space *sp = &pym__space;
  REQUIRE(sp->magic == SPACE_MAGIC, "root magic", off(sp));
  REQUIRE(sp->pages_memory <= pym__linmem_pages(), "size of linear memory", off(sp));
  REQUIRE(sp->pages_owned <= sp->pages_memory, "count of owned pages", off(sp));
  REQUIRE(!sp->is_started || sp->link_key == pym__key, "key of free blocks", off(sp));
  for (u32 i = 0; i < LEAVES; i++)
    REQUIRE(!sp->leaves[i] || (!(sp->leaves[i] & 15) &&
                               readable(sp->leaves[i], LEAF_POOLS * sizeof(struct pym__pool))),
            "leaf of the pool table", i);
  return 0;
}

/* A list of free blocks of one pool: inside it, on block boundaries, no block twice. */
static int check_blocks(u32 base, u32 s, u32 block, u32 seen[16], u32 *n_free) {
  const u32 first = base + POOL_HEADER;
  while (block != base) {
    u32 i = (block - first) / s;
    REQUIRE(block >= first && (block - first) % s == 0 && i < pym__pool_capacity(s),
            "free list of a pool", block);
    REQUIRE(!(seen[i / 32] >> (i % 32) & 1), "block twice in a free list", block);
    seen[i / 32] |= 1u << (i % 32);
    ++*n_free;
    const u64 link = *(const pym__word *)at(block) ^ pym__key;
    REQUIRE(link <= PYM__LINK_MAX, "freed block written to", block);
    block = (block & ~PYM__LINK_MAX) | (u32)link;
  }
  return 0;
}

/* The list of a domain that allocates from the pool. */
static int check_list(const struct pym_heap *h, unsigned d, u32 base, u32 s, u32 seen[16],
                      u32 *listed) {
  const struct list *list = (const struct list *)(const void *)&h->hot.lists[d - PYM_MEM][s / 8];
  u32 n = 0;
  if (h->current[d - PYM_MEM][s / 8] != unit_of(base)) return 0;
  if (check_blocks(base, s, list->block, seen, &n)) return 1;
  REQUIRE(n == list->count, "count of a list's blocks", base);
  *listed += n;
  return 0;
}

static int check_pool(const struct pym_heap *h, u32 base, struct recount *n) {
  const struct pym__pool *pool = pym__pool_at(base);
  const u32 s = pool->size, unit = unit_of(base);
  u32 seen[16] = {0}, n_free = 0, listed = 0;
  REQUIRE(s <= PYM_SMALL_MAX && s % PYM_ALIGNMENT == 0, "pool's block size", base);
  REQUIRE(pool->heap == (u16)h->id, "pool's heap", base);
  if (check_blocks(base, s, (base & ~PYM__LINK_MAX) | pool->free, seen, &n_free) ||
      check_list(h, PYM_MEM, base, s, seen, &listed) || check_list(h, PYM_OBJ, base, s, seen, &listed))
    return 1;
  const int current = h->current[0][s / 8] == unit || h->current[1][s / 8] == unit;
  const u32 used = pym__pool_capacity(s) - n_free;
  REQUIRE(pym__pool_used(pool) == used, "count of a pool's blocks", base);
  REQUIRE(n_free || current || pool->left == 1, "full pool would not notice a free", base);
  n->pools++;
  n->held[s / 8]++;
  n->in_use[s / 8] += used;
  n->usable[s / 8] += n_free && !current;
  return 0;
}

static int check_class(const struct pym_heap *h, u32 c, const struct recount *n) {
  u32 prev = 0, seen = 0;
  for (u32 unit = h->usable[c]; unit; prev = unit, unit = ((struct pool_header *)at(unit << 12))->next) {
    const u32 base = unit << POOL_SHIFT;
    REQUIRE(unit < 1u << 20 && class_of(base) == c, "list of usable pools", base);
    REQUIRE(((struct pool_header *)at(base))->prev == prev, "list of usable pools: back link", base);
    REQUIRE(pym__pool_at(base)->free != (u16)base, "usable pool has nothing to give", base);
    REQUIRE(++seen <= n->usable[c], "list of usable pools loops", base);
  }
  REQUIRE(seen == n->usable[c], "usable pool in no list", c);
  REQUIRE(n->held[c] == h->pools[c] && n->held[c] <= h->pools_peak[c], "count of a class's pools",
          c);
  uint64_t in_use = 0;
  for (unsigned d = 0; d < 2; d++) {
    const u64 list = h->hot.lists[d][c], filled = h->filled[d][c], frees = h->hot.frees[d][c];
    REQUIRE(!h->current[d][c] ? !list : class_of(h->current[d][c] << POOL_SHIFT) == c,
            "current pool of a class", c);
    REQUIRE(filled >= frees && filled - frees >= list >> 32, "count of a class's live blocks", c);
    in_use += filled - frees;
  }
  REQUIRE(n->in_use[c] == in_use, "count of a class's blocks", c);
  return 0;
}

/* ---- Raw memory ---- */

static int check_chunks(const struct pym_heap *h, const struct pym_heap *source, u32 from, u32 end,
                        struct recount *n) {
  u32 free_before = 0;
  for (u32 c = from + SEGMENT_BYTES;; c += size_of(c)) {
    REQUIRE(is_sound(source, c), "raw block header", c);
    u32 head = chunk_at(c)->head, size = head & ~FLAGS;
    REQUIRE(!(head & PREV_FREE) == !free_before, "mark of a free raw chunk", c);
    REQUIRE(!free_before || *(const u32 *)at(c - 4) == free_before, "size behind a free chunk", c);
    if (c == end) break;
    REQUIRE(size >= CHUNK_MIN && size <= end - c, "raw block size", c);
    free_before = head & IN_USE ? 0 : size;
    if (free_before) {
      REQUIRE(head == size, "free raw chunks not joined", c);
      n->free += size;
      n->binned += size > CHUNK_MIN && c != source->top;
      REQUIRE((c == source->top) == (c + size + HEADER == source->top_end), "top chunk", c);
    } else if (is_pool(c)) {
      if (check_pool(h, c + HEADER, n)) return 1;
    } else if (is_cached(c)) {
      n->cached++;
      n->cached_bytes += size;
    } else {
      n->chunks++;
      n->blocks[domain_of_head(head)]++;
      n->live[domain_of_head(head)] += size - HEADER;
    }
  }
  REQUIRE(!size_of(end) && chunk_at(end)->head & IN_USE, "end of a raw segment", end);
  return 0;
}

/* A free chunk that a list or tree leads to. */
static int is_free(const struct pym_heap *h, u32 c) {
  return in_memory(c) && is_sound(h, c) && !(chunk_at(c)->head & FLAGS);
}

static int check_raw_lists(const struct pym_heap *h, u32 binned, u32 *seen) {
  for (u32 i = 0; i < RAW_LISTS; i++) {
    u32 prev = 0;
    REQUIRE((h->lists_map >> i & 1) == (h->lists[i] != 0), "map of free lists", i);
    for (u32 c = h->lists[i]; c; prev = c, c = chunk_at(c)->next) {
      REQUIRE(is_free(h, c) && chunk_at(c)->prev == prev, "free list", c);
      REQUIRE(i ? size_of(c) == 16 * i : is_pool_shaped(c, size_of(c)), "chunk in the wrong list", c);
      REQUIRE(++*seen <= binned, "free list loops", c);
    }
  }
  return 0;
}

/* Of a free chunk: its footer was verified. */
static const struct branch *branch_of(u32 c) {
  return at(c + size_of(c) - (u32)sizeof(struct branch));
}

/* The ring of a node. */
static int check_ring(const struct pym_heap *h, u32 node, u32 binned, u32 *seen) {
  u32 c = node;
  do {
    const u32 next = chunk_at(c)->next;
    REQUIRE(is_free(h, next) && chunk_at(next)->prev == c, "chunks of one size", c);
    REQUIRE(size_of(next) == size_of(node), "chunk in the wrong ring", next);
    REQUIRE(next == node || branch_of(next)->parent == NO_NODE, "second node of one size", next);
    REQUIRE(++*seen <= binned, "chunks of one size loop", c);
    c = next;
  } while (c != node);
  return 0;
}

/* The nodes of a tree in order, without a stack: a node's parent leads back. */
static int check_tree(const struct pym_heap *h, u32 tree, u32 binned, u32 *seen) {
  u32 node = h->trees[tree], from = 0;
  REQUIRE((h->trees_map >> tree & 1) == (node != 0), "map of trees", tree);
  while (node) {
    if (!is_free(h, node)) return bad("search tree", node);
    const struct branch *branch = branch_of(node);
    if (from == branch->parent) { /* from above: the first visit */
      REQUIRE(size_of(node) >= LIST_MAX && tree_of(size_of(node)) == tree, "chunk in the wrong tree",
              node);
      if (check_ring(h, node, binned, seen)) return 1;
    }
    const int came = from == branch->parent ? 0 : from == branch->child[0] ? 1 : 2;
    const u32 next = came == 0 && branch->child[0]   ? branch->child[0]
                     : came <= 1 && branch->child[1] ? branch->child[1]
                                                     : branch->parent;
    REQUIRE(next == branch->parent || (is_free(h, next) && branch_of(next)->parent == node),
            "parent in a search tree", node);
    from = node;
    node = next;
  }
  return 0;
}

static int check_raw_bins(const struct pym_heap *h, u32 binned) {
  u32 seen = 0;
  if (check_raw_lists(h, binned, &seen)) return 1;
  for (u32 tree = 0; tree < RAW_TREES; tree++)
    if (check_tree(h, tree, binned, &seen)) return 1;
  REQUIRE(seen == binned, "free raw chunk in no list", off(h));
  return 0;
}

static int check_raw_cache(const struct pym_heap *h, u32 cached) {
  u32 seen = 0;
  for (u32 i = 0; i < RAW_CACHES; i++)
    for (u32 c = h->cached[i]; c; c = cache_link(h, c, chunk_at(c)->next)) {
      REQUIRE(in_memory(c) && is_sound(h, c), "cached raw block", c);
      REQUIRE(is_cached(c) && cache_of(size_of(c)) == i, "raw block in the wrong cache", c);
      REQUIRE(++seen <= cached, "list of cached raw blocks loops", c);
    }
  REQUIRE(seen == cached, "cached raw block in no list", off(h));
  return 0;
}

/* Segments and chunks of one source of h's memory: h itself, or the arenas of a hook. */
static int check_source(const struct pym_heap *h, const struct pym_heap *source,
                        struct recount *n) {
  n->segments = n->bytes = n->free = n->binned = n->chunks = n->cached = n->cached_bytes = 0;
  for (u32 o = source->segments; o; o = ((const struct segment *)at(o))->next) {
    REQUIRE(readable(o, SEGMENT_BYTES) && !(o & 15), "list of raw segments", o);
    u32 end = ((const struct segment *)at(o))->end;
    REQUIRE(end > o + SEGMENT_BYTES && !(end & 15) && readable(o, end - o), "end of a raw segment",
            o);
    REQUIRE(((const struct segment *)at(o))->check == segment_check(o, end), "raw segment", o);
    if (check_chunks(h, source, o, end - HEADER, n)) return 1;
    n->bytes += end - o;
    REQUIRE(++n->segments <= source->raw_segments, "list of raw segments loops", o);
  }
  REQUIRE(n->segments == source->raw_segments, "count of raw segments", off(source));
  REQUIRE(n->bytes == source->raw_bytes, "bytes of raw segments", off(source));
  REQUIRE(n->free == source->raw_free, "bytes of free raw chunks", off(source));
  REQUIRE(n->chunks == source->raw_chunks, "count of raw blocks", off(source));
  REQUIRE(n->cached_bytes == source->raw_cached, "bytes of cached raw blocks", off(source));
  return check_raw_bins(source, n->binned) || check_raw_cache(source, n->cached);
}

/* ---- Domains ---- */

static int check_domains(const struct pym_heap *h, const struct recount *n) {
  for (u32 d = 0; d <= INTERNAL; d++) {
    const struct domain *dom = &h->domains[d];
    uint64_t charged = n->live[d];
    for (u32 c = 1; c < CLASS_SLOTS && (d == PYM_MEM || d == PYM_OBJ); c++) {
      charged += c * 8 * (uint64_t)h->charged_blocks[d - PYM_MEM][c];
      REQUIRE(h->charged_blocks[d - PYM_MEM][c] >=
                  h->filled[d - PYM_MEM][c] - h->hot.frees[d - PYM_MEM][c],
              "charged blocks of a class", c);
    }
    REQUIRE(dom->raw_bytes - dom->raw_freed == n->live[d], "raw bytes of a domain", d);
    REQUIRE(dom->raw_mallocs - dom->raw_frees == n->blocks[d], "raw blocks of a domain", d);
    REQUIRE(dom->charged == charged, "bytes of a domain", d);
  }
  return 0;
}

int pym_check(pym_heap *h) {
  struct recount n = {0};
  message.n = 0;
  if (check_space()) return 1;
  REQUIRE(h->magic == HEAP_MAGIC, "heap magic", off(h));
  if (check_source(h, h, &n)) return 1;
  if (h == &pym__main && pym__hooked && check_source(h, pym__hooked, &n)) return 1;
  REQUIRE(n.pools == h->pools_used, "count of pools", off(h));
  for (u32 c = 1; c < CLASS_SLOTS; c++)
    if (check_class(h, c, &n)) return 1;
  return check_domains(h, &n);
}
