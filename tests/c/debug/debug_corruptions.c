/* Every change of every byte that the debug hooks and CPython guard a block with: 12 bytes (24
 * with 64-bit addresses), 255 values, 3 domains, 10 sizes, free and realloc.  The block holds
 * nothing but FORBIDDENBYTE, and so does what is behind it: that must not pass for a trailing pad.
 */
#include "check.h"
#include "pymalloc.h"
#include "traps.h"

static const unsigned sizes[] = {0, 1, 8, 24, 100, 255, 512, 513, 5000, 70000};
enum { S = sizeof(pym_size), BYTES = 3 * S, VALUES = 255, CALLS = 2 };
#define PER_SIZE (BYTES * VALUES * CALLS)
#define PER_DOMAIN ((unsigned)COUNT(sizes) * PER_SIZE)
const unsigned attacks = PYM_DOMAINS * PER_DOMAIN;
_Static_assert(PYM_DOMAINS *COUNT(sizes) * BYTES * VALUES * CALLS == 45900 * S, "as documented");

static const struct domain {
  const char *name, *id;
  void *(*malloc)(size_t n);
  void *(*realloc)(void *p, size_t n);
  void (*free)(void *p);
} domains[] = {{"raw", "r", pym_raw_malloc, pym_raw_realloc, pym_raw_free},
               {"mem", "m", pym_mem_malloc, pym_mem_realloc, pym_mem_free},
               {"object", "o", pym_obj_malloc, pym_obj_realloc, pym_obj_free}};

static unsigned char *block, *damaged, was;
static unsigned block_of = ~0u; /* the attacks on one block have this number / PER_SIZE */

static void new_block(unsigned i) {
  const struct domain *d = &domains[i / PER_DOMAIN];
  const unsigned n = sizes[i % PER_DOMAIN / PER_SIZE];
  if (i == 0) pym_debug_hooks();
  block = d->malloc(n);
  block_of = i / PER_SIZE;
  for (unsigned k = 0; k < n; k++) block[k] = 0xfd;
  for (unsigned k = n + S; (k + 4 * S) % 16; k++) block[k] = 0xfd;
}

void attack(unsigned i) {
  const struct domain *d = &domains[i / PER_DOMAIN];
  const unsigned n = sizes[i % PER_DOMAIN / PER_SIZE], byte = i % PER_SIZE / (VALUES * CALLS);
  if (block_of != i / PER_SIZE) new_block(i);
  damaged = byte < 2 * S ? block - 2 * S + byte : block + n + byte - 2 * S;
  was = *damaged;
  *damaged = (unsigned char)(was + 1 + i % VALUES);
  if (i / VALUES % CALLS) d->free(block);
  else d->realloc(block, n + 1);
}

static char *append(char *to, const char *text) {
  while (*text) *to++ = *text++;
  *to = 0;
  return to;
}

static int says_byte(const char *place, unsigned at, unsigned char value) {
  const char number[] = {(char)('0' + at), 0};
  const char hex[] = {"0123456789abcdef"[value >> 4], "0123456789abcdef"[value & 15], 0};
  char line[64], *end = append(append(append(line, "        at "), place), number);
  append(append(append(end, ": 0x"), hex), " *** OUCH\n");
  return find(said, line) != NULL;
}

/* The report is CPython's from its first line to the last, and names what was damaged. */
int attack_noticed(unsigned i) {
  const struct domain *d = &domains[i / PER_DOMAIN];
  const unsigned byte = i % PER_SIZE / (VALUES * CALLS);
  const unsigned char value = *damaged;
  const char *last = find(said, "\n\npymalloc: ");
  *damaged = was;
  if (!last || !starts_with(said, "Debug memory block at address p=0x")) return 0;
  last += 12;
  const char *end = find(last, ", ");
  if (!find(said, " bytes originally requested\n") ||
      !find(said, S == 4 ? "    The 3 pad bytes at p-3 are " : "    The 7 pad bytes at p-7 are ") ||
      !find(said, S == 4 ? "    The 4 pad bytes at tail=0x" : "    The 8 pad bytes at tail=0x") ||
      !find(last, ", address 0x"))
    return 0;
  for (unsigned k = 0; k < PYM_DOMAINS; k++)
    if ((find(end, domains[k].name) != NULL) != (d == &domains[k])) return 0;
  if (!ends_with(said, " domain\n") || find(last, "\n")[1]) return 0;
  if (byte < S)
    return starts_with(last, "bad size field, ") &&
           find(said, S == 4 ? "    The size field at p-8 is overwritten: its copy says "
                             : "    The size field at p-16 is overwritten: its copy says ");
  if (byte == S)
    return starts_with(last, "bad ID: Allocated using API '") &&
           starts_with(find(last, "verified using API '") + 20, d->id);
  if (byte < 2 * S)
    return starts_with(last, "bad leading pad byte, ") && says_byte("p-", 2 * S - byte, value);
  return starts_with(last, "bad trailing pad byte, ") && says_byte("tail+", byte - 2 * S, value);
}

const char *attack_name(unsigned i) {
  static char name[] = "pad at tail+0";
  const unsigned byte = i % PER_SIZE / (VALUES * CALLS);
  const char *what = byte < S ? "size, byte " : byte < 2 * S ? "id or pad p-" : "pad at tail+";
  char *end = append(name, what);
  const unsigned at = byte < S ? byte : byte < 2 * S ? 2 * S - byte : byte - 2 * S;
  append(end, (const char[]){(char)('0' + at), 0});
  return name;
}
