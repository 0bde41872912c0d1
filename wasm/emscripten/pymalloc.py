# A port for emcc: the library from the checkout that this file lies in.
#
#   emcc program.c --use-port=wasm-pymalloc/wasm/emscripten/pymalloc.py
#   emcc program.c --use-port=wasm-pymalloc/wasm/emscripten/pymalloc.py:malloc=true:debug=1
import hashlib
import os

URL = 'https://docs.python.org/3.11/c-api/memory.html'
DESCRIPTION = "CPython's raw, mem and object allocators"
LICENSE = 'MIT License'

OPTIONS = {
  'malloc': "true: malloc and its family are the library's (default false)",
  'exports': 'false: no Module.pymalloc for JavaScript (default true)',
  'debug': 'PYM_DEBUG: 0 release (default), 1 hardened, 2 debug',
}
VALUES = {'malloc': ['true', 'false'], 'exports': ['true', 'false'], 'debug': ['0', '1', '2']}

port_name = 'pymalloc'
opts = {'malloc': 'false', 'exports': 'true', 'debug': '0'}

wasm = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
source = os.path.join(os.path.dirname(wasm), 'src')

# Those of the target pymalloc in CMakeLists.txt (tests/emscripten/consume.test.mjs compares).
CORE = '''
  linmem_sbrk.c host_posix.c space.c raw.c raw_bins.c pool.c arena_hook.c object.c domain.c heap.c limits.c
  small.c walk.c check.c stats.c dump.c report.c debug.c debug_report.c allocators.c trace.c
  descriptor.c
'''.split()


def lib_name():
  """Of another name when the sources are others: emcc's cache does not look at them."""
  digest = hashlib.sha256()
  for name in sorted(os.listdir(source)):
    if name.endswith(('.c', '.h')):
      with open(os.path.join(source, name), 'rb') as f:
        digest.update(f.read())
  kind = f'{opts["debug"]}{"-malloc" if opts["malloc"] == "true" else ""}'
  return f'lib{port_name}-{kind}-{digest.hexdigest()[:12]}.a'


def get(ports, settings, shared):
  def create(final):
    srcs = CORE + (['malloc_emscripten.c', 'sbrk.c'] if opts['malloc'] == 'true' else [])
    ports.build_port(source, final, port_name, srcs=srcs,
                     flags=['-std=c11', '-DPYM_DEBUG=' + opts['debug']])

  return [shared.cache.get_lib(lib_name(), create, what='port')]


def clear(ports, settings, shared):
  shared.cache.erase_lib(lib_name())


def linker_setup(ports, settings):
  if opts['malloc'] == 'true':
    settings.MALLOC = 'none'
  if opts['exports'] == 'true':
    with open(os.path.join(wasm, 'exports.txt')) as f:
      names = [line.strip() for line in f if line[0].isalpha()]
    settings.REQUIRED_EXPORTS += names + ['pym_root', 'pym_descriptor']
    settings.POST_JS_FILES += [os.path.join(wasm, 'emscripten', 'post.js')]


def process_args(ports):
  return ['-isystem', source, '-DPYM_DEBUG=' + opts['debug']]


def handle_options(options, error_handler):
  for option, value in options.items():
    if value not in VALUES[option]:
      error_handler(f'[{option}] can be {VALUES[option]}, not [{value}]')
    opts[option] = value
