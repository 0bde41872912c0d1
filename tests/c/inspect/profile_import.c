/* A module without WASI that can be profiled: what tests/js/profile.test.js runs. */
#include "pymalloc.h"

__attribute__((noinline)) static void *remember(void) { return pym_obj_malloc(48); }
__attribute__((noinline)) static void forget(void) {
  char *volatile p = pym_raw_malloc(2000);
  pym_raw_free(p);
}

__attribute__((export_name("work"))) void work(void);
void work(void) {
  static void *kept[100];
  for (unsigned i = 0; i < 100; i++) {
    kept[i] = remember();
    forget();
  }
}
