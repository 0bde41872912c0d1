/* Where this CPython's frames are, for the stacks of a heap profile.  From 3.13 on a CPython says
 * it by itself, in _Py_DebugOffsets. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>

#include "adapters/frames.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_runtime.h"

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030c0000
#error "these are the frames of CPython 3.11"
#endif

#define AT(name, strukt, field) {name, offsetof(strukt, field)}

static struct pym_fact facts[] = {
    {"runtime", 0}, /* address */
    AT("interpreters_head", _PyRuntimeState, interpreters.head),
    AT("threads_head", PyInterpreterState, threads.head),
    AT("cframe", PyThreadState, cframe),
    AT("current_frame", _PyCFrame, current_frame),
    AT("previous", _PyInterpreterFrame, previous),
    AT("executable", _PyInterpreterFrame, f_code),
    AT("instruction", _PyInterpreterFrame, prev_instr),
    AT("owner", _PyInterpreterFrame, owner),
    AT("filename", PyCodeObject, co_filename),
    AT("name", PyCodeObject, co_name),
    AT("qualname", PyCodeObject, co_qualname),
    AT("linetable", PyCodeObject, co_linetable),
    AT("firstlineno", PyCodeObject, co_firstlineno),
    AT("instructions", PyCodeObject, co_code_adaptive),
    AT("bytes_size", PyBytesObject, ob_base.ob_size),
    AT("bytes_value", PyBytesObject, ob_sval),
    AT("text_state", PyASCIIObject, state),
    AT("text_length", PyASCIIObject, length),
    {"text_ascii", sizeof(PyASCIIObject)},
    {"text_compact", sizeof(PyCompactUnicodeObject)},
    {"", 0},
};

__attribute__((export_name("pym_frames_python"))) const void *pym_frames_python(void);
const void *pym_frames_python(void) {
  facts[0].value = (uint32_t)(uintptr_t)&_PyRuntime;
  return facts;
}
