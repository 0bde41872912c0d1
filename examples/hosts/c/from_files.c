/* Statistics of a memory that was saved: from_files MODULE.wasm MEMORY ROOT [HEAP] */
#include <stdio.h>
#include <stdlib.h>

#include "pymalloc_stats.h"

static struct pym_bytes read_file(const char *name) {
  struct pym_bytes b = {NULL, 0};
  FILE *f = fopen(name, "rb");
  uint8_t *bytes = NULL;
  if (f && !fseek(f, 0, SEEK_END)) {
    const long n = ftell(f);
    rewind(f);
    if (n > 0 && (bytes = malloc((size_t)n)) && fread(bytes, 1, (size_t)n, f) == (size_t)n)
      b = (struct pym_bytes){bytes, (size_t)n};
  }
  if (f) fclose(f);
  return b;
}

int main(int argc, char **argv) {
  struct pym_stats stats;
  if (argc < 4) return fprintf(stderr, "from_files MODULE.wasm MEMORY ROOT [HEAP]\n"), 2;
  const struct pym_bytes section = pym_stats_section(read_file(argv[1]));
  const char *wrong =
      pym_stats_read(&stats, section, read_file(argv[2]), (uint32_t)strtoul(argv[3], NULL, 0),
                     argc > 4 ? (unsigned)strtoul(argv[4], NULL, 0) : 0);
  if (wrong) return fprintf(stderr, "%s\n", wrong), 1;
  pym_stats_print(stdout, &stats);
  return 0;
}
