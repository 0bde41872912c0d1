/* SQL from a file, run on a database in memory: sqlite.wasm FILE.sql [ROUNDS]
 *
 * The statements of the file run ROUNDS times (1 if not given), the parameters :round and :rounds
 * bound in each; rows are printed with | between their columns.  SQLite's memory comes from the
 * default heap.  Exit code 1 after an error, which is on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#ifdef SQLITE_ON_LIBC
static int configure(void) { return SQLITE_OK; }
#else
#include "adapters/sqlite.h"
static int configure(void) {
  static const sqlite3_mem_methods methods = PYM_SQLITE_MEM_METHODS(NULL);
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
#endif

static char *read_file(const char *name) {
  FILE *f = fopen(name, "rb");
  char *text = NULL;
  long n;
  if (!f) return NULL;
  if (fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0 && (text = malloc((size_t)n + 1)) != NULL) {
    rewind(f);
    text[fread(text, 1, (size_t)n, f)] = '\0';
  }
  fclose(f);
  return text;
}

static void bind(sqlite3_stmt *statement, const char *name, int value) {
  int i = sqlite3_bind_parameter_index(statement, name);
  if (i) sqlite3_bind_int(statement, i, value);
}

static void print_row(sqlite3_stmt *statement) {
  for (int i = 0; i < sqlite3_column_count(statement); i++) {
    const char *text = (const char *)sqlite3_column_text(statement, i);
    printf("%s%s", i ? "|" : "", text ? text : "");
  }
  putchar('\n');
}

/* Run every statement of sql.  0, or 1 after an error. */
static int run(sqlite3 *db, const char *sql, int round, int rounds) {
  while (*sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, &sql) != SQLITE_OK) break;
    if (!statement) continue; /* only blanks or a comment */
    bind(statement, ":round", round);
    bind(statement, ":rounds", rounds);
    int status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) print_row(statement);
    sqlite3_finalize(statement);
    if (status != SQLITE_DONE) break;
  }
  if (!*sql) return 0;
  fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("usage: sqlite FILE.sql [ROUNDS]\n", stderr);
    return 1;
  }
  char *sql = read_file(argv[1]);
  if (!sql) {
    fprintf(stderr, "sqlite: cannot read %s\n", argv[1]);
    return 1;
  }
  sqlite3 *db = NULL;
  int rounds = argc > 2 ? atoi(argv[2]) : 1;
  int status = 1;
  if (configure() != SQLITE_OK || sqlite3_open(":memory:", &db) != SQLITE_OK)
    fputs("sqlite: cannot start\n", stderr);
  else
    for (int round = 1, failed = 0; !failed && round <= rounds; round++)
      status = failed = run(db, sql, round, rounds);
  sqlite3_close(db);
  sqlite3_shutdown();
  free(sql);
  return status;
}
