/* The debug hooks' look at a block, and their report: CPython's, with what is read bounded first.
 *
 * Nothing in the marks of a block is believed.  Its size is known if the size field and the copy
 * agree, or if the trailing pad is where one of them says; otherwise nothing behind the block is
 * looked at. */
#include "debug/debug_report.h"

#include "core/chunk_layout.h"
#include "debug/debug_block.h"
#include "inspect/report.h"
#include "ports/host.h"

/* ---- What may be read ---- */

/* Is [p, p + n) in linear memory?  Natively an allocator below may have memory elsewhere: then
 * nothing is known, and `elsewhere` is the answer. */
static int readable(const u8 *p, u64 n, int elsewhere) {
  const u64 end = (u64)pym__linmem_pages() * PAGE_BYTES;
  if (!is_in_linmem(p)) return elsewhere;
  return off(p) >= DEBUG_HEAD && off(p) + n <= end;
}

static int all_are(const u8 *p, usize n, u8 value) {
  usize i = 0;
  while (i < n && p[i] == value) i++;
  return i == n;
}

static int has_tail(const u8 *p, usize n, int elsewhere) {
  return n <= DEBUG_SIZE_MAX && readable(p, (u64)n + DEBUG_TAIL, elsewhere) &&
         all_are(p + n, DEBUG_TAIL, FORBIDDENBYTE);
}

static int has_id(const u8 *p) {
  const u8 id = *debug_id_at(p);
  return id == 'r' || id == 'm' || id == 'o';
}

/* ---- Blocks that the hooks did not make ---- */

/* Did they make a block whose data is at p?  By what nobody writes by accident. */
static int has_marks(const u8 *p) {
  return readable(p, 0, 0) && has_id(p) && all_are(p - DEBUG_PADS, DEBUG_PADS, FORBIDDENBYTE) &&
         debug_size_field(p) == debug_copy(p);
}

/* Does a raw block of some heap begin at offset, or did one that is freed?  What is below tells. */
static int is_raw_block(addr offset) {
  const addr chunk = offset - CHUNK_HEADER;
  if (!in_memory(chunk)) return 0;
  for (addr h = pym__space.first_heap; h; h = ((const struct pym_heap *)at(h))->next)
    if (is_sound(at(h), chunk)) return 1;
  return 0;
}

/* Does a block of ours begin at p?  No data of the hooks does: it lies DEBUG_HEAD bytes into a
 * block of at least twice that, and what stands before it is no header. */
static int begins_block(const u8 *p) {
  const addr offset = off(p);
  if (!is_in_linmem(p)) return 0;
  if (!class_of(offset)) return is_raw_block(offset);
  const u32 size = class_of(offset) * PYM_ALIGNMENT;
  const addr first = base_of(offset) + POOL_HEADER;
  return offset >= first && (offset - first) % size == 0;
}

int pym__debug_is_block(const void *p, int on) {
  if (begins_block(p)) return 0;
  return pym_owns(p) || on || has_marks(p);
}

/* ---- What is wrong with a block ---- */

#define UNKNOWN ((usize) - 1)

struct finding {
  enum cause cause; /* CAUSE_NONE: nothing */
  usize size;       /* bytes asked for, or UNKNOWN */
};

static struct finding look(unsigned domain, const u8 *p) {
  const usize field = debug_size_field(p), copy = debug_copy(p);
  struct finding f = {CAUSE_NONE, UNKNOWN};
  if (has_tail(p, copy, copy == field)) f.size = copy;
  else if (has_tail(p, field, 0)) f.size = field;
  else if (copy == field && field <= DEBUG_SIZE_MAX && readable(p, (u64)field + DEBUG_TAIL, 1))
    f.size = field;
  if (domain < PYM_DOMAINS ? (char)*debug_id_at(p) != debug_id(domain) : !has_id(p))
    f.cause = CAUSE_BAD_ID;
  else if (!all_are(p - DEBUG_PADS, DEBUG_PADS, FORBIDDENBYTE)) f.cause = CAUSE_BAD_LEADING;
  else if (f.size == UNKNOWN || f.size != field) f.cause = CAUSE_BAD_SIZE;
  else if (copy != field) f.cause = CAUSE_BAD_LEADING;
  else if (!has_tail(p, f.size, 1)) f.cause = CAUSE_BAD_TRAILING;
  return f;
}

/* ---- The report ---- */

static void end_line(struct line *l) {
  pym__put(l, "\n");
  pym__host_write(l->text, l->n);
  l->n = 0;
}

static void put_byte(struct line *l, const char *before, u8 v) {
  const char text[] = {"0123456789abcdef"[v >> 4], "0123456789abcdef"[v & 15], 0};
  pym__put(l, before);
  pym__put(l, text);
}

static void put_id(struct line *l, u8 id) {
  const char text[] = {(char)id, 0};
  pym__put(l, "API '");
  if (id >= ' ' && id <= '~') pym__put(l, text);
  else put_byte(l, "\\x", id);
  pym__put(l, "'");
}

/* "    The N pad bytes WHERE are ...", and each of them if one is not as it should be. */
static void say_pads(struct line *l, const u8 *pad, u32 n, const char *place, int back) {
  const int sound_pads = all_are(pad, n, FORBIDDENBYTE);
  pym__put(l,
           sound_pads ? " are FORBIDDENBYTE, as expected." : " are not all FORBIDDENBYTE (0xfd):");
  end_line(l);
  for (u32 i = 0; !sound_pads && i < n; i++) {
    pym__put(l, "        at ");
    pym__put(l, place);
    pym__put_number(l, back ? n - i : i, 0);
    put_byte(l, ": 0x", pad[i]);
    if (pad[i] != FORBIDDENBYTE) pym__put(l, " *** OUCH");
    end_line(l);
  }
}

/* Up to 8 bytes of each end. */
static void say_data(const u8 *p, usize n) {
  struct line l = {.n = 0};
  if (!n) return;
  pym__put(&l, "    Data at p:");
  for (usize i = 0; i < n; i++) {
    if (i == 8 && n > 16) {
      pym__put(&l, " ...");
      i = n - 8;
    }
    put_byte(&l, " ", p[i]);
  }
  end_line(&l);
}

static void say_size(const u8 *p, usize size) {
  const usize field = debug_size_field(p);
  struct line l = {.n = 0};
  pym__put(&l, "    ");
  pym__put_number(&l, field, 0);
  pym__put(&l, " bytes originally requested");
  end_line(&l);
  if (size == field) return;
  pym__put(&l, "    The size field at p-");
  pym__put_number(&l, 2 * DEBUG_WORD, 0);
  pym__put(&l, " is overwritten");
  if (size != UNKNOWN) {
    pym__put(&l, ": its copy says ");
    pym__put_number(&l, size, 0);
  } else {
    pym__put(&l, ", or its copy at p-");
    pym__put_number(&l, DEBUG_HEAD, 0);
    pym__put(&l, ": where the block ends is not known");
  }
  end_line(&l);
}

static void say_block(const u8 *p, usize size) {
  struct line l = {.n = 0};
  pym__put(&l, "Debug memory block at address p=");
  pym__put_hex(&l, off(p));
  pym__put(&l, ": ");
  put_id(&l, *debug_id_at(p));
  end_line(&l);
  say_size(p, size);
  pym__put(&l, "    The ");
  pym__put_number(&l, DEBUG_PADS, 0);
  pym__put(&l, " pad bytes at p-");
  pym__put_number(&l, DEBUG_PADS, 0);
  say_pads(&l, p - DEBUG_PADS, DEBUG_PADS, "p-", 1);
  if (size == UNKNOWN) return;
  pym__put(&l, "    The ");
  pym__put_number(&l, DEBUG_TAIL, 0);
  pym__put(&l, " pad bytes at tail=");
  pym__put_hex(&l, off(p + size));
  say_pads(&l, p + size, DEBUG_TAIL, "tail+", 0);
  if (debug_copy(p) == size) {
    pym__put(&l, "    The block was made by call #");
    pym__put_number(&l, debug_call(p), 0);
    pym__put(&l, " to debug malloc/realloc.");
  } else {
    pym__put(&l, "    The copy of the size at p-");
    pym__put_number(&l, DEBUG_HEAD, 0);
    pym__put(&l, " is overwritten");
  }
  end_line(&l);
  say_data(p, size);
}

static void say_freed(const u8 *p) {
  struct line l = {.n = 0};
  pym__put(&l, "Debug memory block at address p=");
  pym__put_hex(&l, off(p));
  pym__put(&l, " that was freed: its marks are DEADBYTE (0xdd)");
  end_line(&l);
}

/* The last line, as all reports of the library have it, and the end. */
static _Noreturn void fail(enum cause cause, unsigned domain, const u8 *p, u8 id) {
  static const char *const domains[] = {"raw", "mem", "object"};
#define CAUSE_TEXT(name, text) text,
  static const char *const causes[] = {"", CAUSES(CAUSE_TEXT) DEBUG_CAUSES(CAUSE_TEXT)};
  struct line l = {.n = 0};
  pym__put(&l, "\npymalloc: ");
  pym__put(&l, causes[cause]);
  if (cause == CAUSE_BAD_ID && domain < PYM_DOMAINS) {
    pym__put(&l, ": Allocated using ");
    put_id(&l, id);
    pym__put(&l, ", verified using ");
    put_id(&l, (u8)debug_id(domain));
  }
  pym__put(&l, ", address ");
  pym__put_hex(&l, off(p));
  if (domain < PYM_DOMAINS) {
    pym__put(&l, ", ");
    pym__put(&l, domains[domain]);
    pym__put(&l, " domain");
  }
  end_line(&l);
  pym__space.fault = cause;
  pym__space.fault_at = off(p);
  pym__host_trap();
}

int pym__debug_verify(unsigned domain, const u8 *p, int held, enum cause freed) {
  const int plain = begins_block(p);
  if (plain && !has_marks(p + DEBUG_HEAD)) return 0;
  if (plain || !readable(p, 0, 1)) fail(CAUSE_NOT_BLOCK, domain, p, 0);
  if (held || all_are(p - 2 * DEBUG_WORD, 2 * DEBUG_WORD, DEADBYTE)) {
    say_freed(p);
    fail(freed, domain, p, 0);
  }
  const struct finding f = look(domain, p);
  if (LIKELY(f.cause == CAUSE_NONE)) return 1;
  say_block(p, f.size);
  if (domain == PYM_DOMAINS && has_id(p))
    domain = *debug_id_at(p) == 'r' ? PYM_RAW : *debug_id_at(p) == 'm' ? PYM_MEM : PYM_OBJ;
  fail(f.cause, domain, p, *debug_id_at(p));
}

void pym__debug_written(unsigned domain, const u8 *base, usize total, usize i) {
  struct line l = {.n = 0};
  pym__put(&l, "Freed debug memory block at address p=");
  pym__put_hex(&l, off(base + DEBUG_HEAD));
  pym__put(&l, ": at p");
  pym__put(&l, i < DEBUG_HEAD ? "-" : "+");
  pym__put_number(&l, i < DEBUG_HEAD ? DEBUG_HEAD - i : i - DEBUG_HEAD, 0);
  put_byte(&l, ": 0x", base[i]);
  pym__put(&l, " *** OUCH, not DEADBYTE (0xdd)");
  end_line(&l);
  say_data(base + DEBUG_HEAD, total - DEBUG_HEAD);
  fail(CAUSE_FREED_WRITTEN, domain, base + DEBUG_HEAD, 0);
}
