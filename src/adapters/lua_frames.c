/* Where Lua 5.4's frames are.  Compiled by the embedder, with Lua's own headers of the version that
 * is linked: target pymalloc::lua_frames. */
#include "adapters/lua_frames.h"

#include <ldebug.h>
#include <lobject.h>
#include <lopcodes.h>
#include <lstate.h>
#include <stddef.h>

#include "adapters/frames.h"

#if LUA_VERSION_NUM != 504
#error "pymalloc::lua_frames knows the frames of Lua 5.4"
#endif

#define AT(strukt, field) {#strukt "." #field, offsetof(strukt, field)}
#define NUMBER(name) {#name, (uint32_t)(name)}
#define SIZE(type) {"sizeof " #type, sizeof(type)}

static struct pym_fact facts[] = {
    {"state", 0}, /* address; set at run time */
    {"modes", 0}, /* of instructions: address of a byte for each */
    AT(lua_State, ci),
    AT(lua_State, base_ci),
    AT(lua_State, status),
    AT(CallInfo, func),
    AT(CallInfo, previous),
    AT(CallInfo, callstatus),
    {"CallInfo.savedpc", offsetof(CallInfo, u.l.savedpc)},
    SIZE(StackValue),
    {"TValue.value", offsetof(TValue, value_)},
    {"TValue.tag", offsetof(TValue, tt_)},
    SIZE(TValue),
    {"LClosure.p", offsetof(LClosure, p)},
    {"CClosure.upvalue", offsetof(CClosure, upvalue)},
    AT(Proto, is_vararg),
    AT(Proto, sizeupvalues),
    AT(Proto, sizek),
    AT(Proto, sizecode),
    AT(Proto, sizelineinfo),
    AT(Proto, sizelocvars),
    AT(Proto, linedefined),
    AT(Proto, k),
    AT(Proto, code),
    AT(Proto, upvalues),
    AT(Proto, lineinfo),
    AT(Proto, locvars),
    AT(Proto, source),
    {"Proto.abslineinfo", offsetof(Proto, abslineinfo)},
    {"Proto.sizeabsline", offsetof(Proto, sizeabslineinfo)},
    AT(Upvaldesc, name),
    SIZE(Upvaldesc),
    AT(LocVar, varname),
    AT(LocVar, startpc),
    AT(LocVar, endpc),
    SIZE(LocVar),
    AT(AbsLineInfo, pc),
    AT(AbsLineInfo, line),
    SIZE(AbsLineInfo),
    AT(TString, tt),
    AT(TString, shrlen),
    {"TString.lnglen", offsetof(TString, u.lnglen)},
    {"TString.contents", offsetof(TString, contents)},
    NUMBER(LUA_VLCL),
    NUMBER(LUA_VLCF),
    NUMBER(LUA_VCCL),
    NUMBER(LUA_VSHRSTR),
    NUMBER(LUA_VTHREAD),
    NUMBER(BIT_ISCOLLECTABLE),
    NUMBER(CIST_C),
    NUMBER(CIST_FIN),
    {"CIST_TAIL", CIST_TAIL},
    {"ABSLINEINFO", (uint32_t)ABSLINEINFO},
    NUMBER(SIZE_OP),
    NUMBER(POS_A),
    NUMBER(SIZE_A),
    NUMBER(POS_B),
    NUMBER(SIZE_B),
    NUMBER(POS_C),
    NUMBER(SIZE_C),
    NUMBER(OP_MOVE),
    NUMBER(OP_LOADNIL),
    NUMBER(OP_GETUPVAL),
    NUMBER(OP_GETTABUP),
    NUMBER(OP_GETFIELD),
    NUMBER(OP_SELF),
    NUMBER(OP_CALL),
    NUMBER(OP_TAILCALL),
    NUMBER(OP_TFORCALL),
    {"mode sets A", 1 << 3},
    {"", 0},
};

__attribute__((export_name("pym_frames_lua"))) const void *pym_frames_lua(void);
const void *pym_frames_lua(void) { return facts; }

void pym_lua_frames(lua_State *L) {
  facts[0].value = L ? (uint32_t)(uintptr_t)L : 0;
  facts[1].value = (uint32_t)(uintptr_t)luaP_opmodes;
}
