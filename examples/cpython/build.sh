#!/usr/bin/env bash
# Build CPython's libpython for WASI from the unmodified source that Debian has, into the set-up's
# cache folder, unless it is there; print the folder.  In it:
#
#   include/   CPython's headers, with the pyconfig.h of this build
#   lib/       libpython3.11.a, libmpdec.a, libexpat.a
#              python.o: CPython's own main
#              obmalloc.o: CPython's allocators with its own pymalloc, to link before libpython
#   stdlib/    the standard library, compiled, the build's _sysconfigdata in it
#   tests/     CPython's own tests: what the standard library has in `test` and the like
#
#   build.sh          configure is told what wasi-libc of 2024 has: answers.txt.  Half a minute, and
#                     four more to compile, on two cores
#   build.sh --ask    print a new answers.txt: configure finds out by itself, in five minutes or ten
#
# With WASI_SDK_PATH configure always asks: another libc may have other answers.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}
archive=$cache/src/python3.11_3.11.2.orig.tar.gz
python=/usr/bin/python3.11 # of the same version: it freezes modules and compiles the library

say() { printf 'cpython: %s\n' "$*" >&2; }
die() { say "error: $*"; [ ! -s "${log:-}" ] || tail -15 "$log" >&2; exit 1; }

if [ -n "${WASI_SDK_PATH:-}" ]; then
  bin=$WASI_SDK_PATH/bin/ suffix= sysroot=$WASI_SDK_PATH/share/wasi-sysroot
else
  bin= sysroot=$cache/wasi-libc-2024/usr
  for v in 19 20 21 22 23 24 25; do
    suffix=-$v
    ! command -v "clang-$v" >/dev/null || break
  done
fi
cc="${bin}clang$suffix --target=wasm32-wasi --sysroot=$sysroot"

# What this depends on names the folder.
key=$({ cat "$0" "$here/answers.txt" 2>/dev/null; $cc --version; cat "$sysroot/../.version"
  sha256sum "$archive"; } 2>/dev/null | sha256sum | cut -c1-16)
result=$cache/cpython-$key

# What configure cannot find out, or finds in wasi-libc although it only fails there.
decided() {
  cat <<'SITE'
ac_cv_buggy_getaddrinfo=no
ac_cv_file__dev_ptc=no
ac_cv_file__dev_ptmx=no
ac_cv_func_clock_nanosleep=no
ac_cv_func_eventfd=no
ac_cv_func_fdopendir=no
ac_cv_func_makedev=no
ac_cv_func_mkfifo=no
ac_cv_func_mkfifoat=no
ac_cv_func_mknod=no
ac_cv_func_mknodat=no
ac_cv_func_pipe=no
ac_cv_header_netpacket_packet_h=no
ac_cv_header_sys_resource_h=no
ac_cv_header_sys_un_h=no
ac_cv_lib_rt_clock_nanosleep=no
SITE
}

# configure in the current folder, with the given answers; what is decided stands last and wins
configure() {
  { cat "$@" /dev/null; decided; } >config.site
  # No pkg-config: it would find this machine's libraries.
  CC=$cc CPP="$cc -E" AR=${bin}llvm-ar$suffix RANLIB=${bin}llvm-ranlib$suffix READELF=true \
    PKG_CONFIG=false CFLAGS="-g0 -Wno-error=int-conversion" CONFIG_SITE=$PWD/config.site \
    ../Python-3.11.2/configure --cache-file=config.cache --host=wasm32-unknown-wasi \
    --build=x86_64-pc-linux-gnu --with-build-python=$python --disable-ipv6 \
    LINKFORSHARED="-z stack-size=4194304" >"$log" 2>&1 || die "configure failed"
}

# Of all that configure noted, what holds on every machine.
answers() {
  sed -n 's/^\([a-z]*_cv_[^=]*\)=${\1=\(.*\)}$/\1=\2/p' config.cache |
    grep -Ev '^(pkg_cv|py_cv_module|ac_cv_(env|path|prog|build|host|target)_?)' | LC_ALL=C sort
}

compile() {
  say "compiling libpython (four minutes on two cores)"
  make -j"$(nproc)" libpython3.11.a Programs/python.o pybuilddir.txt >"$log" 2>&1 ||
    die "libpython does not compile"
  # The same file once more, with the allocator that upstream leaves out on WASI.
  $cc -DNDEBUG -fwrapv -O3 -std=c11 -fvisibility=hidden -DPy_BUILD_CORE -DWITH_PYMALLOC=1 -I. \
    -I../Python-3.11.2/Include -I../Python-3.11.2/Include/internal -Wno-int-conversion \
    -c ../Python-3.11.2/Objects/obmalloc.c -o obmalloc.o 2>"$log" || die "obmalloc.c does not compile"
}

# collect FOLDER: what is wanted of the build, into it
collect() {
  local source=../Python-3.11.2 name
  mkdir -p "$1"/include "$1"/lib "$1"/tests "$1"/stdlib/lib-dynload
  cp -r $source/Include/. pyconfig.h "$1"/include
  cp libpython3.11.a Modules/_decimal/libmpdec/libmpdec.a Modules/expat/libexpat.a \
    Programs/python.o obmalloc.o "$1"/lib
  cp -r $source/Lib/. "$(cat pybuilddir.txt)"/_sysconfigdata*.py "$1"/stdlib
  touch "$1"/stdlib/lib-dynload/nothing # without the folder it warns at start
  rm -rf "$1"/stdlib/{idlelib,ensurepip,turtledemo,lib2to3,tkinter,pydoc_data}
  (cd "$1/stdlib" && find . -type d \( -name test -o -name tests \) -prune -print0) |
    while IFS= read -r -d '' name; do
      mkdir -p "$1/tests/$(dirname "$name")"
      mv "$1/stdlib/$name" "$1/tests/$name"
    done
  say "compiling the standard library"
  $python -m compileall -q -j0 --invalidation-mode unchecked-hash -d / "$1"/stdlib >"$log" 2>&1 ||
    die "the standard library does not compile"
}

if [ "${1:-}" != --ask ] && [ -d "$result" ]; then printf '%s\n' "$result"; exit; fi
for file in "$archive" "$python" "$sysroot"; do
  [ -e "$file" ] || die "$file is missing: run wasm/setup.sh cpython"
done
tmp=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log
tar -xf "$archive" -C "$tmp"
mkdir "$tmp/build"
cd "$tmp/build"
if [ "${1:-}" = --ask ]; then
  configure
  answers
  exit
fi
say "configuring CPython 3.11 for WASI"
if [ -n "${WASI_SDK_PATH:-}" ]; then configure; else configure "$here/answers.txt"; fi
compile
collect "$tmp/result"
mv -T "$tmp/result" "$result" 2>/dev/null || [ -d "$result" ] || die "cannot write $result"
printf '%s\n' "$result"
