/* Included by lvm.c, which the build changes in one line: updatetrap counts down first. */
#ifndef PAGE_TICK_H
#define PAGE_TICK_H

struct lua_State;

extern int page_ticks;

/* Asks the host; always returns 0.  May set a hook, which sets the trap. */
int page_tick(struct lua_State *L);

#define PAGE_TICK(L) (--page_ticks <= 0 ? page_tick(L) : 0)

#endif
