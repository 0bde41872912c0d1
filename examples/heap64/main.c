/* A store of large tables in one heap: 6 GiB and more, in a memory with 64-bit addresses.  Each
 * table is a block of 64 MiB and an entry, which is a small block. */
#include <pymalloc.h>

#define EXPORT(name) __attribute__((export_name(#name))) name
#define TABLE_BYTES ((size_t)64 << 20)

struct table {
  struct table *next;
  uint64_t *cells;
  uint64_t n;
};
static struct table *tables;

/* Adds tables until they are of so many bytes.  Of each cell by itself nothing is written: a page
 * of memory that nobody touches costs nothing. return how many were added, fewer where a limit or
 * the memory ended */
unsigned EXPORT(fill)(size_t bytes) {
  unsigned added = 0;
  for (; bytes >= TABLE_BYTES; bytes -= TABLE_BYTES, added++) {
    struct table *table = pym_obj_malloc(sizeof *table);
    uint64_t *cells = pym_raw_malloc(TABLE_BYTES);
    if (!table || !cells) {
      pym_obj_free(table);
      pym_raw_free(cells);
      break;
    }
    *table = (struct table){tables, cells, TABLE_BYTES / sizeof *cells};
    cells[0] = cells[table->n - 1] = (uintptr_t)cells;
    tables = table;
  }
  return added;
}

/* Is in each table what was written? */
int EXPORT(verify)(void) {
  for (const struct table *table = tables; table; table = table->next)
    if (table->cells[0] != (uintptr_t)table->cells ||
        table->cells[table->n - 1] != (uintptr_t)table->cells)
      return 0;
  return 1;
}

/* Frees every other table. */
void EXPORT(thin)(void) {
  for (struct table *table = tables; table && table->next; table = table->next) {
    struct table *gone = table->next;
    table->next = gone->next;
    pym_raw_free(gone->cells);
    pym_obj_free(gone);
  }
}
