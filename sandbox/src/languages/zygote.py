"""Inside the jail: keeps one warm interpreter and makes each test a fork of it.

Started as `sitecustomize`, so that the interpreter itself runs the program afterwards: by the time the
fork happens no Python frame is left below, and tracebacks, recursion depth, `__main__`, exit codes and
shutdown are those of `python3 main.py`, not an imitation.

Three generations: the zygote (first process of the jail) forks one process per program, which is the
first of its own process namespace (signals from inside cannot touch it); that one compiles the source
once and forks one process per test, which returns from here into the interpreter's own main function.
The messages are described in `process/wire.rs`. Nothing here knows an expected output.
"""

import _socket
import _thread
import array
import atexit
import builtins
import ctypes
import errno
import gc
import marshal
import os
import resource
import signal
import stat
import struct
import sys
import time

PROGRAM = "/program/main.py"
SCRATCH = ("/box", "/tmp", "/dev/shm")
CONTROL, OWN_NAMESPACE, PROGRAM_DIRECTORY, FILTER, LAST_FIXED = 3, 4, 5, 6, 6
CLONE_NEWPID = 0x20000000
START_FORK = 0

PRELOADED = (
    "abc array bisect cmath collections collections.abc contextlib copy datetime decimal enum fractions "
    "functools heapq io itertools json linecache math numbers operator os.path re string struct textwrap "
    "time traceback typing types warnings weakref"
).split()
# Imported before the program's first test if the program names them: once for all its tests. `random` and
# `threading` are here because they have work to do after every fork.
IMPORTED_ON_SIGHT = frozenset(
    "argparse ast asyncio base64 binascii bz2 cProfile calendar codecs concurrent csv dataclasses dis email "
    "fileinput glob graphlib gzip hashlib html inspect ipaddress logging lzma multiprocessing networkx numpy "
    "pandas pathlib pickle platform pprint queue random scipy secrets select selectors shutil signal socket "
    "sortedcontainers sqlite3 statistics subprocess sympy tempfile threading timeit tokenize unittest urllib "
    "uuid xml zipfile zlib".split()
)
# A program that names one of these leaves through the interpreter's full shutdown.
NEEDS_SHUTDOWN = frozenset(("__del__", "ctypes", "cffi", "finalize", "_ctypes"))
# A program that names one of these, or has a generator, may hold something that is flushed when it dies.
NEEDS_CLEARING = frozenset(
    "BufferedRandom BufferedRWPair BufferedWriter FileIO NamedTemporaryFile Popen TemporaryFile "
    "TextIOWrapper codecs fdopen gzip bz2 lzma logging makefile open popen shelve sqlite3 zipfile".split()
)
CO_GENERATORS = 0x20 | 0x80 | 0x200
# The quick way out relies on what the interpreter does after the last line of a script.
QUICK_VERSIONS = ((3, 8), (3, 14))

libc = ctypes.CDLL(None, use_errno=True)


def system(result, step):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, step + ": " + os.strerror(number))


def receive(connection, room):
    """One message and the descriptors that came with it; an empty message is the end."""
    data, ancillary, flags, _ = connection.recvmsg(256, room)
    descriptors = array.array("i")
    for _, _, payload in ancillary:
        descriptors.frombytes(payload)
    if flags & _socket.MSG_CTRUNC:
        raise OSError(errno.EMFILE, "descriptors lost in a message")
    return data, descriptors


class Filter:
    """The seccomp program, 8 bytes an instruction; none where the configuration lets it be missing."""

    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    def __init__(self, descriptor):
        code = os.pread(descriptor, 1 << 16, 0)
        self.code = ctypes.create_string_buffer(code, max(1, len(code)))
        self.program = self.Program(len(code) // 8, ctypes.addressof(self.code))

    def install(self):
        if self.program.count:
            system(libc.prctl(22, 2, ctypes.byref(self.program), 0, 0), "install the system call filter")


class Capabilities:
    """Gives up all capabilities; with no_new_privs set they never come back."""

    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()

    @classmethod
    def drop(cls):
        system(libc.capset(cls.header, cls.data), "drop the capabilities")


def fix_thread_stacks():
    """Threads get 8 MiB as under an ordinary shell, although the main stack may grow much further."""
    attributes = ctypes.create_string_buffer(256)
    try:
        if libc.pthread_getattr_default_np(attributes) == 0:
            libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(8 << 20))
            libc.pthread_setattr_default_np(attributes)
    except AttributeError:
        pass  # Not glibc: its threads do not take their size from the stack limit.


def reset_signals():
    """Undoes what the supervisor's own parent may have ignored or blocked."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ours = (signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ)
    for number in range(1, 32):
        if number not in ours:
            signal.signal(number, signal.SIG_DFL)


# --- scratch space ---------------------------------------------------------------------------------


def scratch_marks():
    marks = []
    for path in SCRATCH:
        state = os.lstat(path)
        marks.append((state.st_mode, state.st_nlink, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_atime_ns))
    return marks


def wipe_directory(top):
    """Empties `top` without recursion or long paths: nested directories are first moved up."""
    os.chmod(top, 0o755)
    fresh = 0
    names = os.listdir(top)
    while names:
        for name in names:
            path = top + "/" + name
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                inside = path + "/" + inner
                if stat.S_ISDIR(os.lstat(inside).st_mode):
                    # A directory that its owner may not write to cannot be moved.
                    os.chmod(inside, 0o700)
                    while os.path.lexists("%s/%d" % (top, fresh)):
                        fresh += 1
                    os.rename(inside, "%s/%d" % (top, fresh))
                else:
                    os.unlink(inside)
            os.rmdir(path)
        names = os.listdir(top)
    os.utime(top, (0, 0))


def wipe():
    for path in SCRATCH:
        wipe_directory(path)
    return scratch_marks()


# --- one program -----------------------------------------------------------------------------------


def names_of(code, names, flags):
    """Every name the program mentions, and the flags of its functions."""
    todo = [code]
    while todo:
        code = todo.pop()
        names.update(code.co_names)
        flags |= code.co_flags
        for constant in code.co_consts:
            if type(constant) is type(code):
                names.add(constant.co_name)
                todo.append(constant)
    return flags


def bounded(kind, soft, slack=0):
    """Bounds for a limit, lowered to what the host allows."""
    _, most = resource.getrlimit(kind)
    hard = soft + slack
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    return soft, hard


def read_all(descriptor):
    size = os.fstat(descriptor).st_size
    parts, at = [], 0
    while at < size:
        part = os.pread(descriptor, size - at, at)
        if not part:
            break
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def write_program(source):
    try:
        os.unlink("main.py", dir_fd=PROGRAM_DIRECTORY)
    except FileNotFoundError:
        pass
    descriptor = os.open("main.py", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444, dir_fd=PROGRAM_DIRECTORY)
    try:
        at, view = 0, memoryview(source)
        while at < len(source):
            at += os.write(descriptor, view[at:])
    finally:
        os.close(descriptor)


def compile_program(source):
    """The code object and the warnings a reader would see, or nothing if it does not compile."""
    import warnings

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default", SyntaxWarning)
            code = compile(source, PROGRAM, "exec", dont_inherit=True)
    except BaseException:
        return None, b""
    text = "".join(warnings.formatwarning(w.message, w.category, w.filename, w.lineno) for w in caught if w.category is SyntaxWarning)
    return code, text.encode("utf-8", "backslashreplace")


def import_on_sight(names):
    for name in sorted(names & IMPORTED_ON_SIGHT):
        try:
            __import__(name)
        except BaseException:
            pass  # The program meets the same failure, and may handle it.


class ExitFunction:
    """`sys.exit`, which also notes the exit code: only the full shutdown could tell it otherwise."""

    def __init__(self, genuine):
        self.genuine, self.main_thread, self.code = genuine, _thread.get_ident(), None
        self.__name__, self.__doc__ = genuine.__name__, genuine.__doc__

    def __repr__(self):
        return repr(self.genuine)

    def __call__(self, status=None, /):
        self.note(status)
        if status is None or type(status) in (int, str):
            raise SystemExit(status)
        self.genuine(status)

    def note(self, status):
        if _thread.get_ident() != self.main_thread:
            return
        if status is None:
            self.code = 0
        elif type(status) is int and abs(status) < 1 << 31:
            self.code = status & 0xFF
        else:
            # Text is printed and becomes 1; anything else is left to the interpreter.
            self.code = 1 if type(status) is str else None


def note_exits():
    """Puts the noting `sys.exit` in place, also behind `exit` and `quit`."""
    sys.exit = noting = ExitFunction(sys.exit)

    def leave(self, code=None):
        noting.note(code)
        try:
            sys.stdin.close()
        except:
            pass
        raise SystemExit(code)

    type(builtins.exit).__call__ = leave
    return noting


class Exit:
    """The way out of a test's process: the full shutdown, or the same effects without touching every page."""

    def __init__(self, main):
        self.main, self.quick, self.clear, self.trusted = main, False, True, False
        self.noting = note_exits()

    def __call__(self):
        # Registered before any handler of the program, hence called after all of them.
        try:
            code = self.leave()
        except BaseException:
            code = None  # The full shutdown fails the same way, and says so in the interpreter's words.
        if code is not None:
            os._exit(code)
        # The full shutdown destroys what only the program's globals hold, if it finds them.
        self.main = None
        if not self.quick:
            gc.unfreeze()

    def leave(self):
        """The exit code, if nothing of the full shutdown is left to do that anybody could notice."""
        main = self.main
        if not self.quick:
            return None
        flush(sys.stdout, sys.stderr)
        # After the last line the interpreter deletes __file__; on SystemExit it does not.
        if "__file__" in main:
            code = self.noting.code if self.trusted else None
        elif hasattr(sys, "last_type"):
            code = None if issubclass(sys.last_type, KeyboardInterrupt) else 1
        else:
            code = 0
        if self.clear:
            for name in list(main):
                if name[:1] == "_" and name[1:2] != "_":
                    main[name] = None
            for name in list(main):
                if name != "__builtins__":
                    main[name] = None
            gc.collect()
        # The interpreter puts the original streams back before it flushes for the last time.
        flush(sys.__stdout__, sys.__stderr__)
        return code


def flush(*streams):
    for stream in streams:
        if stream is not None and not stream.closed:
            stream.flush()


class Program:
    """Lives in the first process of a program's process namespace."""

    def __init__(self, request, source_descriptor, connection, zygote):
        start, cpu_seconds, address_space, processes, open_files, file_bytes, stack_bytes = request
        self.connection, self.zygote = connection, zygote
        # These two would stop this process, which lives longer and holds more descriptors than a test.
        self.cpu_bounds = bounded(resource.RLIMIT_CPU, cpu_seconds, 1)
        self.file_bounds = bounded(resource.RLIMIT_NOFILE, open_files)
        self.image = os.memfd_create("main")
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        Capabilities.drop()
        zygote.filter.install()
        if scratch_marks() != zygote.marks:
            self.marks = wipe()
        else:
            self.marks = zygote.marks
        source = read_all(source_descriptor)
        os.close(source_descriptor)
        write_program(source)
        # Inherited by every test. What compiling takes is bounded too; what this process takes is counted in.
        if address_space:
            resource.setrlimit(resource.RLIMIT_AS, bounded(resource.RLIMIT_AS, address_space))
        if processes:
            resource.setrlimit(resource.RLIMIT_NPROC, bounded(resource.RLIMIT_NPROC, processes))
        # A core limit of 1, unlike 0, also keeps the host's crash handler from being started.
        for kind, limit in ((resource.RLIMIT_STACK, stack_bytes), (resource.RLIMIT_CORE, 1)):
            resource.setrlimit(kind, bounded(kind, limit))
        code, self.warnings = (None, b"") if start != START_FORK else compile_program(source)
        compiled = code is not None or start != START_FORK
        self.exec = code is None
        if code is not None:
            names = set()
            flags = names_of(code, names, 0)
            zygote.exit.quick = zygote.quick and not names & NEEDS_SHUTDOWN
            # Only with these can a program leave by another exit than the one noted last.
            zygote.exit.trusted = not names & {"SystemExit", "BaseException", "atexit"}
            zygote.exit.clear = bool(names & NEEDS_CLEARING or flags & CO_GENERATORS)
            import_on_sight(names)
            os.write(self.image, zygote.magic + b"\0" * 12 + marshal.dumps(code))
        resource.setrlimit(resource.RLIMIT_FSIZE, bounded(resource.RLIMIT_FSIZE, file_bytes))
        del source, code
        gc.freeze()
        connection.send(struct.pack("<c?Q", b"C", compiled, self.own_cpu()))

    @staticmethod
    def own_cpu():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return int((usage.ru_utime + usage.ru_stime) * 1e6)

    def serve(self):
        """Runs tests until told to stop; returns only in the process of a test."""
        while True:
            data, streams = receive(self.connection, 64)
            if not data:
                os._exit(0)
            if len(streams) != 3:
                raise OSError(errno.EPROTO, "a test needs three descriptors")
            failure = os.pipe() if self.exec else None
            began = time.monotonic_ns()
            child = os.fork()
            if child == 0:
                self.become_test(streams, failure)
                return
            for descriptor in streams:
                os.close(descriptor)
            _, status, usage = os.wait4(child, 0)
            wall_us = (time.monotonic_ns() - began) // 1000
            cpu = usage.ru_utime + usage.ru_stime
            memory = usage.ru_maxrss
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            try:
                while True:
                    _, _, usage = os.wait4(-1, 0)
                    cpu += usage.ru_utime + usage.ru_stime
                    memory = max(memory, usage.ru_maxrss)
            except ChildProcessError:
                pass
            if failure:
                os.close(failure[1])
                text = os.read(failure[0], 200)
                os.close(failure[0])
                if text:
                    raise OSError(errno.ENOEXEC, text.decode("utf-8", "replace"))
            self.connection.send(
                struct.pack("<ciQQQQ", b"E", status, int(cpu * 1e6), memory * 1024, wall_us, self.own_cpu())
            )
            if scratch_marks() != self.marks:
                self.marks = wipe()

    def become_test(self, streams, failure):
        for number in range(3):
            os.dup2(streams[number], number)
        image = self.zygote.image
        os.lseek(self.image, 0, os.SEEK_SET)
        os.dup2(self.image, image, False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        resource.setrlimit(resource.RLIMIT_CPU, self.cpu_bounds)
        resource.setrlimit(resource.RLIMIT_NOFILE, self.file_bounds)
        self.connection.detach()
        keep = failure[1] if failure else image
        low, high = min(image, keep), max(image, keep)
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, 64)
        if failure:
            try:
                os.execv(sys.executable, [sys.executable, PROGRAM])
            except BaseException as problem:
                os.write(failure[1], str(problem).encode("utf-8", "replace"))
                os._exit(127)
        if self.warnings:
            os.write(2, self.warnings)
        gc.enable()


# --- the zygote ------------------------------------------------------------------------------------


class Zygote:
    def __init__(self, main):
        self.filter = Filter(FILTER)
        self.magic = __import__("importlib.util").util.MAGIC_NUMBER
        self.quick = QUICK_VERSIONS[0] <= sys.version_info[:2] < QUICK_VERSIONS[1]
        self.exit = Exit(main)
        self.image = self.find_image()
        self.scratch_bytes = 0
        atexit.register(self.exit)
        system(libc.prctl(4, 0, 0, 0, 0), "become non-dumpable")
        fix_thread_stacks()
        reset_signals()
        self.marks = wipe()

    @staticmethod
    def find_image():
        """The descriptor from which the interpreter is about to read the program."""
        wanted = os.stat("main.pyc", dir_fd=PROGRAM_DIRECTORY)
        for descriptor in range(LAST_FIXED + 1, 64):
            try:
                state = os.fstat(descriptor)
            except OSError:
                continue
            if (state.st_dev, state.st_ino) == (wanted.st_dev, wanted.st_ino):
                os.unlink("main.pyc", dir_fd=PROGRAM_DIRECTORY)
                return descriptor
        raise OSError(errno.ENOENT, "the interpreter does not hold its script open")

    def resize_scratch(self, size):
        if size != self.scratch_bytes:
            self.marks = wipe()
            flags = 32 | 2 | 4 | 8 | 1024  # remount, nosuid, nodev, noexec, noatime
            system(libc.mount(b"none", b"/box", None, flags, b"size=%d" % size), "resize the scratch space")
            self.scratch_bytes = size

    def serve(self):
        """Starts programs until the supervisor goes away; returns only in the process of a test."""
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, CONTROL)
        control.send(b"Y" + sys.version.split()[0].encode())
        program = 0
        while True:
            data, descriptors = receive(control, 64)
            if not data:
                os._exit(0)
            if data[:1] == b"K":
                if program == 0:
                    raise OSError(errno.ESRCH, "no program to end")
                os.kill(program, signal.SIGKILL)
                _, status, usage = os.wait4(program, 0)
                program = 0
                cpu_us = int((usage.ru_utime + usage.ru_stime) * 1e6)
                control.send(struct.pack("<ciQQ", b"D", status, cpu_us, usage.ru_maxrss * 1024))
                continue
            request = struct.unpack("<cB7Q", data)
            connection, source = descriptors
            self.resize_scratch(request[8])
            system(libc.unshare(CLONE_NEWPID), "make a process namespace for a program")
            program = os.fork()
            if program == 0:
                control.detach()
                os.close(CONTROL)
                os.close(OWN_NAMESPACE)
                socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, connection)
                try:
                    Program(request[1:8], source, socket, self).serve()
                except BaseException as problem:
                    socket.send(("X%s: %s" % (type(problem).__name__, problem)).encode("utf-8", "replace")[:200])
                    os._exit(1)
                return
            system(libc.setns(OWN_NAMESPACE, CLONE_NEWPID), "return to the jail's process namespace")
            os.close(connection)
            os.close(source)


def prepare():
    for name in PRELOADED:
        __import__(name)
    bootstrap = sys.modules["_frozen_importlib_external"]
    genuine = bootstrap.SourcelessFileLoader
    main = sys.modules["__main__"].__dict__

    def program_loader(name, path):
        # Called by the interpreter after it opened its script and before it reads it.
        bootstrap.SourcelessFileLoader = genuine
        sys.modules.pop("sitecustomize", None)
        sys.path[:] = [entry for entry in sys.path if entry != "/zygote"]
        sys.path_importer_cache.pop("/zygote", None)
        os.environ.pop("PYTHONPATH", None)
        sys.argv[:] = [PROGRAM]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv[:] = [sys.executable, PROGRAM]
        main["__file__"] = PROGRAM
        loader = bootstrap.SourceFileLoader(name, PROGRAM)
        gc.disable()
        gc.collect()
        gc.freeze()
        Zygote(main).serve()
        return loader

    bootstrap.SourcelessFileLoader = program_loader


prepare()
