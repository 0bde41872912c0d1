#!/bin/sh
# Each value of PYTHONMALLOC: pythonmalloc.sh libc|ours PROGRAM...; `malloc` is libc's, or the raw
# memory of the library since malloc is the library too.
if [ "$1" = libc ]; then
  malloc="libc libc libc raw=0" malloc_debug="libc+debug libc+debug libc+debug raw=0"
else
  malloc="ours ours ours raw=3" malloc_debug="ours+debug ours+debug ours+debug raw=3"
fi
shift
ours="ours ours ours raw=1" debug="ours+debug ours+debug ours+debug raw=1"
failed=0

# try VALUE EXIT_CODE WORDS PROGRAM...
try() {
  value=$1 code=$2 words=$3
  shift 3
  said=$(PYTHONMALLOC=$value "$@" 2>&1)
  got=$?
  [ "$got $said" = "$code $words" ] && return
  echo "PYTHONMALLOC=$value: exit code $got, '$said'; not $code, '$words'"
  failed=1
}

try "" 0 "$ours" "$@"
try default 0 "$ours" "$@"
try pymalloc 0 "$ours" "$@"
try malloc 0 "$malloc" "$@"
try debug 0 "$debug" "$@"
try pymalloc_debug 0 "$debug" "$@"
try malloc_debug 0 "$malloc_debug" "$@"
try unknown 1 "PYTHONMALLOC: unknown allocator; it is one of default, malloc, pymalloc, debug, \
malloc_debug, pymalloc_debug" "$@"
exit $failed
