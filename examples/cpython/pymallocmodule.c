/* The built-in module `pymalloc`: what Python sees of the allocator that serves it.
 *
 *   stats()     counters, as a dict of dicts
 *   dump()      the report in words
 *   check()     an exception if the heap is damaged
 *   snapshot()  counters, and every pool, large block and free piece with its address
 *   limit, soft_limit   of the whole heap, in bytes, or None
 *
 * The default heap is meant everywhere.  Names as in the JavaScript package, in Python's manner. */
#include <Python.h>
#include <structmember.h>
#include <time.h>

#include "pymalloc.h"

static const char *const domain_names[PYM_DOMAINS] = {"raw", "mem", "object"};

/* ---- Limits ---- */

static PyObject *limit_object(uint32_t limit) {
  if (limit == PYM_UNLIMITED) Py_RETURN_NONE;
  return PyLong_FromUnsignedLong(limit);
}

/* `which` of pym_limit_get; the closure of an attribute tells which of the two is meant. */
static char soft_tag, hard_tag;

static PyObject *get_limit(PyObject *self, void *tag) {
  uint32_t soft, hard;
  (void)self;
  pym_limit_get(pym_heap_default(), PYM_WHOLE_HEAP, &soft, &hard);
  return limit_object(tag == &soft_tag ? soft : hard);
}

static int set_limit(PyObject *self, PyObject *value, void *tag) {
  uint32_t soft, hard, limit = PYM_UNLIMITED;
  (void)self;
  if (value == NULL) {
    PyErr_SetString(PyExc_AttributeError, "a limit cannot be deleted: set it to None");
    return -1;
  }
  if (value != Py_None) {
    int overflow;
    long long bytes;
    if (!PyLong_Check(value)) {
      PyErr_Format(PyExc_TypeError, "a limit is a number of bytes or None, not %.100s",
                   Py_TYPE(value)->tp_name);
      return -1;
    }
    bytes = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow || bytes < 0 || bytes >= PYM_UNLIMITED) {
      PyErr_SetString(PyExc_ValueError, "a limit is from 0 to 4294967294 bytes, or None");
      return -1;
    }
    limit = (uint32_t)bytes;
  }
  pym_limit_get(pym_heap_default(), PYM_WHOLE_HEAP, &soft, &hard);
  *(tag == &soft_tag ? &soft : &hard) = limit;
  pym_limit_set(pym_heap_default(), PYM_WHOLE_HEAP, soft, hard);
  return 0;
}

/* ---- stats() ---- */

static PyObject *domain_stats(unsigned d) {
  pym_domain_stats s;
  uint32_t soft, hard;
  pym_domain_stats_get(pym_heap_default(), (enum pym_domain)d, &s);
  pym_limit_get(pym_heap_default(), d, &soft, &hard);
  return Py_BuildValue("{sK sK sK sK sK sK sN sN}", "live_bytes", s.live_bytes, "live_blocks",
                       s.live_blocks, "peak_bytes", s.peak_bytes, "total_blocks", s.total_blocks,
                       "total_bytes", s.total_bytes, "failures", s.failures, "soft_limit",
                       limit_object(soft), "hard_limit", limit_object(hard));
}

/* The size classes that were ever used. */
static PyObject *class_list(void) {
  PyObject *list = PyList_New(0);
  for (unsigned i = 0; list && i < PYM_SMALL_MAX / PYM_ALIGNMENT; i++) {
    pym_class_stats c;
    pym_class_stats_get(pym_heap_default(), i, &c);
    if (!c.total_blocks && !c.peak_pools) continue;
    PyObject *one = Py_BuildValue("{sI sK sK sK sI sI}", "block_size", c.block_size, "live_blocks",
                                  c.live_blocks, "free_blocks", c.free_blocks, "total_blocks",
                                  c.total_blocks, "pools", c.pools, "peak_pools", c.peak_pools);
    if (!one || PyList_Append(list, one) < 0) Py_CLEAR(list);
    Py_XDECREF(one);
  }
  return list;
}

static PyObject *page_stats(PyObject **growth) {
  pym_page_stats p;
  pym_page_stats_get(&p);
  *growth = Py_BuildValue("{sK sK}", "grows", p.grows, "failures", p.grow_failures);
  return Py_BuildValue("{sI sI sI sI sI sI}", "memory", p.memory, "owned", p.owned, "pool", p.pool,
                       "free", p.free, "raw", p.raw, "arenas", p.arenas);
}

static PyObject *stats(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  PyObject *growth, *pages = page_stats(&growth), *domains = PyDict_New();
  for (unsigned d = 0; domains && d < PYM_DOMAINS; d++) {
    PyObject *one = domain_stats(d);
    if (!one || PyDict_SetItemString(domains, domain_names[d], one) < 0) Py_CLEAR(domains);
    Py_XDECREF(one);
  }
  return Py_BuildValue("{sN sN sN sN sN sN}", "domains", domains, "classes", class_list(), "pages",
                       pages, "growth", growth, "soft_limit", get_limit(NULL, &soft_tag),
                       "hard_limit", get_limit(NULL, &hard_tag));
}

/* ---- dump(), check() ---- */

/* A text into an array; what does not fit is counted only. */
struct text {
  size_t n, room;
  char *at;
};

static void collect(void *ctx, const char *piece, size_t n) {
  struct text *all = ctx;
  if (all->n + n <= all->room) memcpy(all->at + all->n, piece, n);
  all->n += n;
}

/* The report.  Nothing is allocated while it is made: its numbers are of one moment. */
static PyObject *report(void) {
  struct text all = {0};
  do {
    size_t room = all.n + 1024;
    PyMem_Free(all.at);
    all = (struct text){0, room, PyMem_New(char, room)};
    if (!all.at) return PyErr_NoMemory();
    pym_dump(pym_heap_default(), collect, &all);
  } while (all.n > all.room);
  PyObject *text = PyUnicode_FromStringAndSize(all.at, (Py_ssize_t)all.n);
  PyMem_Free(all.at);
  return text;
}

static PyObject *dump(PyObject *module, PyObject *args, PyObject *keywords) {
  static char *names[] = {"file", NULL};
  PyObject *file = Py_None, *text;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:dump", names, &file)) return NULL;
  if (file == Py_None) file = PySys_GetObject("stderr"); /* borrowed */
  if (!file || file == Py_None) Py_RETURN_NONE;          /* as print() */
  if (!(text = report())) return NULL;
  Py_INCREF(file);
  int failed = PyFile_WriteObject(text, file, Py_PRINT_RAW);
  Py_DECREF(file);
  Py_DECREF(text);
  if (failed) return NULL;
  Py_RETURN_NONE;
}

static PyObject *check(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  if (pym_check(pym_heap_default()) == 0) Py_RETURN_NONE;
  PyErr_SetString(PyExc_RuntimeError, pym_check_message());
  return NULL;
}

/* ---- snapshot() ---- */

struct item {
  uint32_t address, size;
  uint16_t count;
  uint8_t what, domain;
};

/* A walk into an array; what does not fit is counted only. */
struct items {
  size_t n, room;
  struct item *at;
};

static int note(void *ctx, enum pym_what what, void *p, size_t size, unsigned count,
                enum pym_domain domain) {
  struct items *all = ctx;
  if (what == PYM_WALK_BLOCK) return 0;
  if (all->n < all->room)
    all->at[all->n] = (struct item){(uint32_t)(uintptr_t)p, (uint32_t)size, (uint16_t)count,
                                    (uint8_t)what, (uint8_t)domain};
  all->n++;
  return 0;
}

/* Everything but small blocks.  The array's own block changes the heap a little: hence the loop,
 * and some room to spare.  0, or -1 with an exception. */
static int walk_all(struct items *all) {
  *all = (struct items){0};
  do {
    size_t room = all->n + 16;
    PyMem_Free(all->at);
    *all = (struct items){0, room, PyMem_New(struct item, room)};
    if (!all->at) return PyErr_NoMemory(), -1;
    pym_walk(pym_heap_default(), note, all);
  } while (all->n > all->room);
  return 0;
}

static PyObject *item_tuple(const struct item *i) {
  switch (i->what) {
    case PYM_WALK_POOL:
      return Py_BuildValue("IIH", i->address, i->size, i->count);
    case PYM_WALK_CHUNK:
      return Py_BuildValue("IIs", i->address, i->size, domain_names[i->domain % PYM_DOMAINS]);
    default:
      return Py_BuildValue("II", i->address, i->size);
  }
}

static PyObject *item_list(const struct items *all, enum pym_what what) {
  PyObject *list = PyList_New(0);
  for (size_t i = 0; list && i < all->n; i++) {
    if (all->at[i].what != what) continue;
    PyObject *one = item_tuple(&all->at[i]);
    if (!one || PyList_Append(list, one) < 0) Py_CLEAR(list);
    Py_XDECREF(one);
  }
  return list;
}

static PyObject *snapshot(PyObject *module, PyObject *unused) {
  struct items all;
  struct timespec now;
  PyObject *map = NULL, *counters = NULL;
  timespec_get(&now, TIME_UTC);
  if (walk_all(&all) == 0 && (counters = stats(module, unused)) != NULL)
    map = Py_BuildValue("{sN sN sN sN}", "segments", item_list(&all, PYM_WALK_SEGMENT), "pools",
                        item_list(&all, PYM_WALK_POOL), "blocks", item_list(&all, PYM_WALK_CHUNK),
                        "free", item_list(&all, PYM_WALK_FREE_CHUNK));
  PyMem_Free(all.at);
  return Py_BuildValue("{si sd sN sN}", "version", 1, "time",
                       (double)now.tv_sec + (double)now.tv_nsec * 1e-9, "stats", counters, "map",
                       map);
}

/* ---- The module ---- */

PyDoc_STRVAR(module_doc, "The allocator that serves this Python: counters, limits, damage.");
PyDoc_STRVAR(
    stats_doc,
    "stats($module, /)\n--\n\nCounters of the domains, of the size classes that were used, of "
    "linear memory\nin pages of 64 KiB.");
PyDoc_STRVAR(
    dump_doc,
    "dump($module, file=None)\n--\n\nPrint a report in the manner of sys._debugmallocstats(), on "
    "sys.stderr if\nfile is not given.");
PyDoc_STRVAR(
    check_doc,
    "check($module, /)\n--\n\nLook at every block and list.  RuntimeError says what is damaged.");
PyDoc_STRVAR(
    snapshot_doc,
    "snapshot($module, /)\n--\n\nThe counters, and a map with the addresses of segments, pools, "
    "blocks above\n512 bytes and free memory.");

static PyMethodDef methods[] = {
    {"stats", stats, METH_NOARGS, stats_doc},
    {"dump", _PyCFunction_CAST(dump), METH_VARARGS | METH_KEYWORDS, dump_doc},
    {"check", check, METH_NOARGS, check_doc},
    {"snapshot", snapshot, METH_NOARGS, snapshot_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"limit", get_limit, set_limit, "bytes that live blocks may have at most, or None", &hard_tag},
    {"soft_limit", get_limit, set_limit, "bytes above which hosts are told, or None", &soft_tag},
    {NULL, NULL, NULL, NULL, NULL},
};

/* A module with attributes that are computed: an instance of a subclass. */
static PyType_Slot type_slots[] = {{Py_tp_getset, attributes}, {0, NULL}};
static PyType_Spec type_spec = {
    .name = "pymalloc.module", .flags = Py_TPFLAGS_DEFAULT, .slots = type_slots};

static PyObject *create(PyObject *spec, PyModuleDef *def) {
  PyObject *type = PyType_FromSpecWithBases(&type_spec, (PyObject *)&PyModule_Type), *module;
  PyObject *name = type ? PyObject_GetAttrString(spec, "name") : NULL;
  (void)def;
  module = name ? PyObject_CallOneArg(type, name) : NULL;
  Py_XDECREF(name);
  Py_XDECREF(type);
  return module;
}

static int execute(PyObject *module) {
  return PyModule_AddStringConstant(module, "__version__", PYM_VERSION);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_create, (void *)(uintptr_t)create},
    {Py_mod_exec, (void *)(uintptr_t)execute},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pymalloc",
    .m_doc = module_doc,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_pymalloc(void) { return PyModuleDef_Init(&definition); }
