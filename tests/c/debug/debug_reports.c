/* The reports of the debug hooks, word for word, for what is not a single damaged byte. */
#include "check.h"
#include "pymalloc.h"
#include "traps.h"

static unsigned char *p, *q;

/* S: the size of a size_t.  Where the marks of a block are, as its report says it. */
#if PYM__MEMORY64
enum { S = 8 };
#define PADS "7"
#define TAIL "8"
#define SIZE_AT "16"
#define COPY_AT "32"
#define FIRST_PADS \
  "        at p-7: 0xfd\n        at p-6: 0xfd\n        at p-5: 0xfd\n        at p-4: 0xfd\n"
#define LAST_PADS                                                                                  \
  "        at tail+4: 0xfd\n        at tail+5: 0xfd\n        at tail+6: 0xfd\n        at tail+7: " \
  "0xfd\n"
#define MORE_LINES "%\n%\n%\n%\n"
#define WRITTEN_ID "H"
#define WRITTEN_PADS                                                                               \
  "        at p-7: 0x47 *** OUCH\n        at p-6: 0x46 *** OUCH\n        at p-5: 0x45 *** OUCH\n " \
  "       at p-4: 0x44 *** OUCH\n"
#define SIZE_BEYOND "9151314442816847892"
#define SIZE_OF_CLEAN "14829735431805717965"
#else
enum { S = 4 };
#define PADS "3"
#define TAIL "4"
#define SIZE_AT "8"
#define COPY_AT "16"
#define FIRST_PADS
#define LAST_PADS
#define MORE_LINES
#define WRITTEN_ID "D"
#define WRITTEN_PADS
#define SIZE_BEYOND "2130706452"
#define SIZE_OF_CLEAN "3452816845"
#endif

/* ---- Written outside of the block ---- */

static void write_behind(void) {
  p = pym_mem_malloc(16);
  p[16] = 'x';
  pym_mem_free(p);
}
static void write_before(void) {
  p = pym_obj_malloc(3);
  p[-1] = p[-3] = 'A';
  p = pym_obj_realloc(p, 40);
}
static void write_far_before(void) {
  p = pym_raw_malloc(20);
  p[2 - 4 * S] ^= 1;
  pym_raw_free(p);
}
static void write_all_before(void) {
  p = pym_raw_malloc(20);
  for (int i = 1; i <= 4 * S; i++) p[-i] = (unsigned char)(0x40 + i);
  pym_raw_free(p);
}
static void size_and_copy_agree_beyond_memory(void) {
  p = pym_raw_malloc(20);
  p[-3 * S - 1] ^= 0x7f; /* little-endian */
  p[-2 * S] ^= 0x7f;
  pym_raw_free(p);
}
static void ask_size_of_damaged(void) {
  p = pym_obj_malloc(7);
  p[8] = 0;
  pym_usable_size(p);
}

/* ---- Another domain's ---- */

static void free_by_other_domain(void) { pym_obj_free(p = pym_mem_malloc(100)); }
static void resize_by_other_domain(void) { p = pym_raw_realloc(p = pym_obj_malloc(1000), 10); }

/* ---- No block ---- */

static void free_inside(void) {
  p = pym_obj_malloc(100);
  pym_obj_free(p + 48);
}
static void free_base(void) {
  p = pym_obj_malloc(100);
  pym_obj_free(p - 4 * S);
}
static void free_large_base(void) {
  p = pym_raw_malloc(9000);
  pym_raw_free(p - 4 * S);
}
static void free_nonsense(void) { pym_raw_free((void *)((unsigned char *)pym_root() + 4)); }
static void free_behind_memory(void) {
  pym_page_stats pages;
  pym_page_stats_get(&pages);
  p = (unsigned char *)pym_root() - (unsigned long)((uintptr_t)pym_root() & 0xffff);
  pym_obj_free(p + pages.memory * (size_t)65536 + 64);
}

/* ---- After it was freed ---- */

static void free_twice(void) {
  p = pym_obj_malloc(40);
  pym_obj_free(p);
  pym_obj_free(p);
}
static void free_twice_later(void) {
  p = pym_obj_malloc(40);
  pym_obj_free(p);
  pym_heap_trim(pym_heap_default());
  pym_obj_free(p);
}
static void free_large_twice(void) {
  p = pym_mem_malloc(5000);
  q = pym_mem_malloc(5000);
  pym_mem_free(p);
  pym_mem_free(p);
}
static void free_huge_twice(void) {
  p = pym_raw_malloc(100000);
  q = pym_raw_malloc(100000);
  pym_raw_free(p);
  pym_raw_free(p);
}
static void free_what_moved(void) {
  p = pym_obj_malloc(40);
  q = pym_obj_realloc(p, 4000);
  pym_obj_free(p);
}
static void resize_freed(void) {
  p = pym_mem_malloc(40);
  pym_mem_free(p);
  q = pym_mem_realloc(p, 50);
}
static void ask_size_of_freed(void) {
  p = pym_mem_malloc(40);
  pym_mem_free(p);
  pym_usable_size(p);
}
static void write_to_freed(void) {
  p = pym_obj_malloc(20);
  pym_obj_free(p);
  p[9] = 'A';
  for (unsigned i = 0; i < 64; i++) pym_mem_free(pym_mem_malloc(8));
}
static void write_to_freed_trimmed(void) {
  p = pym_obj_malloc(20);
  pym_obj_free(p);
  p[-2] = 0xfd;
  pym_heap_trim(pym_heap_default());
}

/* No block of theirs: what is below reports. */
static void free_aligned_twice(void) {
  p = pym_raw_aligned_alloc(64, 100);
  pym_raw_free(p);
  pym_raw_free(p);
}

/* `text` is the report, from the first line on; in it @ is any number, hexadecimal or not, and %
 * the rest of a line. */
static const struct named {
  const char *name, *text;
  void (*run)(void);
} table[] = {
    {"write_behind",
     "Debug memory block at address p=0x@: API 'm'\n"
     "    16 bytes originally requested\n"
     "    The " PADS " pad bytes at p-" PADS " are FORBIDDENBYTE, as expected.\n"
     "    The " TAIL " pad bytes at tail=0x@ are not all FORBIDDENBYTE (0xfd):\n"
     "        at tail+0: 0x78 *** OUCH\n"
     "        at tail+1: 0xfd\n"
     "        at tail+2: 0xfd\n"
     "        at tail+3: 0xfd\n" LAST_PADS
     "    The block was made by call #@ to debug malloc/realloc.\n"
     "    Data at p: cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd cd\n"
     "\n"
     "pymalloc: bad trailing pad byte, address 0x@, mem domain\n",
     write_behind},
    {"write_before",
     "Debug memory block at address p=0x@: API 'o'\n"
     "    3 bytes originally requested\n"
     "    The " PADS " pad bytes at p-" PADS " are not all FORBIDDENBYTE (0xfd):\n" FIRST_PADS
     "        at p-3: 0x41 *** OUCH\n"
     "        at p-2: 0xfd\n"
     "        at p-1: 0x41 *** OUCH\n"
     "    The " TAIL " pad bytes at tail=0x@ are FORBIDDENBYTE, as expected.\n"
     "    The block was made by call #@ to debug malloc/realloc.\n"
     "    Data at p: cd cd cd\n"
     "\n"
     "pymalloc: bad leading pad byte, address 0x@, object domain\n",
     write_before},
    {"write_far_before",
     "Debug memory block at address p=0x@: API 'r'\n"
     "    20 bytes originally requested\n"
     "    The " PADS " pad bytes at p-" PADS " are FORBIDDENBYTE, as expected.\n"
     "    The " TAIL " pad bytes at tail=0x@ are FORBIDDENBYTE, as expected.\n"
     "    The copy of the size at p-" COPY_AT " is overwritten\n"
     "    Data at p: cd cd cd cd cd cd cd cd ... cd cd cd cd cd cd cd cd\n"
     "\n"
     "pymalloc: bad leading pad byte, address 0x@, raw domain\n",
     write_far_before},
    {"write_all_before",
     "Debug memory block at address p=0x@: API '" WRITTEN_ID "'\n"
     "    @ bytes originally requested\n"
     "    The size field at p-" SIZE_AT " is overwritten, or its copy at p-" COPY_AT
     ": where the block ends is not "
     "known\n"
     "    The " PADS " pad bytes at p-" PADS " are not all FORBIDDENBYTE (0xfd):\n" WRITTEN_PADS
     "        at p-3: 0x43 *** OUCH\n"
     "        at p-2: 0x42 *** OUCH\n"
     "        at p-1: 0x41 *** OUCH\n"
     "\n"
     "pymalloc: bad ID: Allocated using API '" WRITTEN_ID
     "', verified using API 'r', address 0x@, raw domain\n",
     write_all_before},
    {"size_and_copy_agree_beyond_memory",
     "Debug memory block at address p=0x@: API 'r'\n"
     "    " SIZE_BEYOND " bytes originally requested\n"
     "    The size field at p-" SIZE_AT " is overwritten, or its copy at p-" COPY_AT
     ": where the block ends is not "
     "known\n"
     "    The " PADS " pad bytes at p-" PADS " are FORBIDDENBYTE, as expected.\n"
     "\n"
     "pymalloc: bad size field, address 0x@, raw domain\n",
     size_and_copy_agree_beyond_memory},
    {"ask_size_of_damaged",
     "Debug memory block at address p=0x@: API 'o'\n%\n%\n%\n%\n"
     "        at tail+1: 0x00 *** OUCH\n%\n%\n" LAST_PADS "%\n%\n\n"
     "pymalloc: bad trailing pad byte, address 0x@, object domain\n",
     ask_size_of_damaged},
    {"free_by_other_domain",
     "Debug memory block at address p=0x@: API 'm'\n"
     "    100 bytes originally requested\n%\n%\n%\n"
     "    Data at p: cd cd cd cd cd cd cd cd ... cd cd cd cd cd cd cd cd\n"
     "\n"
     "pymalloc: bad ID: Allocated using API 'm', verified using API 'o', address 0x@, object "
     "domain\n",
     free_by_other_domain},
    {"resize_by_other_domain",
     "Debug memory block at address p=0x@: API 'o'\n"
     "    1000 bytes originally requested\n%\n%\n%\n%\n\n"
     "pymalloc: bad ID: Allocated using API 'o', verified using API 'r', address 0x@, raw domain\n",
     resize_by_other_domain},
    {"free_inside",
     "Debug memory block at address p=0x@: API '\\xcd'\n"
     "    " SIZE_OF_CLEAN " bytes originally requested\n%\n%\n%\n%\n%\n" MORE_LINES "\n"
     "pymalloc: bad ID: Allocated using API '\\xcd', verified using API 'o', address 0x@, object "
     "domain\n",
     free_inside},
    {"free_base", "\npymalloc: pointer is not a block, address 0x@, object domain\n", free_base},
    {"free_large_base", "\npymalloc: pointer is not a block, address 0x@, raw domain\n",
     free_large_base},
    {"free_nonsense", NULL, free_nonsense},
    {"free_behind_memory", "\npymalloc: pointer is not a block, address 0x@, object domain\n",
     free_behind_memory},
#define TWICE(d) "%\n\npymalloc: double free, address 0x@, " d " domain\n"
    {"free_twice", TWICE("object"), free_twice},
    {"free_twice_later", TWICE("object"), free_twice_later},
    {"free_large_twice", TWICE("mem"), free_large_twice},
    {"free_huge_twice", TWICE("raw"), free_huge_twice},
    {"free_what_moved", TWICE("object"), free_what_moved},
    {"free_aligned_twice", "pymalloc: double free of a raw block, address 0x@, raw domain\n",
     free_aligned_twice},
    {"resize_freed",
     "Debug memory block at address p=0x@ that was freed: its marks are DEADBYTE (0xdd)\n\n"
     "pymalloc: use of a freed block, address 0x@, mem domain\n",
     resize_freed},
    {"ask_size_of_freed", "%\n\npymalloc: use of a freed block, address 0x@\n", ask_size_of_freed},
    {"write_to_freed",
     "Freed debug memory block at address p=0x@: at p+9: 0x41 *** OUCH, not DEADBYTE (0xdd)\n"
     "    Data at p: dd dd dd dd dd dd dd dd ... dd dd dd dd dd dd dd dd\n"
     "\n"
     "pymalloc: freed block written to, address 0x@, object domain\n",
     write_to_freed},
    {"write_to_freed_trimmed",
     "Freed debug memory block at address p=0x@: at p-2: 0xfd *** OUCH, not DEADBYTE (0xdd)\n%\n\n"
     "pymalloc: freed block written to, address 0x@, object domain\n",
     write_to_freed_trimmed},
};
const unsigned attacks = COUNT(table);

void attack(unsigned i) {
  pym_debug_hooks();
  table[i].run();
}

static int is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

static int matches(const char *text, const char *form) {
  for (; *form; form++) {
    if (*form == '@' && is_digit(*text))
      while (is_digit(*text)) text++;
    else if (*form == '%')
      while (*text && *text != '\n') text++;
    else if (*form != *text++) return 0;
  }
  return !*text;
}

int attack_noticed(unsigned i) {
  if (table[i].text) return matches(said, table[i].text);
  return find(said, "\npymalloc: ") != NULL; /* no bare trap */
}

const char *attack_name(unsigned i) { return table[i].name; }
