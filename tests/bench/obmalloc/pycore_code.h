/* What obmalloc.c takes from CPython's header of this name: counters that a release build has not.
 */
#define OBJECT_STAT_INC(name) ((void)0)
#define OBJECT_STAT_INC_COND(name, condition) ((void)0)
