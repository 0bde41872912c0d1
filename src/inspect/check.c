/* pym_check: every invariant, every counter against a recount.  Reads memory only where an offset
 * was checked before, changes nothing, and ends on any contents. */
#include "core/bins.h"
#include "core/pool.h"
#include "inspect/report.h"

static struct line message;

static int bad(const char *what, addr offset) {
  message.n = 0;
  pym__put(&message, what);
  pym__put(&message, ", at ");
  pym__put_hex(&message, offset);
  return 1;
}

const char *pym_check_message(void) { return message.n ? message.text : ""; }

#define REQUIRE(cond, what, o)        \
  do {                                \
    if (!(cond)) return bad(what, o); \
  } while (0)

/* What a walk over the chunks of a heap finds. */
struct recount {
  usize bytes, free, cached_bytes; /* of one source of memory */
  u32 segments, binned, last, cached;
  u32 pools, held[CLASS_SLOTS], usable[CLASS_SLOTS];
  u64 blocks[4], live[4];       /* raw blocks, by domain */
  uint64_t in_use[CLASS_SLOTS]; /* small blocks: live, and those in lists */
};

/* May [offset, offset + size) be read? */
static int readable(addr offset, usize size) {
  const addr last = offset + (size - 1);
  return last >= offset && last >> 16 < pym__space.pages_memory;
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
static int check_blocks(addr base, u32 size, addr block, u32 seen[16], u32 *free_blocks) {
  const addr first = base + POOL_HEADER;
  while (block != base) {
    const addr i = (block - first) / size;
    REQUIRE(block >= first && (block - first) % size == 0 && i < pym__pool_capacity(size),
            "free list of a pool", block);
    REQUIRE(!(seen[i / 32] >> (i % 32) & 1), "block twice in a free list", block);
    seen[i / 32] |= 1u << (i % 32);
    ++*free_blocks;
    const u64 link = *(const pym__word *)at(block) ^ pym__key;
    REQUIRE(link <= PYM__LINK_MAX, "freed block written to", block);
    block = (block & ~PYM__LINK_MAX) | (addr)link;
  }
  return 0;
}

/* The list of a domain that allocates from the pool. */
static int check_list(const struct pym_heap *heap, unsigned domain, addr base, u32 size,
                      u32 seen[16], u32 *listed) {
  const struct list *list =
      (const struct list *)(const void *)&heap->hot.lists[domain - PYM_MEM][size / 8];
  u32 n = 0;
  if (heap->current[domain - PYM_MEM][size / 8] != unit_of(base)) return 0;
  if (check_blocks(base, size, list->block, seen, &n)) return 1;
  REQUIRE(n == list->count, "count of a list's blocks", base);
  *listed += n;
  return 0;
}

static int check_pool(const struct pym_heap *heap, addr base, struct recount *n) {
  const struct pym__pool *pool = pym__pool_at(base);
  if (!is_pool_of(heap, pool)) return 0;
  const u32 size = pool->size, unit = unit_of(base);
  u32 seen[16] = {0}, free_blocks = 0, listed = 0;
  REQUIRE(size <= PYM_SMALL_MAX && size % PYM_ALIGNMENT == 0, "pool's block size", base);
  REQUIRE(pool->heap == (u16)heap->id, "pool's heap", base);
  if (check_blocks(base, size, (base & ~PYM__LINK_MAX) | pool->free, seen, &free_blocks) ||
      check_list(heap, PYM_MEM, base, size, seen, &listed) ||
      check_list(heap, PYM_OBJ, base, size, seen, &listed))
    return 1;
  const int current = heap->current[0][size / 8] == unit || heap->current[1][size / 8] == unit;
  const u32 used = pym__pool_capacity(size) - free_blocks;
  REQUIRE(pym__pool_used(pool) == used, "count of a pool's blocks", base);
  REQUIRE(free_blocks || current || pool->left == 1, "full pool would not notice a free", base);
  n->pools++;
  n->held[size / 8]++;
  n->in_use[size / 8] += used;
  n->usable[size / 8] += free_blocks && !current;
  return 0;
}

static int check_class(const struct pym_heap *heap, u32 class, const struct recount *n) {
  u32 prev = 0, seen = 0;
  for (u32 unit = heap->usable[class]; unit;
       prev = unit, unit = ((struct pool_header *)at(unit_base(unit)))->next) {
    const addr base = unit_base(unit);
    REQUIRE(unit < MAX_PAGES * (PAGE_BYTES / POOL_BYTES) && class_of(base) == class,
            "list of usable pools", base);
    REQUIRE(!prev || ((struct pool_header *)at(base))->prev == prev,
            "list of usable pools: back link", base);
    REQUIRE(pym__pool_at(base)->free != (u16)base, "usable pool has nothing to give", base);
    REQUIRE(++seen <= n->usable[class], "list of usable pools loops", base);
  }
  REQUIRE(seen == n->usable[class], "usable pool in no list", class);
  REQUIRE(n->held[class] == heap->pools[class] && n->held[class] <= heap->pools_peak[class],
          "count of a class's pools", class);
  uint64_t in_use = 0;
  for (unsigned domain = 0; domain < 2; domain++) {
    const u64 list = heap->hot.lists[domain][class], filled = heap->filled[domain][class],
              frees = heap->hot.frees[domain][class];
    REQUIRE(!heap->current[domain][class]
                ? !list
                : class_of(unit_base(heap->current[domain][class])) == class,
            "current pool of a class", class);
    REQUIRE(filled >= frees && filled - frees >= list >> PYM__COUNT_SHIFT,
            "count of a class's live blocks", class);
    in_use += filled - frees;
  }
  REQUIRE(n->in_use[class] == in_use, "count of a class's blocks", class);
  return 0;
}

/* ---- Raw memory ---- */

static int check_chunks(const struct pym_heap *heap, const struct pym_heap *source, addr from,
                        addr end, struct recount *n) {
  usize free_before = 0;
  for (addr chunk = from + SEGMENT_BYTES;; chunk += size_of(chunk)) {
    REQUIRE(is_sound(source, chunk), "raw block header", chunk);
    const usize head = head_at(chunk), size = head & ~CHUNK_FLAGS;
    REQUIRE(!(head & CHUNK_PREV_FREE) == !free_before, "mark of a free raw chunk", chunk);
    REQUIRE(!free_before || footer_before(chunk) == free_before, "size behind a free chunk", chunk);
    if (chunk == end) break;
    REQUIRE(size >= CHUNK_MIN && size <= end - chunk, "raw block size", chunk);
    const enum chunk_kind kind = kind_of(chunk);
    free_before = kind == CHUNK_FREE ? size : 0;
    if (kind == CHUNK_FREE) {
      REQUIRE(head == size, "free raw chunks not joined", chunk);
      n->free += size;
      n->binned += size > CHUNK_MIN && chunk != source->top && chunk != source->last;
      n->last += chunk == source->last;
      REQUIRE((chunk == source->top) == (chunk + size + CHUNK_HEADER == source->top_end),
              "top chunk", chunk);
    } else if (kind == CHUNK_POOL) {
      if (check_pool(heap, chunk + CHUNK_HEADER, n)) return 1;
    } else if (kind == CHUNK_CACHED) {
      n->cached++;
      n->cached_bytes += size;
    } else {
      n->blocks[domain_of_head(head)]++;
      n->live[domain_of_head(head)] += size - CHUNK_HEADER;
    }
  }
  REQUIRE(kind_of(end) == CHUNK_SENTINEL, "end of a raw segment", end);
  return 0;
}

/* A free chunk that a list or tree leads to. */
static int is_free(const struct pym_heap *heap, addr chunk) {
  return in_memory(chunk) && is_sound(heap, chunk) && !(head_at(chunk) & CHUNK_FLAGS);
}

static int check_raw_lists(const struct pym_heap *heap, u32 binned, u32 *seen) {
  for (u32 i = 0; i < BIN_LISTS; i++) {
    addr prev = 0;
    REQUIRE((heap->lists_map[i / 64] >> i % 64 & 1) == (heap->lists[i] != 0), "map of free lists",
            i);
    REQUIRE((heap->lists_words >> i / 64 & 1) == (heap->lists_map[i / 64] != 0),
            "words of the map of free lists", i);
    for (addr chunk = from_link(heap->lists[i]); chunk;
         prev = chunk, chunk = from_link(chunk_at(chunk)->next)) {
      REQUIRE(is_free(heap, chunk) && chunk_at(chunk)->prev == to_link(prev), "free list", chunk);
      REQUIRE(i ? size_of(chunk) == 16 * i : is_pool_shaped(chunk, size_of(chunk)),
              "chunk in the wrong list", chunk);
      REQUIRE(++*seen <= binned, "free list loops", chunk);
    }
  }
  return 0;
}

/* Of a free chunk: its footer was verified. */
static const struct branch *branch_of(addr chunk) {
  return at(chunk + size_of(chunk) - (u32)sizeof(struct branch));
}

/* The ring of a node. */
static int check_ring(const struct pym_heap *heap, addr node, u32 binned, u32 *seen) {
  addr chunk = node;
  do {
    const addr next = from_link(chunk_at(chunk)->next);
    REQUIRE(is_free(heap, next) && chunk_at(next)->prev == to_link(chunk), "chunks of one size",
            chunk);
    REQUIRE(size_of(next) == size_of(node), "chunk in the wrong ring", next);
    REQUIRE(next == node || branch_of(next)->parent == NO_NODE, "second node of one size", next);
    REQUIRE(++*seen <= binned, "chunks of one size loop", chunk);
    chunk = next;
  } while (chunk != node);
  return 0;
}

/* The nodes of a tree in order, without a stack: a node's parent leads back. */
static int check_tree(const struct pym_heap *heap, u32 tree, u32 binned, u32 *seen) {
  u32 link = heap->trees[tree], from = 0;
  REQUIRE((heap->trees_map >> tree & 1) == (link != 0), "map of trees", tree);
  while (link) {
    const addr node = from_link(link);
    if (!is_free(heap, node)) return bad("search tree", node);
    const struct branch *branch = branch_of(node);
    if (from == branch->parent) { /* from above: the first visit */
      REQUIRE(size_of(node) >= BIN_LIST_MAX && tree_of(size_of(node)) == tree,
              "chunk in the wrong tree", node);
      if (check_ring(heap, node, binned, seen)) return 1;
    }
    const int came = from == branch->parent ? 0 : from == branch->child[0] ? 1 : 2;
    const u32 next = came == 0 && branch->child[0]   ? branch->child[0]
                     : came <= 1 && branch->child[1] ? branch->child[1]
                                                     : branch->parent;
    REQUIRE(next == branch->parent ||
                (is_free(heap, from_link(next)) && branch_of(from_link(next))->parent == link),
            "parent in a search tree", node);
    from = link;
    link = next;
  }
  return 0;
}

static int check_raw_bins(const struct pym_heap *heap, u32 binned) {
  u32 seen = 0;
  if (check_raw_lists(heap, binned, &seen)) return 1;
  for (u32 tree = 0; tree < BIN_TREES; tree++)
    if (check_tree(heap, tree, binned, &seen)) return 1;
  REQUIRE(seen == binned, "free raw chunk in no list", off(heap));
  return 0;
}

static int check_raw_cache(const struct pym_heap *heap, u32 cached) {
  u32 seen = 0;
  for (u32 i = 0; i < CACHE_LISTS; i++)
    for (u32 link = heap->cached[i]; link > CACHE_REQUESTED;) {
      const addr chunk = from_link(link);
      REQUIRE(in_memory(chunk) && is_sound(heap, chunk), "cached raw block", chunk);
      REQUIRE(kind_of(chunk) == CHUNK_CACHED && cache_of(size_of(chunk)) == i,
              "raw block in the wrong cache", chunk);
      REQUIRE(++seen <= cached, "list of cached raw blocks loops", chunk);
      link = cache_link(heap, chunk, chunk_at(chunk)->next);
    }
  if (heap == &pym__main) seen += pym__held_pools();
  REQUIRE(seen == cached, "cached raw block in no list", off(heap));
  return 0;
}

/* Segments and chunks of one source of h's memory: heap itself, or the arenas of a hook. */
static int check_source(const struct pym_heap *heap, const struct pym_heap *source,
                        struct recount *n) {
  n->segments = n->binned = n->last = n->cached = 0;
  n->bytes = n->free = n->cached_bytes = 0;
  for (addr offset = source->segments; offset;
       offset = ((const struct segment *)at(offset))->next) {
    REQUIRE(readable(offset, SEGMENT_BYTES) && !(offset & 15), "list of raw segments", offset);
    const addr end = ((const struct segment *)at(offset))->end;
    REQUIRE(end > offset + SEGMENT_BYTES && !(end & 15) && readable(offset, end - offset),
            "end of a raw segment", offset);
    REQUIRE(((const struct segment *)at(offset))->check == segment_check(offset, end),
            "raw segment", offset);
    if (check_chunks(heap, source, offset, end - CHUNK_HEADER, n)) return 1;
    n->bytes += end - offset;
    REQUIRE(++n->segments <= source->raw_segments, "list of raw segments loops", offset);
  }
  REQUIRE(n->segments == source->raw_segments, "count of raw segments", off(source));
  REQUIRE(n->bytes == source->raw_bytes, "bytes of raw segments", off(source));
  REQUIRE(n->free == source->raw_free, "bytes of free raw chunks", off(source));
  REQUIRE(n->last == (source->last != 0), "the free raw chunk that changed last", off(source));
  const u32 held = source == &pym__main ? pym__held_pools() * POOL_BYTES : 0;
  REQUIRE(n->cached_bytes == source->raw_cached + held, "bytes of cached raw blocks", off(source));
  return check_raw_bins(source, n->binned) || check_raw_cache(source, n->cached);
}

/* ---- Domains ---- */

static int check_domains(const struct pym_heap *heap, const struct recount *n) {
  for (u32 domain = 0; domain <= INTERNAL; domain++) {
    const struct domain *counters = &heap->domains[domain];
    uint64_t charged = n->live[domain];
    for (u32 class = 1; class < CLASS_SLOTS && (domain == PYM_MEM || domain == PYM_OBJ); class ++) {
      charged += class * 8 * (uint64_t)heap->charged_blocks[domain - PYM_MEM][class];
      REQUIRE(heap->charged_blocks[domain - PYM_MEM][class] >=
                  heap->filled[domain - PYM_MEM][class] - heap->hot.frees[domain - PYM_MEM][class],
              "charged blocks of a class", class);
    }
    REQUIRE(counters->raw_bytes - counters->raw_freed == n->live[domain], "raw bytes of a domain",
            domain);
    REQUIRE(counters->raw_mallocs - counters->raw_frees == n->blocks[domain],
            "raw blocks of a domain", domain);
    REQUIRE(counters->charged == charged, "bytes of a domain", domain);
  }
  return 0;
}

static int check_heap(struct pym_heap *heap) {
  struct recount n = {0};
  struct pym_heap *raw = raw_heap_of(heap);
  REQUIRE(heap->magic == HEAP_MAGIC, "heap magic", off(heap));
  if (check_source(heap, raw, &n)) return 1;
  if (raw != heap)
    for (u32 domain = 0; domain <= INTERNAL; domain++)
      n.blocks[domain] = n.live[domain] = 0; /* none is its own */
  if (heap == &pym__main && pym__hooked && check_source(heap, pym__hooked, &n)) return 1;
  REQUIRE(n.pools == heap->pools_used, "count of pools", off(heap));
  for (u32 class = 1; class < CLASS_SLOTS; class ++)
    if (check_class(heap, class, &n)) return 1;
  return check_domains(heap, &n);
}

int pym_check(pym_heap *heap) {
  LOCKED();
  message.n = 0;
  if (check_space() || check_heap(heap)) return 1;
  addr where = 0;
  if (heap == &pym__main && pym__check_held(&where))
    return bad("memory that a thread holds", where);
  for (struct pym_heap *t = heap; heap == &pym__main && (t = pym__next_thread(t)) != NULL;)
    if (check_heap(t)) return 1;
  return 0;
}
