"""Runs one program as `python3 /program/main.py` would, inside the WebAssembly build of CPython.

Imported once, before the snapshot every run starts from; `run` is then called once per run. What this build lacks
(threads, processes, sockets, some modules) is either given a stand-in with the same effect, or refused by an error, as
by a system that has it not; the host is told, and a program that then fails is no verdict on it. Nothing here knows an
expected output.
"""

import _thread
import array
import atexit
import builtins
import dis
import errno
import gc
import importlib
import io
import marshal
import os
import sys
import threading
import traceback
import types
# The host calls it before every test.
from sys import set_int_max_str_digits

PATH = "/program/main.py"
DOES_NOT_COMPILE = -1
BUFFER = 1 << 16
MOST_ADDRESSES = 1 << 27
# In the snapshot, so that importing them costs a program nothing; the rest of the library is read when asked for.
PRELOADED = (
    "abc argparse array ast base64 binascii bisect calendar cmath collections collections.abc contextlib copy csv "
    "dataclasses datetime decimal difflib dis enum fileinput fractions functools getpass graphlib hashlib heapq hmac "
    "html inspect io ipaddress itertools json linecache logging marshal math numbers operator os os.path pathlib "
    "pickle platform pprint queue random re secrets select shlex signal stat statistics string struct subprocess "
    "sys textwrap time timeit tokenize traceback types typing unicodedata unittest uuid warnings weakref zlib"
).split()
# In the library, but of no use without what is missing below them.
USELESS = frozenset("asyncio bz2 ctypes curses dbm lzma multiprocessing sqlite3 ssl tkinter".split())
# The instructions by which a program raises what it likes, and how C says that an integer is too long for it.
RAISES = frozenset(dis.opmap[name] for name in ("RAISE_VARARGS", "RERAISE"))
NARROW = ("cannot fit 'int' into an index-sized integer", "Python int too large to convert to C ")
PROGRAM_FILES = frozenset((PATH, "program.py", "tests.py", "preamble.py", "<string>"))


def tell(path):
    """Tells the host something by a name that no file has."""
    try:
        os.open("/dev/rlef/" + path, os.O_RDONLY)
    except OSError:
        pass


def may_be_handled():
    """Whether the program's own code has a handler where it asks for something."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename not in PROGRAM_FILES:
        frame = frame.f_back
    if frame is None:
        return True
    # Tests are driven by other files, whose handlers are not the program's.
    file = frame.f_code.co_filename
    while frame is not None:
        code, place = frame.f_code, frame.f_lasti
        if code.co_filename == file:
            for handler in dis._parse_exception_table(code):
                if handler.start <= place < handler.end:
                    return True
        frame = frame.f_back
    return False


def note(what):
    """The program asked for what is not here. Where it does nothing about that, it ends, and what it printed before counts."""
    if may_be_handled():
        tell("lacking/" + what)
        return
    try:
        sys.stdout.flush()
    finally:
        tell("ends/" + what)


def lacking(what):
    def missing(*arguments, **named):
        note(what)
        raise OSError(errno.ENOTSUP, "WebAssembly isolation has no " + what)

    return missing


def asked_for_by_the_program():
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename in PROGRAM_FILES


class UselessModules:
    """The first finder: modules that would be found and then fail."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in USELESS and asked_for_by_the_program():
            note("module '" + name + "'")
            raise ModuleNotFoundError("No module named %r" % name, name=name)
        return None


class MissingModules:
    """The last finder: nobody has the module. Where the program itself asked for it, a host's Python might."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if path is None and asked_for_by_the_program():
            note("module '" + name + "'")
        return None


def start(thread):
    """`Thread.start` where there is one thread: runs it to its end at once."""
    if not thread._initialized:
        raise RuntimeError("thread.__init__() not called")
    if thread._started.is_set():
        raise RuntimeError("threads can only be started once")
    tell("threads")
    identity = _thread.get_ident()
    outer = threading._active.get(identity)
    thread._ident = identity
    thread._started.set()
    threading._active[identity] = thread
    try:
        thread.run()
    except SystemExit:
        pass
    except BaseException:
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
    finally:
        threading._active[identity] = outer
        thread._rlef_done = True


def join(thread, timeout=None):
    if not thread._initialized:
        raise RuntimeError("Thread.__init__() not called")
    if not thread._started.is_set():
        raise RuntimeError("cannot join thread before it is started")
    if thread is threading.current_thread():
        raise RuntimeError("cannot join current thread")


def is_alive(thread):
    return thread is threading.main_thread() or (thread._started.is_set() and not thread._rlef_done)


def replace_threads():
    kind = threading.Thread
    kind.start, kind.join, kind.is_alive, kind._rlef_done = start, join, is_alive, False
    threading.stack_size = _thread.stack_size = lambda size=0: 0
    # One thread that waits for another waits for ever.
    threading.Condition.wait = lacking("thread to wait for")
    _thread.start_new_thread = threading._start_new_thread = lacking("threads")
    threading._start_joinable_thread = lacking("threads")


def duplicate(descriptor):
    return os.open("/dev/fd/%d" % descriptor, os.O_RDONLY)


def duplicate_to(descriptor, target, inheritable=True):
    os.close(os.open("/dev/rlef/rebind/%d-%d" % (descriptor, target), os.O_RDONLY))
    return target


def set_limit(kind, bounds):
    # CPU, FSIZE and NOFILE have hard limits in a process; the others can be set there, and mean nothing here.
    if kind in (0, 1, 7) and -1 in tuple(bounds):
        raise ValueError("not allowed to raise maximum limit")


def missing_attributes(module):
    """A name that the module lacks might be there on a host: what the program asks for so is unsupported."""

    def missing(name):
        if not name.startswith("__") and asked_for_by_the_program():
            note("'%s.%s'" % (module.__name__, name))
        raise AttributeError("module %r has no attribute %r" % (module.__name__, name))

    module.__getattr__ = missing


def replace_system_calls():
    import select
    import signal
    import socket
    import subprocess
    import time

    os.dup, os.dup2 = duplicate, duplicate_to
    os.cpu_count = os.process_cpu_count = lambda: 1
    for name in "fork forkpty system popen execv execve execl execlp execvp execvpe posix_spawn spawnv spawnl kill".split():
        setattr(os, name, lacking("processes"))
    subprocess.Popen.__init__ = lacking("processes")
    socket.socket.__init__ = lacking("sockets")
    socket.socketpair = lacking("sockets")
    for name in ("alarm", "setitimer", "pause", "raise_signal"):
        setattr(signal, name, lacking("signals"))
    for module in (os, select, signal, socket, time):
        missing_attributes(module)
    limits = types.ModuleType("resource")
    limits.RLIM_INFINITY = -1
    for number, name in enumerate("CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS".split()):
        setattr(limits, "RLIMIT_" + name, number)
    limits.RUSAGE_SELF, limits.RUSAGE_CHILDREN, limits.error = 0, -1, OSError
    limits.getrlimit = lambda kind: (-1, -1)
    limits.setrlimit = set_limit
    limits.getpagesize = lambda: 4096
    limits.getrusage = lacking("resource.getrusage")
    sys.modules["resource"] = limits


def open_streams():
    """Fresh standard streams, buffered more than the usual: a write is a call out of the guest."""

    def text(buffer, errors, line_buffering, name, mode):
        stream = io.TextIOWrapper(buffer, "utf-8", errors, None, line_buffering)
        stream.mode = mode
        return stream

    reading = io.BufferedReader(io.FileIO(0, "rb", closefd=False), BUFFER)
    writing = io.BufferedWriter(io.FileIO(1, "wb", closefd=False), BUFFER)
    complaining = io.BufferedWriter(io.FileIO(2, "wb", closefd=False), BUFFER)
    sys.stdin = sys.__stdin__ = text(reading, "surrogateescape", False, "<stdin>", "r")
    sys.stdout = sys.__stdout__ = text(writing, "surrogateescape", False, "<stdout>", "w")
    sys.stderr = sys.__stderr__ = text(complaining, "backslashreplace", True, "<stderr>", "w")


def beyond_32_bits(error, trace):
    """Whether a function in C refused an integer that one with 64 bits might take; raising the same oneself does not count."""
    if type(error) is not OverflowError or trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    raised = trace.tb_frame.f_code.co_code[trace.tb_lasti] in RAISES
    return not raised and str(error).startswith(NARROW)


def exit_code(request):
    """The exit code that `SystemExit` asks for."""
    code = request.code
    if code is None:
        return 0
    if isinstance(code, int):
        # As C's `long` of 64 bits holds it, or not.
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 255
    try:
        print(code, file=sys.stderr)
    except BaseException:
        pass
    return 1


def report(error, trace):
    """Shows an uncaught exception as the interpreter does; the exit code."""
    if isinstance(error, SystemExit):
        return exit_code(error)
    try:
        try:
            sys.stdout.flush()
        except BaseException:
            pass
        error.__traceback__ = trace
        if beyond_32_bits(error, trace):
            tell("lacking/numbers of C beyond 32 bits")
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
        sys.excepthook(type(error), error, trace)
    except SystemExit as request:
        return exit_code(request)
    except BaseException:
        try:
            sys.__excepthook__(type(error), error, trace)
        except BaseException:
            sys.__stderr__.write(type(error).__name__ + "\n")
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def finish(code):
    """What the interpreter does at its end: exit handlers, then the last flush."""
    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            code = 120
    return code


def flush_streams(_):
    """For a program that got stuck: what it had printed."""
    sys.stdout.flush()


def compiled(source):
    """The code of the program; nothing if it does not compile, which is then told."""
    try:
        return compile(source, PATH, "exec", dont_inherit=True)
    except BaseException as error:
        try:
            sys.excepthook(type(error), error.with_traceback(None), None)
            sys.stderr.flush()
        except BaseException:
            pass
        return None


def prepare_program(source):
    """The code of the program as a compiled file holds it; empty if that format cannot, nothing if there is no code."""
    open_streams()
    code = compiled(source)
    if code is None:
        return None
    try:
        return marshal.dumps(code)
    except ValueError:
        return b""


def run_prepared(code):
    """Runs what `prepare_program` gave; the program's exit code."""
    open_streams()
    return run_code(marshal.loads(code))


def run(source):
    """Runs the program; its exit code, or `DOES_NOT_COMPILE`."""
    open_streams()
    code = compiled(source)
    return DOES_NOT_COMPILE if code is None else run_code(code)


def run_code(code):
    main = types.ModuleType("__main__")
    names = main.__dict__
    names.update(__builtins__=builtins, __file__=PATH, __cached__=None)
    sys.modules["__main__"] = main
    sys.argv[:] = [PATH]
    gc.enable()
    try:
        exec(code, names)
        result = 0
    except BaseException as error:
        trace = error.__traceback__
        result = report(error, trace.tb_next if trace else None)
    return finish(result)


def seal(_):
    """Called last, when nothing is left that the start itself needs. The address of a bit for every fourth address: it is
    set where an object is that can be reached from here. The host makes those immortal in the snapshot, so that no count
    of references changes in them, and a run copies fewer pages."""
    gc.collect()
    waiting = gc.get_objects()
    while waiting:
        here = waiting.pop()
        place = id(here) >> 2
        if OBJECTS[place >> 3] >> (place & 7) & 1:
            continue
        OBJECTS[place >> 3] |= 1 << (place & 7)
        waiting.extend(gc.get_referents(here))
        if type(here) is types.CodeType:
            waiting.extend((here.co_consts, here.co_names, here.co_name, here.co_qualname, here.co_filename))
            waiting.extend((here.co_linetable, here.co_exceptiontable))
    gc.freeze()
    gc.disable()
    return OBJECTS.buffer_info()[0]


def prepare():
    import select

    # Probed by `selectors`; there is nothing to wait for here.
    del select.poll
    select.select = lacking("select.select")
    for module in PRELOADED:
        importlib.import_module(module)
    replace_threads()
    replace_system_calls()
    sys.meta_path.insert(0, UselessModules)
    sys.meta_path.append(MissingModules)
    sys.maxsize = (1 << 63) - 1
    sys.path[:] = ["/program", "/lib/python3.14"]
    sys.path_importer_cache.clear()
    sys.argv[:] = sys.orig_argv[:] = [PATH]
    os.environ.clear()
    os.environ["HOME"] = "/"
    # What most programs do, once, so that the specialised code and caches it leaves are in the snapshot.
    scratch = {"__builtins__": builtins, "__name__": "__main__"}
    exec(compile("import sys\nfor i in range(3):\n    x = str(i) + ' '\n", PATH, "exec", dont_inherit=True), scratch)


OBJECTS = array.array("B", bytes(MOST_ADDRESSES // 32))
prepare()
