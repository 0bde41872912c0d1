/* Takes linear memory in small steps, for malloc_stats.sh. */
#include <pymalloc.h>
#include <stdio.h>

int main(void) {
  int served = 0;
  for (int i = 0; i < 30000; i++) served += pym_mem_malloc(40) != NULL;
  printf("%d blocks\n", served);
  return 0;
}
