#!/usr/bin/env bash
# Make sure of the tools that a build needs; install or fetch only what is missing.
#
#   wasm/setup.sh PART...
#
#   demo        build wasi node lua
#   test        demo, native style wasi-2022 npm wasmedge quickjs quickjs-ng lua-5.5 mruby squirrel
#               micropython sqlite duktape browsers hosts
#               emscripten cpython rust
#   other-hosts  build wasi npm lua sqlite cpython wasmedge wasmedge-dev wasmedge-17 wazero go rust
#   release     build wasi npm emscripten
#   bench       build wasi node wasmedge python-source em-allocators engines, and the programs that
#               are measured: lua quickjs quickjs-ng sqlite duktape cpython libcxx
#   build       ninja
#   native      gcc and clang with the sanitizer runtimes
#   style       clang-format and clang-tidy, of version 19: others format otherwise
#   wasi        clang, wasm-ld, the compiler's wasm32 runtime, wasi-libc of 2024 (has setjmp)
#   wasi-2022   Debian 12's wasi-libc, for the tests that need its habits
#   node, npm   Node.js 20 or newer
#   lua         the source of Lua 5.4
#   quickjs, sqlite, duktape   the sources of these
#   lua-5.5, mruby, squirrel, micropython   the sources of these, and what their builds need
#   quickjs-ng  the source of quickjs-ng 0.17.0, from a binary package of Debian's unstable
#   libcxx      the C++ library for WASI, for a program of the benchmark
#   wasmedge    WasmEdge 0.14, a second WASI host
#   wasmedge-dev, wasmedge-17, wazero, go   other WASI hosts: WasmEdge's C interface and its version
#               0.17, wazero's command, and Go with wazero's library
#   rust        rustc 1.85 with its libraries for wasm
#   browsers    Chromium and Firefox
#   hosts       other hosts of the JavaScript package: Node.js 20 to 26, Bun, Deno, workerd
#   engines     what the benchmark runs in: Node.js 20 to 26, Bun, SpiderMonkey's shell; its plots
#   python-source, em-allocators  sources of allocators to compare with: CPython's, Emscripten's
#   cpython     build wasi node, the source of CPython 3.13 and what its build needs
#   cpython-3.11  the same for CPython 3.11
#   emscripten  Emscripten 3.1.69 or newer: Debian 13's, in a folder, run through bubblewrap
#   closure     the closure compiler, for the tests of Emscripten
#   emscripten-6  the newest Emscripten that Debian has, 6.0.5, the same way
#
# Packages of this machine's own Debian release are installed by apt-get (root or sudo).  What it
# does not have comes from another Debian release and only into the cache folder, through an apt
# configuration of its own: nothing on the system changes, apt checks the signatures.
#
# PYM_CACHE       the cache folder (default ~/.cache/wasm-pymalloc); clones share it
# WASI_SDK_PATH   a wasi-sdk: its compiler and sysroot are used as they are
# EMSDK           an emsdk: its emcc is used as it is
set -euo pipefail

cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}
node_version=22
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'set-up: %s\n' "$*"; }
die() { printf 'set-up: error: %s\n' "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null; }

# ---- this machine's packages ----------------------------------------------------------------

# apt_install WHY PACKAGE...
apt_install() {
  local why=$1 run=()
  shift
  if [ "$EUID" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then run=(sudo -n); else
      die "$why is missing. Install it first: apt-get install $*"
    fi
  fi
  have apt-get || die "$why is missing, and this is no Debian to install it on"
  say "$why is missing: apt-get install $*"
  # A broken third-party source must not stop us: the install below tells what is really missing.
  "${run[@]}" apt-get -qq update || say "apt-get update complained; going on"
  DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install "$@" >"$cache/apt-install.log" 2>&1 ||
    { tail -5 "$cache/apt-install.log" >&2; die "apt-get install $* failed"; }
}

# ---- another Debian release, in the cache folder -----------------------------------------------

# The mirror that this machine's own apt uses for Debian itself (not its security archive).
debian_mirror() {
  local list=(apt-get indextargets --format '$(SITE)' 'Origin: Debian' 'Label: Debian') site
  site=$("${list[@]}" | sed -n 1p)
  if [ -z "$site" ]; then # the lists were never fetched, or are gone
    apt-get -qq update >&2 || true
    site=$("${list[@]}" | sed -n 1p)
  fi
  [ -n "$site" ] || die "apt knows no mirror of Debian: add one to its sources, then apt-get update"
  printf '%s\n' "$site"
}

# private_apt SUITE COMMAND...: run an apt command that knows only SUITE and no installed package
private_apt() {
  local suite=$1 dir=$cache/apt-$1 mirror
  shift
  if [ ! -s "$dir/ready" ]; then
    have apt-get || die "apt-get is needed to fetch Debian packages of $suite"
    [ -s "$keyring" ] || apt_install "Debian's archive key" debian-archive-keyring
    say "fetching the package lists of Debian $suite into $dir"
    rm -rf "$dir"
    mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
    : >"$dir/status"
    mirror=$(debian_mirror)
    printf '%s [signed-by=%s] %s %s main\n' deb "$keyring" "$mirror" "$suite" \
      deb-src "$keyring" "$mirror" "$suite" >"$dir/sources.list"
    cat >"$dir/apt.conf" <<CONF
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
APT::Sandbox::User "root";
CONF
    APT_CONFIG=$dir/apt.conf apt-get -qq update || die "cannot fetch the lists of Debian $suite"
    date >"$dir/ready"
  fi
  APT_CONFIG=$dir/apt.conf "$@" >/dev/null
}

# debs SUITE FOLDER with|alone PACKAGE VERSION: unpack PACKAGE (with all it depends on, or alone)
# into the cache's FOLDER, once.  VERSION is how its version has to begin.
debs() {
  local suite=$1 folder=$2 how=$3 package=$4 version=$5 tmp deb got
  [ -s "$cache/$folder/.version" ] && return
  tmp=$(mktemp -d "$cache/tmp.XXXXXX")
  say "fetching $package $version from Debian $suite into $cache/$folder"
  if [ "$how" = with ]; then
    private_apt "$suite" apt-get -qq -y --no-install-recommends --download-only \
      -o Dir::Cache::archives="$tmp" install "$package" || die "cannot fetch $package"
  else
    (cd "$tmp" && private_apt "$suite" apt-get -qq download "$package") ||
      die "cannot fetch $package"
  fi
  got=$(dpkg-deb -f "$tmp/${package}"_*.deb Version)
  [[ $got == "$version"* ]] || die "Debian $suite has $package $got; $version is what we know"
  mkdir "$tmp/root"
  for deb in "$tmp"/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
  printf '%s\n' "$got" >"$tmp/root/.version"
  rm -rf "${cache:?}/$folder"
  mv "$tmp/root" "$cache/$folder"
  rm -rf "$tmp"
}

# ---- the parts -----------------------------------------------------------------------------

part_build() { have ninja || apt_install ninja ninja-build; }

# Echo the version suffix of a clang >= 19 that has its wasm-ld, preferring the one we test with.
find_clang() {
  local v
  for v in 19 20 21 22 23 24 25; do
    if have "clang-$v" && have "wasm-ld-$v" && have "llvm-ar-$v"; then echo "$v"; return; fi
  done
  return 1
}

part_native() {
  local v
  have gcc || apt_install gcc gcc libc6-dev
  v=$(find_clang) || v=19
  if ! echo 'int main(void) { return 0; }' | "clang-$v" -fsanitize=address,undefined -x c - \
    -o "$cache/probe" 2>/dev/null; then
    apt_install "clang with sanitizers" "clang-$v" "lld-$v" "llvm-$v" "libclang-rt-$v-dev"
  fi
  rm -f "$cache/probe"
}

part_style() {
  have clang-format-19 && have clang-tidy-19 ||
    apt_install "the formatter and the linter of C" clang-format-19 clang-tidy-19
}

part_wasi() {
  local v
  if [ -n "${WASI_SDK_PATH:-}" ]; then
    [ -x "$WASI_SDK_PATH/bin/clang" ] && [ -d "$WASI_SDK_PATH/share/wasi-sysroot" ] ||
      die "WASI_SDK_PATH=$WASI_SDK_PATH has no bin/clang or share/wasi-sysroot"
    say "using wasi-sdk at $WASI_SDK_PATH"
    return
  fi
  v=$(find_clang) || v=19
  if ! find_clang >/dev/null ||
    [ ! -e "$("clang-$v" --target=wasm32-wasi -print-libgcc-file-name)" ]; then
    apt_install "clang for wasm" "clang-$v" "lld-$v" "llvm-$v" "libclang-rt-$v-dev-wasm32"
  fi
  debs trixie wasi-libc-2024 alone wasi-libc 0.0~git20241209
}

part_wasi_2022() { debs bookworm wasi-libc-2022 alone wasi-libc 0.0~git20220510; }

# Exit code 0 if $1 is a Node.js we can use.
good_node() { [ "$("$1" -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)" -ge 20 ]; }

part_node() {
  local candidate
  good_node node || good_node "$cache/bin/node" && return
  candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/ *Candidate: //p')
  if [ "${candidate%%.*}" -ge 20 ] 2>/dev/null; then
    apt_install "Node.js 20 or newer" nodejs
    return
  fi
  # Older than that: its npm is good enough to fetch the `node` package, which holds a newer one.
  have npm || apt_install npm npm
  say "Node.js 20 or newer is missing: npm install node@$node_version into $cache/node"
  npm install --silent --no-audit --no-fund --prefix "$cache/node" "node@$node_version" npm@10 ||
    die "npm cannot install node@$node_version"
  mkdir -p "$cache/bin"
  ln -sf ../node/node_modules/node/bin/node ../node/node_modules/npm/bin/npm-cli.js "$cache/bin/"
  mv "$cache/bin/npm-cli.js" "$cache/bin/npm"
  good_node "$cache/bin/node" || die "the Node.js in $cache/node does not run"
}

part_npm() { part_node; [ -x "$cache/bin/npm" ] || have npm || apt_install npm npm; }

# source_of [SUITE/]PACKAGE FILE SHA256 [URL]: the upstream source of Debian's PACKAGE (of trixie
# unless said) as $cache/src/FILE; from URL where there is no apt-get
source_of() {
  local package=${1#*/} suite=trixie file=$cache/src/$2 sha256=$3 url=${4:-} tmp
  [ "$1" = "$package" ] || suite=${1%%/*}
  if [ ! -s "$file" ]; then
    mkdir -p "$cache/src"
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    say "fetching the source of $package into $file"
    if have apt-get || [ -z "$url" ]; then
      (cd "$tmp" && private_apt "$suite" apt-get -qq source --download-only --tar-only "$package" &&
        { [ -e "$2" ] || mv "$package"_*.orig.tar.?z "$2"; }) || die "cannot fetch the Debian source $package"
    else
      curl -fsSL -o "$tmp/$2" "$url" || die "cannot fetch $url"
    fi
    mv "$tmp/$2" "$file"
    rm -rf "$tmp"
  fi
  echo "$sha256  $file" | sha256sum --quiet --check - >/dev/null 2>&1 ||
    die "$file is not what it was: its SHA-256 differs. Delete it and try again."
}

part_lua() {
  source_of lua5.4 lua-5.4.7.tar.gz \
    9fbf5e28ef86c69858f6d3d34eccc32e911c1a28b4120ff3e84aaa70cfbf1e30 \
    https://www.lua.org/ftp/lua-5.4.7.tar.gz
}
part_lua_5_5() {
  source_of forky/lua5.5 lua-5.5.1.tar.gz \
    1c4b4068d67061f2a2231ad2b5422e77acea1487ea9890f6320af614f4373dce \
    https://www.lua.org/ftp/lua-5.5.1.tar.gz
}
# Its build is made of programs in Ruby.
part_mruby() {
  have rake && have cc || apt_install "what mruby's build needs" ruby rake gcc libc6-dev
  source_of mruby mruby-3.3.0.tar.gz \
    53088367e3d7657eb722ddfacb938f74aed1f8538b3717fe0b6eb8f58402af65
}
part_squirrel() {
  part_libcxx # its headers
  source_of squirrel3 squirrel-3.1.tar.gz \
    51942b8638a97b673e34ecf3ca50304996fa99bbdbfa7fe93d9744e6769b2f95
}
# Its build collects names from the sources by a makefile and programs in Python.
part_micropython() {
  have make && have python3 || apt_install "what MicroPython's build needs" make python3
  source_of micropython micropython-1.25.0.tar.xz \
    7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea
}
part_quickjs() {
  source_of quickjs quickjs-2025.04.26.tar.xz \
    ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe
}
# Debian's unstable alone has it, as the binary package qjs-src.
part_quickjs_ng() {
  local folder=$cache/quickjs-ng-0.17.0/usr/src/quickjs-ng
  debs sid quickjs-ng-0.17.0 alone qjs-src 0.17.0
  (cd "$folder" && find . -name '*.[ch]' -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum |
    grep -q "^$quickjs_ng_sha256 " || die "$folder is not what it was: delete it and try again"
}
quickjs_ng_sha256=eaa7d7e9dbf4dc4c80353e6670bd56d4a1298c5cebca4e0803b9b9663a7ecbd0
part_duktape() {
  source_of duktape duktape-2.7.0.tar.xz \
    90f8d2fa8b5567c6899830ddef2c03f3c27960b11aca222fa17aa7ac613c2890
}
# Its one-file source is made by scripts in Tcl and programs in C.
part_sqlite() {
  if ! have tclsh || ! have make || ! have cc; then
    apt_install "what SQLite's build needs" tcl make gcc libc6-dev
  fi
  source_of sqlite3 sqlite3-3.46.1.tar.xz \
    d0cdd2ece271b29e7ce18095745d892517ee26d0f270065b3a25c2e9eb11639c
}

part_libcxx() {
  [ -z "${WASI_SDK_PATH:-}" ] || return 0
  debs trixie libcxx-19 alone libc++-19-dev-wasm32 1:19.1
  debs trixie libcxxabi-19 alone libc++abi-19-dev-wasm32 1:19.1
}

# Debian 13's program with that release's libraries and its loader, so it runs on any release.
part_wasmedge() {
  have wasmedge && return
  debs trixie wasmedge with wasmedge 0.14.1
  mkdir -p "$cache/bin"
  cat >"$cache/bin/wasmedge" <<'WRAPPER'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/wasmedge
lib=$(echo "$root"/usr/lib/*-linux-gnu*)
exec "$lib"/ld-linux* --library-path "$lib" "$root/usr/bin/wasmedge" "$@"
WRAPPER
  chmod +x "$cache/bin/wasmedge"
  "$cache/bin/wasmedge" --version >/dev/null || die "the WasmEdge in $cache/wasmedge does not run"
}

# A program of the Debian in the cache's folder $1 as $cache/bin/$2: $3, run by that release's own
# loader and libraries.
own_loader() {
  mkdir -p "$cache/bin"
  cat >"$cache/bin/$2" <<WRAPPER
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/$1
lib=\$(echo "\$root"/usr/lib/*-linux-gnu*)
exec "\$lib"/ld-linux* --library-path "\$lib" "\$root/$3" "\$@"
WRAPPER
  chmod +x "$cache/bin/$2"
}

# Hosts that are not JavaScript: WasmEdge 0.14 with its C interface, WasmEdge 0.17, wazero with Go.
part_wasmedge_dev() { debs trixie wasmedge-dev with libwasmedge-dev 0.14.1; }
part_wasmedge_17() {
  debs forky wasmedge-17 with wasmedge 0.17
  own_loader wasmedge-17 wasmedge-17 usr/bin/wasmedge
  "$cache/bin/wasmedge-17" --version >/dev/null || die "the WasmEdge in $cache/wasmedge-17 does not run"
}
part_wazero() {
  debs forky wazero with wazero 1.12
  own_loader wazero wazero usr/bin/wazero
  "$cache/bin/wazero" version >/dev/null || die "the wazero in $cache/wazero does not run"
}
part_go() {
  debs sid go with golang-go 2:1.2
  debs forky go-wazero with golang-github-tetratelabs-wazero-dev 1.12
}

# Debian's rustc, with the libraries for wasm.  The two targets share one package.
part_rust() {
  debs trixie rust with rustc 1.85
  debs trixie rust-wasm32 alone libstd-rust-dev-wasm32 1.85
  cp -rn "$cache/rust-wasm32/usr" "$cache/rust/"
  own_loader rust rustc usr/bin/rustc
}

# Exit code 0 if $1 is an emcc we can use: older ones write modules that newer hosts refuse.
good_emcc() {
  have "$1" && [ "$(printf '%s\n' 3.1.69 "$("$1" -dumpversion 2>/dev/null)" | sort -V | sed -n 1p)" = 3.1.69 ]
}

# debian_root SUITE ROOT PACKAGE...: a whole Debian with these packages, as the cache's folder ROOT
debian_root() {
  local suite=$1 root=$cache/$2 tmp list
  shift 2
  list=$(IFS=, && echo "$*")
  [ "$(cat "$root/.packages" 2>/dev/null)" != "$list" ] || return 0
  have bwrap || apt_install bubblewrap bubblewrap
  have mmdebstrap || apt_install mmdebstrap mmdebstrap
  tmp=$(mktemp -d "$cache/tmp.XXXXXX")
  say "making a Debian $suite with $list in $root (2.4 GB)"
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
    --include="$list" "$suite" "$tmp/root" "$(debian_mirror)" >"$cache/mmdebstrap.log" 2>&1 ||
    { tail -5 "$cache/mmdebstrap.log" >&2; rm -rf "$tmp"; die "mmdebstrap failed"; }
  rm -rf "$tmp/root/var/cache/apt" "$tmp/root/var/lib/apt/lists"
  printf '%s' "$list" >"$tmp/root/.packages"
  [ ! -e "$root" ] || mv "$root" "$tmp/old"
  mv "$tmp/root" "$root"
  rm -rf "$tmp"
}

# emsdk_of EMSDK ROOT: the cache's folder EMSDK looks like an emsdk; its commands are those of the
# Debian in ROOT, which see this machine's files with that /usr.  `emcmake cmake` is that cmake.
# Libraries that the Debian package has not ready are built into the folder's `cache`.
emsdk_of() {
  local bin=$cache/$1/upstream/emscripten libraries='' command
  [ -d "$cache/$2/usr/share/emscripten/cache" ] ||
    libraries='export EM_CACHE="${EM_CACHE:-$(dirname "$(readlink -f "$0")")/../../cache}"'
  mkdir -p "$bin"
  cat >"$bin/run" <<WRAPPER
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/../../../$2
$libraries
exec bwrap --dev-bind / / --bind "\$root/usr" /usr --bind "\$root/etc" /etc \\
  --setenv PATH "/usr/bin:\$PATH" --unsetenv NODE_EXTRA_CA_CERTS \\
  "/usr/bin/\$(basename "\$0")" "\$@"
WRAPPER
  chmod +x "$bin/run"
  for command in emcc em++ emar emranlib emnm emstrip em-config emcmake emmake emconfigure; do
    ln -sf run "$bin/$command"
  done
  ln -sfn "../../../$2/usr/share/emscripten/cmake" "$bin/cmake"
  good_emcc "$bin/emcc" || die "$bin/emcc does not run"
}

emscripten_packages="emscripten cmake ninja-build pkgconf"

part_emscripten() {
  if [ -n "${EMSDK:-}" ]; then
    good_emcc "$EMSDK/upstream/emscripten/emcc" ||
      die "EMSDK=$EMSDK has no upstream/emscripten/emcc of 3.1.69 or newer"
    return
  fi
  good_emcc emcc && return
  # shellcheck disable=SC2086 # these are several words
  debian_root trixie debian-13 $emscripten_packages
  emsdk_of emsdk debian-13
  mkdir -p "$cache/bin"
  ln -sf ../emsdk/upstream/emscripten/emcc "$cache/bin/emcc"
}

# The closure compiler that emcc --closure=1 runs.  It is a program for x86-64: elsewhere the test of
# that flag is left out.
part_closure() {
  [ "$(uname -m)" != x86_64 ] || npm_folder closure google-closure-compiler-linux@20261015.0.0
}

# The newest Emscripten that Debian has, as the emsdk in $cache/emsdk-6.
part_emscripten_6() {
  part_build; part_wasi; part_node; part_closure; js_engines
  # shellcheck disable=SC2086
  debian_root forky debian-forky $emscripten_packages
  emsdk_of emsdk-6 debian-forky
}

# CPython's own pymalloc is in it.
part_python_source() {
  source_of bookworm/python3.11 python3.11_3.11.2.orig.tar.gz \
    2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849
}

# A cross build freezes modules and compiles the library with a Python of the same version: here
# Debian 13's, which runs on any release by its own loader.
part_cpython() {
  part_build; part_wasi; part_node
  have make || apt_install make make
  source_of python3.13 python3.13_3.13.5.orig.tar.xz \
    93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640
  debs trixie python-3.13 with python3.13 3.13.5
  mkdir -p "$cache/bin"
  cat >"$cache/bin/python3.13" <<'WRAPPER'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/python-3.13
lib=$(echo "$root"/usr/lib/*-linux-gnu*)
PYTHONHOME=$root/usr exec "$lib"/ld-linux* --library-path "$lib" "$root/usr/bin/python3.13" "$@"
WRAPPER
  chmod +x "$cache/bin/python3.13"
  "$cache/bin/python3.13" -c 'import json' || die "the Python in $cache/python-3.13 does not run"
}

# CPython 3.11, for who wants that one.
part_cpython_3_11() {
  part_build; part_wasi; part_node; part_python_source
  have make || apt_install make make
  [ -x /usr/bin/python3.11 ] || apt_install "Python 3.11" python3.11
}

# The sources of the allocators that come with the Emscripten of Debian's testing: dlmalloc, emmalloc,
# mimalloc 3.  That moves on: what it has today need not be what it has tomorrow, so none is no
# error, and others are told of.
part_em_allocators() {
  local lib=$cache/emscripten-6/usr/share/emscripten/system/lib
  (debs forky emscripten-6 alone emscripten 6.) || {
    say "no allocators of Emscripten 6: the benchmark goes without"
    rm -rf "$cache/apt-forky" # its lists may be too old
    return 0
  }
  (cd "$lib" && find dlmalloc.c emmalloc.c mimalloc -type f | LC_ALL=C sort | xargs cat) |
    sha256sum | grep -q "^$em_allocators_sha256 " ||
    say "the allocators of Emscripten are not those of 6.0.5 any more"
}
em_allocators_sha256=7ddcfbb6ccc9faf2e3fb1164d5b7c1a4446060eb48e8a0ff0c72c97a81b53ea1

# engine_link NAME PROGRAM: PROGRAM, a path in the cache folder, as $cache/bin/NAME
engine_link() {
  [ -x "$cache/$2" ] || die "$cache/$2 is not there"
  ln -sf "../$2" "$cache/bin/$1"
}

# npm_folder FOLDER PACKAGE...: these packages of npm in the cache's FOLDER
npm_folder() {
  local folder=$cache/$1 tmp
  shift
  [ "$(cat "$folder/.packages" 2>/dev/null)" != "$*" ] || return 0
  part_npm
  say "npm install $* into $folder"
  tmp=$(mktemp -d "$cache/tmp.XXXXXX")
  PATH=$cache/bin:$PATH npm install --silent --no-audit --no-fund --prefix "$tmp/npm" "$@" ||
    die "npm cannot install $*"
  printf '%s' "$*" >"$tmp/npm/.packages"
  rm -rf "$folder"
  mv "$tmp/npm" "$folder"
  rm -rf "$tmp"
}

# can_run NAME...: all of these of $cache/bin do
can_run() {
  local name
  for name in "$@"; do
    "$cache/bin/$name" --version >/dev/null || die "$cache/bin/$name does not run"
  done
}

# V8 as four Node.js have it, JavaScriptCore as Bun has it.
js_engines() {
  local v
  npm_folder engines bun@1.4.5 node20@npm:node@20.20.2 node22@npm:node@22.23.3 \
    node24@npm:node@24.21.0 node26@npm:node@26.10.0
  mkdir -p "$cache/bin"
  for v in 20 22 24 26; do engine_link "node$v" "engines/node_modules/node$v/bin/node"; done
  engine_link bun engines/node_modules/bun/bin/bun.exe
}

# The programs of Deno and workerd stand in packages of their own, one for each kind of machine.
part_hosts() {
  js_engines
  npm_folder hosts deno@2.9.6 workerd@1.20261117.1
  engine_link deno "$(cd "$cache" && echo hosts/node_modules/@deno/linux-*-glibc/deno)"
  engine_link workerd "$(cd "$cache" && echo hosts/node_modules/@cloudflare/workerd-linux-*/bin/workerd)"
  can_run node20 node22 node24 node26 bun deno workerd
}

part_browsers() {
  local missing=()
  [ -n "${PYM_CHROMIUM:-}" ] || have chromium || have google-chrome || missing+=(chromium)
  [ -n "${PYM_FIREFOX:-}" ] || have firefox-esr || have firefox || missing+=(firefox-esr)
  [ ${#missing[@]} -eq 0 ] || apt_install "a browser" "${missing[@]}"
}

# And SpiderMonkey's shell; echarts draws the plot.
part_engines() {
  js_engines
  npm_folder echarts echarts@6.1.0
  debs trixie mozjs with libmozjs-128-dev 128
  cat >"$cache/bin/js128" <<'WRAPPER'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/mozjs
lib=$(echo "$root"/usr/lib/*-linux-gnu*)
exec "$lib"/ld-linux* --library-path "$lib" "$lib/mozjs-128/js128" "$@"
WRAPPER
  chmod +x "$cache/bin/js128"
  can_run node20 node22 node24 node26 bun js128
}

part_other_hosts() {
  part_build; part_wasi; part_npm; part_lua; part_sqlite; part_cpython; js_engines
  part_wasmedge; part_wasmedge_dev; part_wasmedge_17; part_wazero; part_go; part_rust
}
part_release() { part_build; part_wasi; part_npm; part_emscripten; }
part_demo() { part_build; part_wasi; part_node; part_lua; }
part_bench() {
  part_build; part_wasi; part_node; part_wasmedge; part_python_source; part_em_allocators
  part_engines
  part_lua; part_quickjs; part_quickjs_ng; part_sqlite; part_duktape; part_cpython; part_libcxx
}
part_test() {
  part_demo; part_native; part_style; part_wasi_2022; part_npm; part_wasmedge
  part_quickjs; part_quickjs_ng; part_lua_5_5; part_mruby; part_squirrel
  part_micropython
  part_sqlite; part_duktape; part_browsers; part_hosts; part_emscripten
  part_closure; part_rust
  part_cpython
}

[ $# -gt 0 ] || die "name what is wanted: demo, test, or parts of them; see the head of $0"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two clones share the cache
for part in "$@"; do
  declare -F "part_${part//[-.]/_}" >/dev/null || die "unknown part '$part'; see the head of $0"
  "part_${part//[-.]/_}"
done
say "$* ready"
