/* The host of an attack program where that is not the library's own: what it says is kept. */
#include "inspect/report.h"
#include "ports/host.h"
#include "traps.h"

char said[SAID_MAX + 1];
unsigned said_n;

#if !defined(__wasi__)
void pym__host_write(const char *text, size_t n) {
  for (size_t i = 0; i < n && said_n < SAID_MAX; i++) said[said_n++] = text[i];
  said[said_n] = 0;
}

/* The same keys in each run. */
int pym__host_random(u64 out[2]) { return (void)out, 0; }

void pym__host_tell(enum cause cause, addr o, unsigned d) { pym__say_fault(cause, o, d); }
#endif

#if defined(__wasm__)
#if !defined(__wasi__)
void pym__host_trap(void) { __builtin_trap(); }
#endif

#define EXPORT(name) __attribute__((export_name(name), used))
EXPORT("attacks") unsigned count_attacks(void) { return attacks; }
EXPORT("attack") void run_attack(unsigned i) {
  said_n = 0;
  said[0] = 0;
  attack(i);
}
EXPORT("attack_noticed") int ask_noticed(unsigned i) { return attack_noticed(i); }
EXPORT("attack_name") const char *name_attack(unsigned i) { return attack_name(i); }
EXPORT("said") char *said_at(void) { return said; }
/* Standard error of the host, n bytes behind the others. */
EXPORT("said_more") char *say_more(unsigned n) {
  char *to = said + said_n;
  if (n > SAID_MAX - said_n) return NULL;
  said_n += n;
  said[said_n] = 0;
  return to;
}
#endif
