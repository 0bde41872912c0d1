/* pym_check: every invariant, every counter against a recount.  Reads memory only where an offset
 * was checked before, changes nothing, and ends on any contents. */
#include "raw.h"

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
  u32 segments, bytes, free, binned, chunks, hand, hand_bytes; /* of one source of memory */
  u32 pools, held[CLASS_SLOTS], usable[CLASS_SLOTS];
  u32 blocks[4], live[4]; /* raw blocks, by domain */
  uint64_t out[CLASS_SLOTS];
};

/* May [o, o + size) be read? */
static int readable(u32 o, u32 size) {
  u32 last = o + (size - 1);
  return last >= o && last >> 16 < pym__space.pages_memory;
}

/* ---- Pools ---- */

static int check_space(void) {
  const struct space *sp = &pym__space;
  u32 len = sp->pool_map_len;
  REQUIRE(sp->magic == SPACE_MAGIC, "root magic", off(sp));
  REQUIRE(sp->pages_memory <= pym__linmem_pages(), "size of linear memory", off(sp));
  REQUIRE(sp->pages_owned <= sp->pages_memory, "count of owned pages", off(sp));
  REQUIRE(len >= FIRST_UNITS && len <= 1u << 20 && !(len & (len - 1)), "length of the map of pools",
          off(sp));
  REQUIRE(readable(sp->pool_map, len), "place of the map of pools", off(sp));
  return 0;
}

/* The free list of a pool: inside it, on block boundaries, no block twice, as long as it should be.
 */
static int check_pool_blocks(const struct pool *pool, u32 *n_free) {
  u32 first = off(pool) + POOL_HEADER, seen[16] = {0}, n = 0;
  for (u32 b = pool->free; b; b = *(const u32 *)at(b)) {
    u32 i = (b - first) / pool->size;
    REQUIRE(b >= first && (b - first) % pool->size == 0 && i < pool->cap, "free list of a pool", b);
    REQUIRE(!(seen[i / 32] >> (i % 32) & 1), "block twice in a free list", b);
    seen[i / 32] |= 1u << (i % 32);
    n++;
  }
  *n_free = n;
  return 0;
}

static int check_pool(const struct pym_heap *h, const struct pym_heap *source,
                      const struct pool *pool, struct recount *n) {
  u32 o = off(pool), s = class_of(o) * PYM_ALIGNMENT, n_free = 0;
  REQUIRE(pool->check == (o ^ off(h) ^ POOL_KEY), "pool's heap or place", o);
  REQUIRE(pool->source == off(source), "pool's source", o);
  REQUIRE(s && s <= PYM_SMALL_MAX && pool->size == s, "pool's block size", o);
  REQUIRE(pool->cap == POOL_ROOM / s, "pool's capacity", o);
  if (check_pool_blocks(pool, &n_free)) return 1;
  REQUIRE(pool->used && pool->used == pool->cap - n_free, "count of a pool's blocks", o);
  n->pools++;
  n->held[s / 8]++;
  n->out[s / 8] += pool->used;
  n->usable[s / 8] += n_free != 0;
  return 0;
}

static int check_class(const struct pym_heap *h, u32 c, const struct recount *n) {
  u32 ring = ring_of_pools(h, c * PYM_ALIGNMENT), prev = ring, seen = 0;
  for (u32 o = link_at(ring)->next; o != ring; prev = o, o = link_at(o)->next) {
    REQUIRE(in_memory(o) && class_of(o) == c && !(o & (POOL_BYTES - 1)), "ring of pools", o);
    REQUIRE(link_at(o)->prev == prev, "ring of pools: back link", o);
    const struct pool *pool = pool_of(o);
    REQUIRE(pool->free, "usable pool has nothing to give", o);
    REQUIRE(++seen <= n->usable[c], "ring of pools loops", o);
  }
  REQUIRE(link_at(ring)->prev == prev, "ring of pools: last", ring);
  REQUIRE(seen == n->usable[c], "usable pool in no ring", ring);
  REQUIRE(n->held[c] == h->pools[c] && n->held[c] <= h->pools_peak[c], "count of a class's pools",
          c);
  REQUIRE(n->out[c] == (uint64_t)h->mem[c].out + h->obj[c].out, "count of a class's blocks", c);
  return 0;
}

/* ---- Blocks at hand ---- */

static int check_bin(const struct bin *bin, u32 c, uint64_t mallocs, uint64_t frees) {
  u32 at_hand = bin->out - (u32)(mallocs - frees), seen = 0;
  REQUIRE(mallocs >= frees && bin->out >= (u32)(mallocs - frees), "count of a class's live blocks",
          c);
  for (u32 b = bin->free; b; b = *(const u32 *)at(b)) {
    REQUIRE(in_memory(b) && class_of(b) == c, "list of blocks at hand", b);
    REQUIRE(++seen <= at_hand, "list of blocks at hand loops", b);
  }
  REQUIRE(seen == at_hand, "count of blocks at hand", c);
  return 0;
}

static int check_bins(const struct pym_heap *h) {
  for (u32 c = 1; c < CLASS_SLOTS; c++)
    if (check_bin(&h->mem[c], c, h->mem_mallocs[c], h->mem_frees[c]) ||
        check_bin(&h->obj[c], c, h->obj_mallocs[c], h->obj_frees[c]))
      return 1;
  return 0;
}

/* ---- Raw memory ---- */

static int check_chunks(const struct pym_heap *h, const struct pym_heap *source, u32 from, u32 end,
                        struct recount *n) {
  u32 free_before = 0;
  for (u32 c = from + SEGMENT_BYTES;; c += size_of(c)) {
    REQUIRE(sound(source, c), "raw block header", c);
    u32 head = chunk_at(c)->head, size = head & ~FLAGS;
    REQUIRE(!(head & PREV_FREE) == !free_before, "mark of a free raw chunk", c);
    REQUIRE(!free_before || *(const u32 *)at(c - 4) == free_before, "size behind a free chunk", c);
    if (c == end) break;
    REQUIRE(size >= CHUNK_MIN && size <= end - c, "raw block size", c);
    free_before = head & IN_USE ? 0 : size;
    if (free_before) {
      REQUIRE(head == size, "free raw chunks not joined", c);
      n->free += size;
      n->binned += size > CHUNK_MIN;
    } else if (is_pool(c)) {
      if (check_pool(h, source, at(c + HEADER), n)) return 1;
    } else if (is_at_hand(c)) {
      n->hand++;
      n->hand_bytes += size;
    } else {
      n->chunks++;
      n->blocks[domain_of_head(head)]++;
      n->live[domain_of_head(head)] += size - HEADER;
    }
  }
  REQUIRE(!size_of(end) && chunk_at(end)->head & IN_USE, "end of a raw segment", end);
  return 0;
}

static int check_raw_bins(const struct pym_heap *h, u32 binned) {
  u32 seen = 0;
  for (u32 b = 0; b < RAW_BINS; b++) {
    u32 ring = ring_of_bin(h, b), prev = ring;
    REQUIRE((h->raw_map[b / 32] >> (b % 32) & 1) == (link_at(ring)->next != ring),
            "map of raw bins", b);
    for (u32 o = link_at(ring)->next; o != ring; prev = o, o = link_at(o)->next) {
      REQUIRE(in_memory(o) && sound(h, o - HEADER), "raw bin", o);
      u32 head = chunk_at(o - HEADER)->head;
      REQUIRE(!(head & FLAGS) && bin_of(head) == b && link_at(o)->prev == prev,
              "chunk in the wrong raw bin", o);
      REQUIRE(++seen <= binned, "raw bin loops", o);
    }
    REQUIRE(link_at(ring)->prev == prev, "raw bin: last", ring);
  }
  REQUIRE(seen == binned, "free raw chunk in no bin", off(h));
  return 0;
}

static int check_raw_hand(const struct pym_heap *h, u32 hand) {
  u32 seen = 0;
  for (u32 b = 0; b < RAW_HAND_BINS; b++)
    for (u32 c = h->raw_hands[b]; c; c = chunk_at(c)->link.next) {
      REQUIRE(in_memory(c) && sound(h, c), "raw block at hand", c);
      REQUIRE(is_at_hand(c) && bin_of(size_of(c)) == b, "raw block in the wrong list at hand", c);
      REQUIRE(++seen <= hand, "list of raw blocks at hand loops", c);
    }
  REQUIRE(seen == hand, "raw block at hand in no list", off(h));
  return 0;
}

/* Segments and chunks of one source of h's memory: h itself, or the arenas of a hook. */
static int check_source(const struct pym_heap *h, const struct pym_heap *source,
                        struct recount *n) {
  n->segments = n->bytes = n->free = n->binned = n->chunks = n->hand = n->hand_bytes = 0;
  for (u32 o = source->segments; o; o = ((const struct segment *)at(o))->next) {
    REQUIRE(readable(o, SEGMENT_BYTES) && !(o & 15), "list of raw segments", o);
    u32 end = ((const struct segment *)at(o))->end;
    REQUIRE(end > o + SEGMENT_BYTES && !(end & 15) && readable(o, end - o), "end of a raw segment",
            o);
    if (check_chunks(h, source, o, end - HEADER, n)) return 1;
    n->bytes += end - o;
    REQUIRE(++n->segments <= source->raw_segments, "list of raw segments loops", o);
  }
  REQUIRE(n->segments == source->raw_segments, "count of raw segments", off(source));
  REQUIRE(n->bytes == source->raw_bytes, "bytes of raw segments", off(source));
  REQUIRE(n->free == source->raw_free, "bytes of free raw chunks", off(source));
  REQUIRE(n->chunks == source->raw_chunks, "count of raw blocks", off(source));
  REQUIRE(n->hand_bytes == source->raw_hand, "bytes of raw blocks at hand", off(source));
  return check_raw_bins(source, n->binned) || check_raw_hand(source, n->hand);
}

/* ---- Domains ---- */

static int check_domains(const struct pym_heap *h, const struct recount *n) {
  for (u32 d = 0; d <= INTERNAL; d++) {
    const struct domain *dom = &h->domains[d];
    uint64_t charged = n->live[d];
    for (u32 c = 1; c < CLASS_SLOTS && (d == PYM_MEM || d == PYM_OBJ); c++)
      charged += c * 8 * (uint64_t)(d == PYM_MEM ? h->mem : h->obj)[c].out;
    REQUIRE(dom->raw_bytes - dom->raw_freed == n->live[d], "raw bytes of a domain", d);
    REQUIRE(dom->raw_mallocs - dom->raw_frees == n->blocks[d], "raw blocks of a domain", d);
    REQUIRE(dom->charged == charged, "bytes of a domain", d);
    REQUIRE(dom->gate == 0 || dom->gate == pym__space.pool_map_len, "gate of a domain", d);
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
  return check_bins(h) || check_domains(h, &n);
}
