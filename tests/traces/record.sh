#!/usr/bin/env bash
# Make the traces of this folder anew: tests/traces/record.sh (from the top; `wasm/setup.sh demo`
# before it).  The programs are those of examples/lua, on a small scale, under wasm32.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=build/traces
cmake -S tests/traces -B "$out" -G Ninja --toolchain "$PWD/wasm/toolchain-wasi.cmake" \
  -DCMAKE_BUILD_TYPE=Release --log-level=WARNING
cmake --build "$out" --target record_lua

# record NAME PROGRAM ARGUMENTS...
record() {
  local name=$1 program=$2
  shift 2
  node --no-warnings wasm/run-wasi.mjs "$out/record_lua.wasm" "$out/$name.trace" \
    "examples/lua/programs/$program" "$@" >/dev/null
  gzip -9nc "$out/$name.trace" >"tests/traces/$name.trace.gz"
  ls -l "tests/traces/$name.trace.gz"
}
record lua-json json.lua 3
record lua-objects objects.lua 400
record lua-strings strings.lua 1
