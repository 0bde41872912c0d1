/* Workloads in which allocators that put work off have to do it: see longest.c. */
#include <string.h>

#include "longest.h"
#include "peer.h"

/* 16-byte blocks freed in random order, then large requests. */
static void random_free(size_t bytes) {
  size_t n = bytes / 16;
  for (size_t i = 0; i < n; i++) blocks[i] = get(16);
  hold((int64_t)bytes);
  shuffle(blocks, n);
  for (size_t i = 0; i < n; i++) put(blocks[i]);
  for (size_t large = MIB; large <= bytes / 2; large *= 2) put(get(large));
}

/* A change of phase: small blocks of all sizes, all freed, then blocks of 1 MB. */
static void phase(size_t bytes) {
  size_t n = 0, sum = 0, large = bytes / MIB * 15 / 16;
  for (; sum < bytes; n++) {
    size_t size = 16 + 8 * (size_t)below(31);
    blocks[n] = get(size);
    sum += size;
  }
  hold((int64_t)sum);
  shuffle(blocks, n);
  for (size_t i = 0; i < n; i++) put(blocks[i]);
  hold(-(int64_t)sum);
  for (size_t i = 0; i < large; i++) blocks[i] = get(1000000);
  hold((int64_t)large * 1000000);
  for (size_t i = 0; i < large; i++) put(blocks[i]);
}

/* Class after class: blocks are allocated and freed but for one in each 4 KiB of them. */
static void survivors(size_t bytes) {
  static void *kept[1 << 18];
  size_t all = 0;
  for (size_t size = 16; size <= 512; size += 16) {
    size_t n = bytes / size, each = 4096 / size;
    for (size_t i = 0; i < n; i++) blocks[i] = get(size);
    hold((int64_t)bytes);
    for (size_t i = 0; i < n; i++) {
      if (i % each == 0 && all < sizeof kept / sizeof kept[0]) kept[all++] = blocks[i];
      else put(blocks[i]);
    }
    hold((int64_t)(n / each * size) - (int64_t)bytes);
  }
  for (size_t i = 0; i < all; i++) put(kept[i]);
}

/* In the manner of Robson: sizes double; before each step those blocks go that leave, in every
 * stretch of two such sizes, one that is in the way. */
static void robson(size_t bytes) {
  size_t n = bytes / 16, size = 16;
  for (size_t i = 0; i < n; i++) blocks[i] = get(16);
  hold((int64_t)bytes);
  while (size < bytes / 64) {
    size_t kept = 0, old = n, fresh = 0;
    for (size_t i = 0; i < old; i++) {
      if (i % 2) put(blocks[i]);
      else blocks[kept++] = blocks[i];
    }
    fresh = bytes / 2 / (size *= 2);
    for (size_t i = 0; i < fresh; i++) blocks[kept + i] = get(size);
    n = kept + fresh;
    shuffle(blocks + kept, fresh);
  }
  for (size_t i = 0; i < n; i++) put(blocks[i]);
}

/* Most blocks die young, some after a while, a few live on; some grow meanwhile. */
static void generations(size_t bytes) {
  enum { YOUNG = 4096, OLD = 65536 };
  void **young = blocks, **old = blocks + YOUNG;
  size_t old_size = bytes / OLD;
  for (size_t step = 0; step < 40 * (size_t)OLD; step++) {
    void **at = &young[below(YOUNG)];
    size_t size = 8 + 8 * (size_t)below(16);
    if (below(64) == 0) size = 200 + below((uint32_t)(4 * old_size));
    if (*at && below(16) == 0) {
      void **to = &old[below(OLD)];
      if (*to) put(*to);
      *to = resize(*at, size + size / 2);
    } else if (*at) {
      put(*at);
    }
    *at = get(size);
  }
  hold((int64_t)bytes);
  for (size_t i = 0; i < YOUNG + OLD; i++) put(blocks[i]);
  memset(blocks, 0, (YOUNG + OLD) * sizeof blocks[0]);
}

/* Blocks of 16 KB and more: pairs, a window of them, one that grows and shrinks.  The time of a
 * realloc that moves is that of the copy. */
static void sizes(size_t bytes) {
  for (size_t size = 16384; size <= bytes; size *= 2) {
    for (int i = 0; i < 100; i++) put(get(size));
    size_t n = bytes / size / 2 < 64 ? bytes / size / 2 : 64;
    for (size_t i = 0; i < n; i++) blocks[i] = get(size);
    for (size_t i = 0; n > 0 && i < 1000; i++) {
      void **at = &blocks[below((uint32_t)n)];
      put(*at);
      *at = get(size / 2 + below((uint32_t)size / 2));
    }
    for (size_t i = 0; i < n; i++) put(blocks[i]);
  }
  hold((int64_t)bytes);
  void *p = get(16384);
  for (size_t size = 16384; p && size < bytes; size += size / 4) p = resize(p, size);
  for (size_t size = bytes; p && size > 16384; size /= 2) p = resize(p, size);
  put(p);
}

/* Memory that others take pages of between two requests: no segment can be joined to the last. */
static void segments(size_t bytes) {
  size_t n = bytes / 200000;
  for (size_t i = 0; i < n; i++) {
    blocks[i] = get(130000);
    blocks[n + i] = get(16 + i % 400);
    take_pages(1);
  }
  hold((int64_t)n * 130000);
  shuffle(blocks, 2 * n);
  for (size_t i = 0; i < 2 * n; i++) put(blocks[i]);
}

/* Half of memory in blocks of 32 bytes, the rest in blocks of 1 MB, until none is left (the module
 * has a maximum of 1 GiB); then requests that fail, and what is freed in between. */
static void maximum(size_t bytes) {
  size_t small = bytes / 2 / 32, n = small;
  if (small > sizeof blocks / sizeof blocks[0] - 2048)
    small = sizeof blocks / sizeof blocks[0] - 2048;
  for (size_t i = 0; i < small; i++) blocks[i] = get(32);
  for (n = small; n < small + 2000 && (blocks[n] = get(MIB)) != NULL; n++) {
  }
  hold((int64_t)small * 32 + (int64_t)(n - small) * MIB);
  for (int i = 0; i < 50; i++) put(get(256 * (size_t)MIB));
  shuffle(blocks, small);
  for (size_t i = 0; i < small; i++) {
    put(blocks[i]);
    if (i % (small / 50) == 0) put(get(512 * (size_t)MIB));
  }
  for (size_t i = small; i < n; i++) put(blocks[i]);
}

/* 1,000 heaps that work by turns, with blocks of all kinds; each destroyed whole. */
static void heaps(size_t bytes) {
#if defined(PEER_PYM)
  static pym_heap *heap[1000];
  size_t n = bytes / sizeof heap;
  for (size_t i = 0; i < 1000; i++) {
    call_begins();
    heap[i] = pym_heap_new();
    call_ends(HEAP_NEW);
  }
  for (size_t i = 0; i < n * 1000; i++) {
    pym_heap *h = heap[i % 1000];
    call_begins();
    void *p = pym_heap_malloc(h, PYM_OBJ, i % 50 ? 8 + i % 400 : 3000);
    call_ends(MALLOC);
    if (i % 3 == 0) continue;
    call_begins();
    pym_heap_free(h, PYM_OBJ, p);
    call_ends(FREE);
  }
  for (size_t i = 0; i < 1000; i++) {
    call_begins();
    pym_heap_destroy(heap[i]);
    call_ends(HEAP_DESTROY);
  }
#else
  (void)bytes;
#endif
}

const struct workload workloads[] = {
    {"random-free", random_free, 64 * (size_t)MIB},
    {"phase", phase, 96 * (size_t)MIB},
    {"survivors", survivors, 8 * (size_t)MIB},
    {"robson", robson, 16 * (size_t)MIB},
    {"generations", generations, 64 * (size_t)MIB},
    {"sizes", sizes, 256 * (size_t)MIB},
    {"segments", segments, 512 * (size_t)MIB},
    {"maximum", maximum, 256 * (size_t)MIB},
    {"heaps", heaps, 400000},
    {NULL, NULL, 0},
};
