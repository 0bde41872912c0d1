#!/bin/sh
# Builds the program for both targets, on wasm-pymalloc and on Rust's own allocator, with Debian
# trixie's rustc (wasm/setup.sh rust) or the rustc of PATH:
#
#   examples/rust/build.sh FOLDER WASI/libpymalloc.a FREESTANDING/libpymalloc.a
#
# Writes FOLDER/{wasi,unknown}-{pym,default}.wasm.
set -eu
here=$(dirname "$(readlink -f "$0")")
cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}
folder=$1 wasi=$2 unknown=$3
mkdir -p "$folder"

# compile TARGET OUTPUT FLAGS...
compile() {
  target=$1 output=$2
  shift 2
  if [ -x "$cache/bin/rustc" ]; then
    "$cache/bin/rustc" --sysroot "$cache/rust/usr" -C linker="$linker" -C linker-flavor=wasm-ld \
      --edition 2021 -O --target "$target" "$here/main.rs" -o "$output" "$@"
  else
    rustc --edition 2021 -O --target "$target" "$here/main.rs" -o "$output" "$@"
  fi
}
linker=$(command -v wasm-ld-19 || command -v wasm-ld)
compile wasm32-wasip1 "$folder/wasi-default.wasm"
compile wasm32-wasip1 "$folder/wasi-pym.wasm" --cfg pym -C link-arg="$wasi" -C link-arg=--export=pym_root
compile wasm32-unknown-unknown "$folder/unknown-default.wasm"
compile wasm32-unknown-unknown "$folder/unknown-pym.wasm" --cfg pym -C link-arg="$unknown" \
  -C link-arg=--export=pym_root
