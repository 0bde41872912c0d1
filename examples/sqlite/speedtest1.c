/* SQLite's own speedtest1 with its memory from the default heap. */
#include "sqlite3.h"

int speedtest1_main(int argc, char **argv);

#ifdef SQLITE_ON_LIBC
int main(int argc, char **argv) { return speedtest1_main(argc, argv); }
#else
#include "adapters/sqlite.h"

int main(int argc, char **argv) {
  static const sqlite3_mem_methods methods = PYM_SQLITE_MEM_METHODS(NULL);
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) ? 1 : speedtest1_main(argc, argv);
}
#endif
