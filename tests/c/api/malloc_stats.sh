#!/bin/sh
# PYTHONMALLOCSTATS and PYM_STATS: malloc_stats.sh PROGRAM...
fail() { echo "$1"; failed=1; }
failed=0

# Reports of a run with the variable $1 set to $2, as the arenas that each tells of.
arenas() {
  name=$1 value=$2
  shift 2
  env "$name=$value" "$@" 2>&1 >/dev/null | sed -n 's/^# arenas allocated current *= *//p' | tr '\n' ' '
}

[ "$(arenas NOTHING 1 "$@")" = "" ] || fail "reports that nobody asked for"
[ "$(arenas PYTHONMALLOCSTATS '' "$@")" = "" ] || fail "reports for an empty PYTHONMALLOCSTATS"
all=$(arenas PYTHONMALLOCSTATS 1 "$@")
[ "$all" = "1 2 3 4 5 6 6 " ] || [ "$all" = "1 2 3 4 5 5 " ] ||
  fail "not a report at each arena and one at the end: $all"
[ "$(arenas PYM_STATS exit "$@" | wc -w)" = 1 ] || fail "not one report at exit"
out=$(PYTHONMALLOCSTATS=1 "$@" 2>/dev/null)
[ "$out" = "30000 blocks" ] || fail "the program's own output: $out"
exit $failed
