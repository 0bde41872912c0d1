/* Lets a host start and stop a profile and hear of each sample; linked on request. */
#include "ports/profile_host.h"

static void tell(void *ctx, const pym_profile_event *e) {
  const struct profile_message message = {e->what | (uint32_t)e->domain << 8 | e->count << 16,
                                          (pym_size)e->size, (pym_size)(uintptr_t)e->p,
                                          (pym_size)(uintptr_t)e->heap};
  (void)ctx;
  pym__profile_tell(&message);
}

/* every  as for pym_profile_start, but 0 ends the profile
 * return 0; 1: a profile is on already; 2: nobody listens */
__attribute__((export_name("pym_profile"))) int pym_profile(uint32_t every);
int pym_profile(uint32_t every) {
  const struct profile_message first = {0, 0, 0, 0};
  if (!every) {
    pym_profile_stop();
    return 0;
  }
  if (!pym__profile_tell(&first)) return 2;
  return pym_profile_start(every, 0, tell, 0) ? 1 : 0;
}
