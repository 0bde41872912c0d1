#!/bin/sh
# Builds the Go host offline, with Debian's Go and its wazero in the cache folder (wasm/setup.sh go):
#
#   examples/hosts/go/run.sh TENANT.wasm
set -eu
here=$(dirname "$(readlink -f "$0")")
cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}
export GOROOT="$(echo "$cache"/go/usr/lib/go-1.*)" GOPROXY=off GOFLAGS=-mod=mod GOTOOLCHAIN=local GONOSUMDB='*'
sources=$cache/go-wazero/usr/share/gocode/src
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp "$here/main.go" "$build"
cat >"$build/go.mod" <<MOD
module hosts
go 1.24
require (
	github.com/tetratelabs/wazero v0.0.0
	golang.org/x/sys v0.0.0
)
replace github.com/tetratelabs/wazero => $sources/github.com/tetratelabs/wazero
replace golang.org/x/sys => $sources/golang.org/x/sys
MOD
(cd "$build" && "$GOROOT/bin/go" build -o host .)
"$build/host" "$@"
