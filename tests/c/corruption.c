/* Corruption that is noticed ends in one line on standard error and a trap, and is never silent.
 * Native only. */
#include <string.h>

#include "check.h"
#include "pymalloc.h"
#include "target.h"
#include "victim.h"

/* ---- Raw blocks ---- */

static unsigned char *a, *b, *c; /* three neighbours */

static void three_neighbours(enum pym_domain d) {
  pym_heap *h = pym_heap_default();
  a = pym_heap_malloc(h, d, 1000);
  b = pym_heap_malloc(h, d, 1000);
  c = pym_heap_malloc(h, d, 1000);
}

static void free_twice(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  pym_raw_free(b);
}
static void free_twice_joined_before(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(a);
  pym_raw_free(b);
  pym_raw_free(b);
}
static void free_twice_joined_behind(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  pym_raw_free(c);
  pym_raw_free(b);
}
static void free_large_twice(void) {
  three_neighbours(PYM_OBJ);
  pym_obj_free(b);
  pym_obj_free(b);
}
static void resize_freed(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  pym_raw_realloc(b, 2000);
}
static void free_inside(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_free(b + 32);
}
static void free_inside_unaligned(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_free(b + 1);
}
static void resize_inside(void) {
  three_neighbours(PYM_RAW);
  fill(b, 1000, 3);
  pym_raw_realloc(b + 64, 500);
}
static void free_by_wrong_domain(void) {
  three_neighbours(PYM_MEM);
  pym_obj_free(b);
}
static void free_raw_as_object(void) {
  three_neighbours(PYM_RAW);
  pym_obj_free(b);
}
static void resize_by_wrong_domain(void) {
  three_neighbours(PYM_OBJ);
  pym_raw_realloc(b, 10);
}
static void free_small_as_raw(void) { pym_raw_free(pym_obj_malloc(24)); }
static void resize_small_as_raw(void) { pym_raw_realloc(pym_mem_malloc(24), 100); }
static void free_of_other_heap(void) {
  pym_heap *h = pym_heap_new();
  pym_raw_free(pym_heap_malloc(h, PYM_RAW, 1000));
}
static void free_foreign_raw(void) { pym_raw_free((char *)target_foreign(1) + 64); }
static void free_foreign_mem(void) {
  pym_mem_free(pym_mem_malloc(8));
  pym_mem_free((char *)target_foreign(1) + 64);
}
static void free_foreign_obj(void) {
  pym_obj_free(pym_obj_malloc(8));
  pym_obj_free((char *)target_foreign(1) + 64);
}
static void resize_foreign(void) { pym_obj_realloc((char *)target_foreign(1) + 64, 100); }
static void resize_foreign_large(void) { pym_obj_realloc((char *)target_foreign(1) + 64, 5000); }
static void resize_far_foreign(void) {
  char *p = target_foreign(1000); /* above 16 MiB: beyond the first page table */
  pym_obj_realloc(p + 900 * WASM_PAGE, 100);
}
static void free_far_foreign(void) {
  char *p = target_foreign(1000);
  pym_obj_free(p + 900 * WASM_PAGE);
}

/* The classic unlink attack: the two words behind a freed block's header. */
static void unlink_attack(void) {
  three_neighbours(PYM_RAW);
  uint32_t *target = pym_raw_malloc(64);
  pym_raw_free(b);
  uint32_t *links = (uint32_t *)b;
  links[0] = (uint32_t)target_offset(target);
  links[1] = (uint32_t)target_offset(target + 4);
  pym_raw_malloc(1000);
}
static void one_link(unsigned which, uint32_t value) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  ((uint32_t *)b)[0] = which == 0 ? value : 0;
  ((uint32_t *)b)[1] = which == 1 ? value : 0;
  pym_raw_malloc(1000);
}
static void link_forwards(void) { one_link(0, (uint32_t)target_offset(pym_raw_calloc(1, 64))); }
static void link_backwards(void) { one_link(1, (uint32_t)target_offset(pym_raw_calloc(1, 64))); }
static void wild_link_forwards(void) { one_link(0, 0xfffffff0); }
static void wild_link_backwards(void) { one_link(1, 0xfffffff0); }

/* The list of free chunks is led to a block in use that plays its part in the list. */
static void link_to_block_in_use(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  ((uint32_t *)b)[0] = (uint32_t)target_offset(c - 8);
  ((uint32_t *)c)[0] = 0;
  ((uint32_t *)c)[1] = (uint32_t)target_offset(b - 8);
  CHECK(pym_raw_malloc(1000) == b);
  pym_raw_malloc(1000); /* would be c */
}
/* The chunk is too small for the request, so the search goes on along its link. */
static void wild_link_passed(void) {
  void *kept = pym_raw_malloc(100), *p = pym_raw_malloc(1928), *behind = pym_raw_malloc(100);
  pym_raw_free(p);
  *(uint32_t *)p = 0xe0e0e0e8;
  pym_raw_malloc(1990);
  (void)kept, (void)behind;
}
/* The same, where whole pages are looked for in free raw memory. */
static void wild_link_passed_by_pages(void) {
  void *kept = pym_raw_malloc(1000), *p = pym_raw_malloc(5 * WASM_PAGE);
  void *behind = pym_raw_malloc(1000);
  pym_heap *h = pym_heap_new();
  pym_raw_free(p);
  *(uint32_t *)p = 0xe0e0e0e8;
  pym_heap_malloc(h, PYM_RAW, 5 * WASM_PAGE - 100);
  (void)kept, (void)behind;
}
static void wild_links(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  memset(b, 0xf0, 8);
  pym_raw_malloc(1000);
}
static void wild_links_then_other_size(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  memset(b, 0xee, 8);
  pym_raw_malloc(990);
  pym_raw_malloc(1000);
  pym_raw_free(a);
}
static void size_behind_free_chunk(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  *(uint32_t *)(b + pym_usable_size(a) - 4) ^= 16; /* a and b are of one size */
  pym_raw_free(c);
}
static void size_of_free_chunk_taken(void) {
  three_neighbours(PYM_RAW);
  pym_raw_free(b);
  *(uint32_t *)(b + pym_usable_size(a) - 4) ^= 16;
  pym_raw_malloc(1000);
}
static void overrun_into_header(void) {
  three_neighbours(PYM_RAW);
  memset(b, 0x41, pym_usable_size(b) + 8);
  pym_raw_free(b);
}
static void overrun_of_last_block(void) {
  three_neighbours(PYM_RAW);
  unsigned char *p = pym_raw_malloc(100);
  for (void *q; (q = pym_raw_malloc(100)) != NULL && (unsigned char *)q > p;) p = q;
  memset(p, 0x41, pym_usable_size(p) + 8);
  pym_raw_free(p);
}

static const struct attack raw_attacks[] = {
    {"free twice", "double free of a raw block", free_twice, 0},
    {"free twice, joined with the one before", "double free of a raw block",
     free_twice_joined_before, 0},
    {"free twice, joined with the one behind", "double free of a raw block",
     free_twice_joined_behind, 0},
    {"free a large object twice", "double free of a raw block", free_large_twice, 0},
    {"resize a freed block", "double free of a raw block", resize_freed, 0},
    {"free inside a block", "raw block header overwritten", free_inside, 0},
    {"free an odd address", "pointer is not a block", free_inside_unaligned, 0},
    {"resize inside a block", "raw block header overwritten", resize_inside, 0},
    {"free in another domain", "block belongs to another domain", free_by_wrong_domain, 0},
    {"free raw as object", "block belongs to another domain", free_raw_as_object, 0},
    {"resize in another domain", "block belongs to another domain", resize_by_wrong_domain, 0},
    {"free a pool block as raw", "block belongs to another domain", free_small_as_raw, 0},
    {"resize a pool block as raw", "block belongs to another domain", resize_small_as_raw, 0},
    {"free a block of another heap", "raw block header overwritten", free_of_other_heap, 0},
    {"free foreign, raw", "pointer is not a block", free_foreign_raw, 0},
    {"free foreign, mem", "pointer is not a block", free_foreign_mem, 0},
    {"free foreign, object", "pointer is not a block", free_foreign_obj, 0},
    {"resize foreign", "pointer is not a block", resize_foreign, 0},
    {"resize foreign, large", "pointer is not a block", resize_foreign_large, 0},
    {"resize foreign above 16 MiB", "pointer is not a block", resize_far_foreign, 0},
    {"free foreign above 16 MiB", "pointer is not a block", free_far_foreign, 1},
    {"unlink attack", "free raw memory overwritten", unlink_attack, 0},
    {"link forwards", "free raw memory overwritten", link_forwards, 0},
    {"link backwards", "free raw memory overwritten", link_backwards, 0},
    {"wild link forwards", "free raw memory overwritten", wild_link_forwards, 0},
    {"wild link backwards", "free raw memory overwritten", wild_link_backwards, 0},
    {"link to a block in use", "free raw memory overwritten", link_to_block_in_use, 0},
    {"wild link on the way", "free raw memory overwritten", wild_link_passed, 0},
    {"wild link on the way to pages", "free raw memory overwritten", wild_link_passed_by_pages, 0},
    {"size of a free chunk", "free raw memory overwritten", size_of_free_chunk_taken, 0},
    {"wild links", "free raw memory overwritten", wild_links, 0},
    {"wild links, other size", "free raw memory overwritten", wild_links_then_other_size, 0},
    {"size behind a free chunk", "free raw memory overwritten", size_behind_free_chunk, 0},
    {"overrun into a header", "raw block header overwritten", overrun_into_header, 0},
    {"overrun of the last block", "raw block header overwritten", overrun_of_last_block, 0},
};

static void attacks_on_raw_blocks_are_reported(void) { run_table(raw_attacks, COUNT(raw_attacks)); }

/* ---- Heaps and free pages ---- */

static void destroy_default(void) { pym_heap_destroy(pym_heap_default()); }
static void destroy_twice(void) {
  pym_heap *h = pym_heap_new();
  pym_heap_destroy(h);
  pym_heap_destroy(h);
}
static void overwrite_root(void) {
  pym_raw_malloc(100);
  *(uint32_t *)(uintptr_t)pym_root() ^= 1;
  pym_heap_new();
}
static unsigned char *free_run(void) {
  pym_heap *h = pym_heap_new();
  unsigned char *p = pym_heap_malloc(h, PYM_RAW, 6 * WASM_PAGE);
  pym_heap_destroy(h);
  return (unsigned char *)((uintptr_t)p & ~(uintptr_t)65535);
}
static void overwrite_free_run(void) {
  memset(free_run(), 0x77, 16);
  pym_raw_malloc(5 * WASM_PAGE);
}
static void overwrite_free_run_links(void) {
  memset(free_run(), 0x77, 8);
  pym_raw_malloc(5 * WASM_PAGE);
}
/* Two runs of free pages in one list: the first in it has four pages, the other six.  Asked for by
 * a heap of its own, since one with pages would rather have those beside them. */
static pym_heap *asking;
static unsigned char *two_free_runs(void) {
  pym_heap *h[3];
  asking = pym_heap_new();
  unsigned char *p[3];
  for (unsigned i = 0; i < COUNT(h); i++) {
    h[i] = pym_heap_new();
    p[i] = pym_heap_malloc(h[i], PYM_RAW, (6 - i) * WASM_PAGE - 1000);
  }
  pym_heap_destroy(h[0]);
  pym_heap_destroy(h[2]);
  return (unsigned char *)((uintptr_t)p[2] & ~(uintptr_t)65535);
}
static void free_run_links(uint32_t next, uint32_t prev) {
  uint32_t *run = (uint32_t *)two_free_runs();
  run[0] = next;
  run[1] = prev;
  pym_heap_malloc(asking, PYM_RAW, 4 * WASM_PAGE - 1000); /* the run that was overwritten */
}
static void wild_next_run(void) { free_run_links(0x7fff0000, 0); }
static void wild_prev_run(void) { free_run_links(0, 0x7fff0000); }
/* A page of somebody's block, full of zeros. */
static uint32_t false_run(void) {
  return (uint32_t)target_offset((char *)pym_raw_calloc(3, WASM_PAGE) + WASM_PAGE) & ~65535u;
}
static void false_next_run(void) { free_run_links(false_run(), 0); }
static void false_prev_run(void) { free_run_links(0, false_run()); }
static void wild_next_run_passed(void) {
  *(uint32_t *)two_free_runs() = 0x7fff0000;
  pym_heap_malloc(asking, PYM_RAW, 5 * WASM_PAGE); /* too long for it: the search goes on */
}

/* What the last page of a run says of its start is believed when the page behind is given back. */
static void free_run_start(uint32_t change) {
  pym_heap *left = pym_heap_new(), *right = pym_heap_new();
  pym_heap_malloc(left, PYM_RAW, 3 * WASM_PAGE - 1000);
  unsigned char *p = pym_heap_malloc(right, PYM_RAW, 3 * WASM_PAGE - 1000);
  pym_heap_destroy(left);
  unsigned char *page = (unsigned char *)((uintptr_t)p & ~(uintptr_t)65535) - WASM_PAGE;
  ((uint32_t *)page)[2] ^= change;
  pym_heap_destroy(right);
}
/* The same of the first page of a run, when the page before it is given back. */
static void free_run_behind(unsigned word) {
  pym_heap *left = pym_heap_new(), *right = pym_heap_new();
  pym_heap_malloc(left, PYM_RAW, 3 * WASM_PAGE - 1000);
  unsigned char *p = pym_heap_malloc(right, PYM_RAW, 7 * WASM_PAGE - 1000);
  pym_heap_destroy(right);
  ((uint32_t *)((uintptr_t)p & ~(uintptr_t)65535))[word] ^= 1;
  pym_heap_destroy(left);
}
static void start_of_run_behind(void) { free_run_behind(2); }
static void length_of_run_behind(void) { free_run_behind(3); }
static void length_in_its_list(void) {
  unsigned char *run = two_free_runs(); /* four pages, told to be five */
  ((uint32_t *)run)[3] ^= 1;
  pym_heap_malloc(asking, PYM_RAW, 4 * WASM_PAGE - 1000);
}

static void free_run_start_beyond(void) { free_run_start(0x40000000); }
static void free_run_start_wrong(void) { free_run_start(1); }

static void overwrite_free_run_length(void) {
  free_run()[12] ^= 0x40;
  pym_raw_malloc(5 * WASM_PAGE);
}

static const struct attack heap_attacks[] = {
    {"destroy the default heap", "heap cannot be destroyed", destroy_default, 0},
    {"destroy a heap twice", "heap cannot be destroyed", destroy_twice, 0},
    {"root structure", "root structure overwritten", overwrite_root, 0},
    {"free run", "free page", overwrite_free_run, 0},
    {"links of a free run", "free page", overwrite_free_run_links, 0},
    {"length of a free run", "free page", overwrite_free_run_length, 0},
    {"next free run, wild", "free pages overwritten", wild_next_run, 0},
    {"free run before, wild", "free pages overwritten", wild_prev_run, 0},
    {"next free run, false", "free pages overwritten", false_next_run, 0},
    {"free run before, false", "free pages overwritten", false_prev_run, 0},
    {"next free run, wild, passed", "free pages overwritten", wild_next_run_passed, 0},
    {"start of the run behind", "free page overwritten", start_of_run_behind, 0},
    {"length of the run behind", "free page overwritten", length_of_run_behind, 0},
    {"length of a free run, a little", "free page overwritten", length_in_its_list, 0},
    {"start of a free run, beyond", "free page", free_run_start_beyond, 0},
    {"start of a free run, wrong", "free page", free_run_start_wrong, 0},
};

static void attacks_on_heaps_and_free_pages_are_reported(void) {
  run_table(heap_attacks, COUNT(heap_attacks));
}

CHECK_CASES(TEST(attacks_on_raw_blocks_are_reported),
            TEST(attacks_on_heaps_and_free_pages_are_reported));
