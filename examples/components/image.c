/* A program that Wizer starts before it is shipped: its table is in the image, so an instance
 * begins with it.  The heap goes along, with what lives in it and its limit. */
#include <pymalloc.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

struct entry {
  struct entry *next;
  uint32_t key, value;
};
static struct entry *entries;
static pym_heap *scratch;

static int add(uint32_t key, uint32_t value) {
  struct entry *entry = pym_obj_malloc(sizeof *entry);
  if (!entry) return 0;
  *entry = (struct entry){entries, key, value};
  entries = entry;
  return 1;
}

/* What Wizer runs.  A heap of its own may be in the image too, with its limit. */
EXPORT("wizer-initialize") void prepare(void) {
  for (uint32_t i = 0; i < 10000; i++) add(i, i * i);
  scratch = pym_heap_new();
  pym_limit_set(scratch, PYM_WHOLE_HEAP, PYM_UNLIMITED, 1 << 20);
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, PYM_UNLIMITED, 4 << 20);
}

EXPORT("look_up") uint32_t look_up(uint32_t key) {
  for (const struct entry *entry = entries; entry; entry = entry->next)
    if (entry->key == key) return entry->value;
  return UINT32_MAX;
}

/* How many KiB the limits have room for. */
EXPORT("fill") uint32_t fill(int in_scratch) {
  pym_heap *heap = in_scratch ? scratch : pym_heap_default();
  uint32_t kib = 0;
  while (pym_heap_malloc(heap, PYM_OBJ, 1024)) kib++;
  return kib;
}

EXPORT("clear") void clear(void) {
  while (entries) {
    struct entry *next = entries->next;
    pym_obj_free(entries);
    entries = next;
  }
}
