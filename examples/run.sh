#!/usr/bin/env bash
# Build an example and run it, with a report of its memory:
#
#   examples/run.sh quickjs examples/quickjs/programs/json.js
#   examples/run.sh sqlite examples/sqlite/programs/shop.sql 20
#   examples/run.sh duktape examples/quickjs/programs/splay.js
#   examples/run.sh lua examples/lua/programs/json.lua
#
# Fetches what is missing (wasm/setup.sh).  The program sees the current folder.
set -euo pipefail
top=$(dirname "$(dirname "$(readlink -f "$0")")")
declare -A modules=([lua]=lua [quickjs]=qjs [quickjs-ng]=qjs-ng [lua-5.5]=lua-5.5 [mruby]=mruby [squirrel]=sq
  [sqlite]=sqlite [duktape]=duk)
name=${1:-}
[ -n "$name" ] && [ -n "${modules[$name]:-}" ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shift

"$top/wasm/setup.sh" build wasi node "$name"
cmake -S "$top/examples/$name" -B "$top/build/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  --toolchain "$top/wasm/toolchain-wasi.cmake" --log-level=WARNING
cmake --build "$top/build/$name"
PATH=$PATH:${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}/bin
exec node --no-warnings "$top/js/bin/wasm-pymalloc.js" run --stats --dir . \
  "$top/build/$name/${modules[$name]}.wasm" "$@"
