#!/usr/bin/env bash
# Build CPython's libpython for WASI from the unmodified source that Debian has, into the set-up's
# cache folder, unless it is there; print the folder.
#
#   build.sh [--ask] VERSION       VERSION: 3.13 (Debian 13's 3.13.5) or 3.11 (Debian 12's 3.11.2)
#
# In the folder:
#
#   include/   CPython's headers, with the pyconfig.h of this build
#   lib/       libpython.a, libmpdec.a, libexpat.a, from 3.12 on libHacl_Hash_SHA2.a
#              python.o: CPython's own main
#              obmalloc.o, and from 3.12 on pylifecycle.o: compiled with CPython's own pymalloc, to
#              link before libpython
#              obmalloc-plain.o, from 3.12 on: without CPython's mimalloc, to link before libpython
#              where another mimalloc is malloc
#   stdlib/    the standard library, compiled, the build's _sysconfigdata in it
#   tests/     CPython's own tests: what the standard library has in `test` and the like
#
# Configure is told what wasi-libc of 2024 has: answers.txt.  Half a minute, and four more to
# compile, on two cores.  With --ask a new answers.txt is printed: configure finds out by itself, in
# five minutes or ten.
#
# With WASI_SDK_PATH configure always asks: another libc may have other answers.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
cache=${PYM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-pymalloc}
version=${*: -1}
# `python` is of the same version: it freezes modules and compiles the library.
case $version in
  3.11) release=3.11.2 packed=gz python=/usr/bin/python3.11 ;;
  3.13) release=3.13.5 packed=xz python=$cache/bin/python3.13 ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
archive=$cache/src/python${version}_$release.orig.tar.$packed

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
key=$({ echo "$version"; cat "$0" "$here/answers.txt" 2>/dev/null
  $cc --version; cat "$sysroot/../.version"
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

host=wasm32-unknown-wasip1
[ "$version" != 3.11 ] || host=wasm32-unknown-wasi

# configure in the current folder, with the given answers; what is decided stands last and wins
configure() {
  { cat "$@" /dev/null; decided; } >config.site
  # No pkg-config: it would find this machine's libraries.
  CC=$cc CPP="$cc -E" AR=${bin}llvm-ar$suffix RANLIB=${bin}llvm-ranlib$suffix READELF=true \
    PKG_CONFIG=false CFLAGS="-g0 -Wno-error=int-conversion" CONFIG_SITE=$PWD/config.site \
    HOSTRUNNER=false ../"Python-$release"/configure --cache-file=config.cache --host="$host" \
    --build=x86_64-pc-linux-gnu --with-build-python=$python --disable-ipv6 \
    LINKFORSHARED="-z stack-size=4194304" >"$log" 2>&1 || die "configure failed"
}

# Of all that configure noted, what holds on every machine.
answers() {
  sed -n 's/^\([a-z]*_cv_[^=]*\)=${\1=\(.*\)}$/\1=\2/p' config.cache |
    grep -Ev '^(pkg_cv|py_cv_module|ac_cv_(env|path|prog|build|host|target)_?)' | LC_ALL=C sort
}

# again SOURCE OBJECT FLAGS...: a file of libpython once more
again() {
  local from=../Python-$release source=$1 object=$2
  shift 2
  # shellcheck disable=SC2086 # cc is several words
  $cc -DNDEBUG -fwrapv -O3 -std=c11 -fvisibility=hidden -DPy_BUILD_CORE -DPLATLIBDIR='"lib"' -I. \
    "-I$from/Include" "-I$from/Include/internal" "-I$from/Include/internal/mimalloc" \
    -Wno-int-conversion "$@" -c "$from/$source" -o "$object" 2>"$log" ||
    die "$source does not compile"
}

compile() {
  say "compiling libpython (four minutes on two cores)"
  make -j"$(nproc)" "libpython$version.a" Programs/python.o pybuilddir.txt >"$log" 2>&1 ||
    die "libpython does not compile"
  # With the allocator that upstream leaves out on WASI.
  again Objects/obmalloc.c obmalloc.o -DWITH_PYMALLOC=1
  [ "$version" != 3.11 ] || return 0
  # The state of its pools has been part of the interpreter's since 3.12.
  again Python/pylifecycle.c pylifecycle.o -DWITH_PYMALLOC=1
  printf '#include "pyconfig.h"\n#undef WITH_MIMALLOC\n' >plain.h
  again Objects/obmalloc.c obmalloc-plain.o -include plain.h
}

# collect FOLDER: what is wanted of the build, into it
collect() {
  local source=../Python-$release libraries name
  mkdir -p "$1"/include "$1"/lib "$1"/tests "$1"/stdlib/lib-dynload
  cp -r $source/Include/. pyconfig.h "$1"/include
  cp "libpython$version.a" "$1/lib/libpython.a"
  libraries=(Modules/_decimal/libmpdec/libmpdec.a Modules/expat/libexpat.a Programs/python.o
    obmalloc.o)
  [ "$version" = 3.11 ] ||
    libraries+=(Modules/_hacl/libHacl_Hash_SHA2.a pylifecycle.o obmalloc-plain.o)
  cp "${libraries[@]}" "$1"/lib
  cp -r $source/Lib/. "$(cat pybuilddir.txt)"/_sysconfigdata*.py "$1"/stdlib
  touch "$1"/stdlib/lib-dynload/nothing # without the folder it warns at start
  rm -rf "$1"/stdlib/{idlelib,ensurepip,turtledemo,lib2to3,tkinter,pydoc_data}
  (cd "$1/stdlib" && find . -type d \( -name test -o -name tests \) -prune -print0) |
    while IFS= read -r -d '' name; do
      mkdir -p "$1/tests/$(dirname "$name")"
      mv "$1/stdlib/$name" "$1/tests/$name"
    done
  say "compiling the standard library"
  # In one process: a wrapper's children would be the program without it.
  $python -m compileall -q -j1 --invalidation-mode unchecked-hash -d / "$1"/stdlib >"$log" 2>&1 ||
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
say "configuring CPython $version for WASI"
if [ -n "${WASI_SDK_PATH:-}" ]; then configure; else configure "$here/answers.txt"; fi
compile
collect "$tmp/result"
mv -T "$tmp/result" "$result" 2>/dev/null || [ -d "$result" ] || die "cannot write $result"
printf '%s\n' "$result"
