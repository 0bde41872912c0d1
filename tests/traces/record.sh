#!/usr/bin/env bash
# Record allocation traces of the interpreters in examples/ (README.md):
#
#   tests/traces/record.sh small            those of this folder, anew
#   tests/traces/record.sh large [NAME...]  into build/traces, for benchmarks
#
# The same sources and programs give the same trace, but for Lua, whose hash seed is of the time.
set -euo pipefail
cd "$(dirname "$0")/../.."

build() {
  for name in "$@"; do
    cmake -S "examples/$name" -B "build/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      --toolchain "$PWD/wasm/toolchain-wasi.cmake" --log-level=WARNING
    cmake --build "build/$name"
  done
}

# record TRACE MODULE ARGUMENTS...: a program below examples/ keeps its name short
record() {
  local trace=$folder/$1.trace.gz module=$2 counts
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]] || return 0
  node --no-warnings js/bin/wasm-pymalloc.js run --record "$trace" --dir examples \
    "build/$module" "${@:3}" >/dev/null
  read -ra counts < <(gzip -dc "$trace" 2>/dev/null | od -An -t u4 -j 12 -N 16)
  printf '%-40s %9d records, at most %7d blocks and %9d bytes live, file %8d\n' "$trace" \
    "${counts[0]}" "${counts[2]}" "${counts[3]}" "$(stat -c %s "$trace")"
}

js=examples/quickjs/programs lua=examples/lua/programs sql=examples/sqlite/programs
small() {
  record lua-json lua/lua.wasm $lua/json.lua 3
  record lua-objects lua/lua.wasm $lua/objects.lua 400
  record lua-strings lua/lua.wasm $lua/strings.lua 1
  record quickjs-splay quickjs/qjs.wasm $js/splay.js 300 100
  record quickjs-collections quickjs/qjs.wasm $js/collections.js 1
  record sqlite-shop sqlite/sqlite.wasm $sql/shop.sql 16
  record sqlite-text sqlite/sqlite.wasm $sql/text.sql 18
  record duktape-json duktape/duk.wasm $js/json.js 1
}
large() {
  record lua-json lua/lua.wasm $lua/json.lua
  record lua-objects lua/lua.wasm $lua/objects.lua 100000
  record quickjs-json quickjs/qjs.wasm $js/json.js 15
  record quickjs-splay quickjs/qjs.wasm $js/splay.js 7000 12000
  record quickjs-richards quickjs/qjs.wasm $js/richards.js 20000
  record quickjs-strings quickjs/qjs.wasm $js/strings.js 24
  record quickjs-collections quickjs/qjs.wasm $js/collections.js 40
  record sqlite-speedtest1 sqlite/speedtest1.wasm --memdb --size 100
  record sqlite-speedtest1-no-lookaside sqlite/speedtest1.wasm --memdb --size 50 --lookaside 0 0
  record sqlite-text sqlite/sqlite.wasm $sql/text.sql 300
  record sqlite-shop sqlite/sqlite.wasm $sql/shop.sql 120
  record duktape-json duktape/duk.wasm $js/json.js 8
  record duktape-splay duktape/duk.wasm $js/splay.js 6000 20000
}

case ${1:-} in
  small) folder=tests/traces ;;
  large) folder=build/traces ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
what=$1
shift
wanted=("$@")
mkdir -p "$folder"
build lua quickjs sqlite duktape
"$what"
