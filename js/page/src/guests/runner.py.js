/** What runs a program within Python.
 *
 *  At a hard limit nothing can be allocated, not even for a call of JavaScript.  What must not fail
 *  then is between two values of the flag: 1 lifts the limits, 2 brings them back. */

export const RUNNER = `
import ast
import gc
import linecache
import signal
import sys
import traceback

from pyodide.code import CodeRunner
from pyodide.ffi import can_run_sync, run_sync

flag = bytearray(1)
program = {}
DONE, ERROR, MEMORY, EXIT = range(4)


def on_signal(number, frame):
    stop = False
    try:
        # Not what the event loop calls: it must return to the loop.
        while frame and frame.f_code is not run.__code__:
            frame = frame.f_back
        if frame and can_run_sync():
            stop = run_sync(turn())
    finally:
        flag[0] = 2
        while flag[0]:
            pass
    if stop:
        raise KeyboardInterrupt


async def can_suspend():
    return can_run_sync()


def collect():
    gc.collect()


async def run(source, name):
    program.clear()
    gc.collect()
    program["__name__"] = "__main__"
    outcome = [DONE, 0, ""]
    try:
        begin()
        code = CodeRunner(source, filename=name, return_mode="none",
                          flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await code.compile().run_async(program)
    except BaseException as error:
        flag[0] = 1
        while flag[0]:
            pass
        outcome = outcome_of(error, source, name)
    else:
        flag[0] = 1
        while flag[0]:
            pass
    sys.stdout.flush()
    sys.stderr.flush()
    return outcome


def outcome_of(error, source, name):
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return [EXIT if error.code else DONE, error.code or 0, ""]
        return [EXIT, 1, str(error.code)]
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != name:
        frames = frames.tb_next
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    text = "".join(traceback.format_exception(type(error), error, frames))
    del linecache.cache[name]
    return [MEMORY if isinstance(error, MemoryError) else ERROR, 1, text.rstrip()]


signal.signal(signal.SIGINT, on_signal)
sys.stdout.reconfigure(line_buffering=True)
`;
