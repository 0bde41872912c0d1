/* Lua's frames in the stacks of a heap profile. */
#ifndef PYMALLOC_ADAPTERS_LUA_FRAMES_H
#define PYMALLOC_ADAPTERS_LUA_FRAMES_H

#include <lua.h>

/* Show the frames of this thread of Lua in each stack from now on, and of the coroutines that it
 * resumes; NULL: of none.  L is the thread that C code calls or resumes: what lua_newstate gave, or
 * a coroutine.  Call it with NULL before lua_close.  Of several only the last one is shown. */
void pym_lua_frames(lua_State *L);

#endif
