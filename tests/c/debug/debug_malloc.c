/* Where this library is malloc, the debug hooks report what is done with malloc's blocks. */
#include <stdlib.h>

#include "check.h"
#include "pymalloc.h"
#include "traps.h"

static void *volatile kept; /* so that the compiler leaves all of it in */

static void write_one_behind(void) {
  unsigned char *p = kept = malloc(13);
  p[13] = 0;
  free(kept);
}
static void free_twice(void) {
  kept = malloc(13);
  free(kept);
  free(kept);
}
static void resize_freed(void) {
  kept = calloc(2, 600);
  free(kept);
  kept = realloc(kept, 5);
}
static void free_of_raw_domain(void) {
  kept = pym_raw_malloc(13);
  free(kept);
}

static const struct {
  const char *name, *end;
  void (*run)(void);
} table[] = {
    {"write_one_behind", "\npymalloc: bad trailing pad byte, address 0x", write_one_behind},
    {"free_twice", "\npymalloc: double free, address 0x", free_twice},
    {"resize_freed", "\npymalloc: use of a freed block, address 0x", resize_freed},
    {"free_of_raw_domain",
     "\npymalloc: bad ID: Allocated using API 'r', verified using API 'o', address 0x",
     free_of_raw_domain},
};
const unsigned attacks = COUNT(table);

void attack(unsigned i) {
  pym_debug_hooks();
  table[i].run();
}
int attack_noticed(unsigned i) {
  return find(said, table[i].end) && ends_with(said, ", object domain\n");
}
const char *attack_name(unsigned i) { return table[i].name; }
