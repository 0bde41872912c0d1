#!/bin/sh
# Builds the host in C with WasmEdge 0.14 of the cache folder (wasm/setup.sh wasmedge-dev) and runs it:
#
#   examples/hosts/c/run.sh LIMIT MODULE.wasm [ARGS...]
set -eu
here=$(dirname "$(readlink -f "$0")")
cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}/wasmedge-dev
lib=$(echo "$cache"/usr/lib/*-linux-gnu*)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# With that release's own loader and libraries, so that it runs on any release.
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Werror -I"$cache/usr/include" "$here/wasmedge.c" \
  "$here/pymalloc_stats.c" -o "$build/host" -L"$lib" -lwasmedge -Wl,--allow-shlib-undefined \
  -Wl,--dynamic-linker="$(echo "$lib"/ld-linux*)" -Wl,-rpath,"$lib"
"$build/host" "$@"
