/* What PYTHONMALLOC chose before the program began, in words: pythonmalloc.sh compares them. */
#include <pymalloc.h>
#include <stdio.h>

static void *blocks[PYM_DOMAINS];

int main(void) {
  pym_domain_stats raw;
  blocks[0] = pym_raw_malloc(41);
  blocks[1] = pym_mem_malloc(41);
  blocks[2] = pym_obj_malloc(41);
  pym_domain_stats_get(pym_heap_default(), PYM_RAW, &raw);
  for (unsigned d = 0; d < PYM_DOMAINS; d++)
    printf("%s%s ", pym_owns(blocks[d]) ? "ours" : "libc",
           pym_usable_size(blocks[d]) == 41 ? "+debug" : "");
  printf("raw=%d\n", (int)raw.live_blocks);
  pym_raw_free(blocks[0]);
  pym_mem_free(blocks[1]);
  pym_obj_free(blocks[2]);
  return 0;
}
