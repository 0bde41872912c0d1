# A port for emcc: the library from the checkout that this file lies in.
#
#   emcc program.c --use-port=wasm-pymalloc/wasm/emscripten/pymalloc.py
#   emcc program.c --use-port=wasm-pymalloc/wasm/emscripten/pymalloc.py:malloc=true:debug=1
import glob
import hashlib
import os

URL = 'https://docs.python.org/3.11/c-api/memory.html'
DESCRIPTION = "CPython's raw, mem and object allocators"
LICENSE = 'MIT License'

OPTIONS = {
  'malloc': "true: malloc and its family are the library's (default false)",
  'exports': 'false: no Module.pymalloc for JavaScript (default true)',
  'profile': 'true: heap.profile() in JavaScript (default false)',
  'debug': 'PYM_DEBUG: 0 release (default), 1 hardened, 2 debug',
}
VALUES = {'malloc': ['true', 'false'], 'exports': ['true', 'false'], 'profile': ['true', 'false'],
          'debug': ['0', '1', '2']}

port_name = 'pymalloc'
opts = {'malloc': 'false', 'exports': 'true', 'profile': 'false', 'debug': '0'}

# (version, address of the sources, their SHA-512): the port of a release has them.
RELEASE = None


def tree(ports, *parts):
  """The checkout that this file lies in, or the sources of the release, fetched once."""
  top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
  if RELEASE:
    version, address, sha512 = RELEASE
    ports.fetch_project(port_name, address, sha512hash=sha512)
    top = os.path.join(ports.get_dir(), port_name, f'pymalloc-{version}-src')
  return os.path.join(top, *parts)


# Those of the target pymalloc in CMakeLists.txt (tests/emscripten/consume.test.mjs compares).
CORE = '''
  ports/linmem_sbrk.c ports/host_posix.c
  core/state.c core/corrupt.c core/event.c core/account.c core/space.c core/bins.c core/chunk.c
  core/pool.c core/reclaim.c core/limits.c core/watched.c core/object.c core/domain.c core/heap.c
  core/arena_hook.c
  inspect/walk.c inspect/check.c inspect/stats.c inspect/dump.c inspect/report.c inspect/profile.c
  inspect/descriptor.c
  debug/debug_hooks.c debug/debug_report.c debug/trace.c api/allocators.c
'''.split()
ONE_THREAD = ['ports/link_pymalloc_threads_instead.c']
THREADS = ['core/thread_lock.c', 'core/thread_heap.c', 'core/thread_hold.c',
           'ports/lock_emscripten.c', 'ports/thread_end_pthread.c']
# In each archive, and linked if pym_profile is asked for.
PROFILE = ['api/profile_host.c', 'ports/profile_emscripten.c']


def lib_name(ports, tracing, threads):
  """Of another name when the sources are others: emcc's cache does not look at them."""
  digest = hashlib.sha256()
  source = tree(ports, 'src')
  for name in sorted(glob.glob('**/*.[ch]', root_dir=source, recursive=True)):
    with open(os.path.join(source, name), 'rb') as f:
      digest.update(f.read())
  kind = f'{opts["debug"]}{"-malloc" if opts["malloc"] == "true" else ""}'
  if tracing:
    kind += '-tracing'
  if threads:
    kind += '-mt'
  return f'lib{port_name}-{kind}-{digest.hexdigest()[:12]}.a'


def get(ports, settings, shared):
  threads = bool(settings.SHARED_MEMORY)

  def create(final):
    source = tree(ports, 'src')
    srcs = CORE + PROFILE + (THREADS if threads else ONE_THREAD)
    if opts['malloc'] == 'true':
      srcs += ['api/malloc_emscripten.c', 'api/malloc_more.c', 'ports/sbrk.c']
    if settings.EMSCRIPTEN_TRACING:
      srcs.append('api/tracing_emscripten.c')
    ports.build_port(source, final, port_name, srcs=srcs,
                     flags=['-std=c11', '-fPIC', '-I' + source, '-DPYM_DEBUG=' + opts['debug']] +
                     (['-pthread'] if threads else []))

  name = lib_name(ports, settings.EMSCRIPTEN_TRACING, threads)
  return [shared.cache.get_lib(name, create, what='port')]


def clear(ports, settings, shared):
  for tracing in (False, True):
    for threads in (False, True):
      shared.cache.erase_lib(lib_name(ports, tracing, threads))


def linker_setup(ports, settings):
  if opts['malloc'] == 'true':
    settings.MALLOC = 'none'
  if settings.EMSCRIPTEN_TRACING: # an archive's constructor is linked if something is asked of it
    settings.REQUIRED_EXPORTS += ['pym_tracing']
  if opts['profile'] == 'true':
    settings.REQUIRED_EXPORTS += ['pym_profile']
  if opts['exports'] == 'true':
    with open(tree(ports, 'wasm', 'exports.txt')) as f:
      names = [line.strip() for line in f if line[0].isalpha()]
    settings.REQUIRED_EXPORTS += names + ['pym_root', 'pym_descriptor']
    settings.POST_JS_FILES += [tree(ports, 'wasm', 'emscripten', 'post.js')]


def process_args(ports):
  return ['-isystem', tree(ports, 'src'), '-DPYM_DEBUG=' + opts['debug']]


def handle_options(options, error_handler):
  for option, value in options.items():
    if value not in VALUES[option]:
      error_handler(f'[{option}] can be {VALUES[option]}, not [{value}]')
    opts[option] = value
