/* What a host chose with pym_pythonmalloc, for pythonmalloc.mjs. */
#include <pymalloc.h>

#include "view.h"

__attribute__((export_name("serves"))) int serves(void);

int serves(void) {
  unsigned char *p = pym_obj_malloc(41);
  const int debug = p[-(int)sizeof(pym_size)] == 'o' && p[-1] == 0xfd && p[41] == 0xfd,
            pool = view_class(p) != 0;
  pym_obj_free(p);
  return debug | pool << 1;
}
