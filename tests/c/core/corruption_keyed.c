/* Attacks by somebody who knows the keys: each word that is written decodes, and leads to where it
 * must not.  Headers of pools and chunks, ends and lengths of lists.  Native only. */
#include <string.h>

#include "check.h"
#include "ports/linmem.h"
#include "pymalloc.h"
#include "victim.h"
#include "view.h"

#define BYTES 48u
#define POOLS 3u

/* Three full pools, and one that is the class's current pool. */
static void *many[1600];
static unsigned capacity;
static void fill_pools(void) {
  capacity = view_capacity(BYTES);
  for (unsigned i = 0; i < POOLS * capacity + 3; i++) many[i] = pym_obj_calloc(1, BYTES);
}
static void use_up_the_list(void) {
  for (unsigned i = 3; i < capacity; i++) pym_obj_malloc(BYTES);
}
static void *of_pool(unsigned pool, unsigned i) { return many[pool * capacity + i]; }
static uint32_t *header_of(const void *p) { return (void *)view_base(p); } /* next, prev, check */
static uint64_t *word(void *p) { return p; }
static uint64_t link_to(const void *p) { return (off(p) & 0xffff) ^ view_space()->link_key; }

/* ---- Pools ---- */

static void change_the_header_of_a_usable_pool(void) {
  fill_pools();
  pym_obj_free(of_pool(0, 0));
  header_of(many[0])[2] ^= 1;
  use_up_the_list();
  pym_obj_malloc(BYTES);
}
static void change_the_link_back(void) {
  fill_pools();
  pym_obj_free(of_pool(0, 0));
  for (unsigned i = 0; i + 1 < capacity; i++) pym_obj_free(of_pool(1, i));
  header_of(of_pool(0, 0))[1] = 0;
  pym_obj_free(of_pool(1, capacity - 1));
}
/* The list of a pool that empties is one block shorter than the pool. */
static void leave_one_out(void) {
  fill_pools();
  for (unsigned i = 0; i + 1 < capacity; i++) pym_obj_free(of_pool(1, i));
  *word(of_pool(1, 20)) = *word(of_pool(1, 19));
  pym_obj_free(of_pool(1, capacity - 1));
}
/* The list that is allocated from ends at another pool's base. */
static void end_at_another_base(void) {
  fill_pools();
  char *base = view_base(many[POOLS * capacity]);
  *word(base + view_first(BYTES) + (capacity - 1) * BYTES) = link_to(at(off(base) ^ POOL_BYTES));
  for (unsigned i = 0; i < capacity; i++) pym_obj_malloc(BYTES);
}
/* The block that a refill would hand out first. */
static void write_to_the_first(void) {
  fill_pools();
  pym_obj_free(of_pool(0, 0));
  *word(of_pool(0, 0)) = ~view_space()->link_key;
  use_up_the_list();
  pym_obj_malloc(BYTES);
}

static const struct attack on_pools[] = {
    ATTACK(change_the_header_of_a_usable_pool, LINKS),
    ATTACK(change_the_link_back, LINKS),
    ATTACK(leave_one_out, POOL, 1),
    ATTACK(end_at_another_base, WRITTEN),
    ATTACK(write_to_the_first, WRITTEN),
};
static void what_leads_to_blocks_of_pools_is_verified(void) { RUN(on_pools); }

/* ---- Cached chunks ---- */

/* Two blocks of n bytes that are cached, the second first, and one that is in use. */
static char *cached[2], *used;
static void cache_two(size_t n) {
  pym_raw_free(pym_raw_malloc(n)); /* the size was asked for */
  for (unsigned i = 0; i < 2; i++) cached[i] = pym_raw_malloc(n);
  used = pym_raw_calloc(1, n);
  pym_raw_free(cached[0]);
  pym_raw_free(cached[1]);
}
/* The second leads to the chunk of p. */
static void lead_cached_to(const void *p) {
  const addr chunk = off(cached[1]) - RAW_HEADER, target = p ? off(p) - RAW_HEADER : 0;
  const uint32_t key = view_space()->raw_key ^ (uint32_t)off(pym_heap_default()),
                 link = view_link(target) ^ key ^ (uint32_t)chunk << 1;
  memcpy(cached[1], &link, sizeof link);
}
static void cached_to_a_block_in_use(void) {
  cache_two(1000);
  lead_cached_to(used);
  pym_raw_malloc(1000);
  pym_raw_malloc(1000);
}
static void cached_to_a_pool(void) {
  cache_two(POOL_BYTES - RAW_HEADER);
  lead_cached_to(view_base(pym_obj_calloc(1, BYTES)));
  pym_raw_malloc(POOL_BYTES - RAW_HEADER);
  pym_raw_malloc(POOL_BYTES - RAW_HEADER);
}
static void cached_to_nothing(void) {
  cache_two(1000);
  lead_cached_to(NULL);
  pym_heap_trim(pym_heap_default());
}

static const struct attack on_the_cache[] = {
    ATTACK(cached_to_a_block_in_use, WRITTEN),
    ATTACK(cached_to_a_pool, WRITTEN),
    ATTACK(cached_to_nothing, WRITTEN),
};
static void what_leads_to_cached_chunks_is_verified(void) { RUN(on_the_cache); }

/* ---- Addresses ---- */

static void size_of_an_address_outside(void) { pym_usable_size(at(0xfffffff0u)); }
static void size_of_an_address_inside(void) {
  pym_usable_size((char *)pym_raw_calloc(1, 2000) + 64);
}
static void size_of_a_cached_block(void) {
  cache_two(1000);
  pym_usable_size(cached[0]);
}
static void size_of_a_free_chunk(void) {
  void *p = pym_raw_malloc(20000), *behind = pym_raw_malloc(100);
  pym_raw_free(p);
  pym_usable_size(p);
  (void)behind;
}
static void free_an_address_outside(void) { pym_raw_free(at(0xfffffff0u)); }

static const struct attack addresses[] = {
    ATTACK(size_of_an_address_outside, NOT_OURS), ATTACK(size_of_an_address_inside, NOT_OURS),
    ATTACK(size_of_a_cached_block, USED),         ATTACK(size_of_a_free_chunk, USED),
    ATTACK(free_an_address_outside, NOT_OURS),
};
static void what_is_no_block_has_no_size(void) { RUN(addresses); }

CHECK_CASES(TEST(what_leads_to_blocks_of_pools_is_verified),
            TEST(what_leads_to_cached_chunks_is_verified), TEST(what_is_no_block_has_no_size));
