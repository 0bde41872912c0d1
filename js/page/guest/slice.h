/* The end of a slice, through any number of coroutines. */
#ifndef PAGE_SLICE_H
#define PAGE_SLICE_H

#include "lua.h"

/* Set when a coroutine yielded because its slice is over, not by coroutine.yield. */
extern int page_slice_over;

/* Lets L yield at its next instruction. */
void page_end_slice(lua_State *L);

/* Puts a resume and a wrap in the place of Lua's that hand the end of a slice on to the one who
 * resumed.  Takes debug.sethook away: there is one hook, and it is ours. */
void page_open_coroutines(lua_State *L);

#endif
