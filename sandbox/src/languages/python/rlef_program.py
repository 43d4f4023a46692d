"""The first process of a program's own process namespace: compiles the source once, forks a process per test.

No signal from inside reaches it, no process inside can look into it. It has given up every capability and is
under the filter before it looks at a byte of the source.
"""

import _signal
import errno
import gc
import marshal
import os
import resource
import struct
import sys
import time

import rlef_collect
import rlef_leave
import rlef_scratch
from rlef_kernel import Reaper, be_chosen_before_the_zygote, bounded, drop_capabilities, fork_when_there_is_room, quick, receive

PATH = "/program/main.py"
MAIN = "main.py"
DIRECTORY = 5
START_FORK, START_CHECKED = 0, 2
SIGINT, SIGKILL = int(_signal.SIGINT), int(_signal.SIGKILL)
RLIMIT_CPU, RLIMIT_NOFILE = resource.RLIMIT_CPU, resource.RLIMIT_NOFILE
ENDED = struct.Struct("<ciQQQQ").pack
# Imported before the first test if the program names them: once for all its tests. Of the usual modules,
# `threading` is here because it has work to do at the end of every process.
IMPORTED_ON_SIGHT = frozenset(
    "argparse ast asyncio base64 binascii bz2 cProfile calendar codecs concurrent csv dataclasses datetime decimal dis "
    "email fileinput fractions glob graphlib gzip hashlib html inspect ipaddress linecache logging lzma multiprocessing "
    "networkx numpy pandas pathlib pickle platform pprint queue scipy secrets select selectors shutil signal socket "
    "sortedcontainers sqlite3 statistics subprocess sympy tempfile textwrap threading timeit tokenize traceback "
    "unittest urllib uuid xml zipfile zlib".split()
)
# Says of the host that it is full, nothing of the file that is to be executed.
HOST_IS_FULL = (errno.EAGAIN, errno.ENFILE, errno.EMFILE, errno.EINTR)
# What names and lengths of files take at most, beside what these hold.
NAMES_BYTES = 1 << 16
MAY_USE_ANYTHING = frozenset("__import__ eval exec fork importlib runpy".split())


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
    # `from numpy.random import rand` mentions its package only so.
    names.update([name.partition(".")[0] for name in names if "." in name])
    return flags


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


def write_program(source, name, mode):
    for previous in os.listdir(DIRECTORY):
        os.unlink(previous, dir_fd=DIRECTORY)
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=DIRECTORY)
    try:
        at, view = 0, memoryview(source)
        while at < len(source):
            at += os.write(descriptor, view[at:])
    finally:
        os.close(descriptor)


def is_text(source):
    """Whether the interpreter would read it as UTF-8, comments included, of which `compile` looks only at the start."""
    try:
        source.isascii() or source.decode("utf-8")
        return True
    except UnicodeDecodeError:
        import re

        # Another encoding makes `compile` look at everything.
        named = re.match(rb"(?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", source)
        return bool(named) and not re.sub(b"[-_]", b"", named[1].lower()).startswith(b"utf8")


def compile_program(source):
    """The code object and the warnings a reader would see, or nothing if it does not compile."""
    import warnings

    if not is_text(source):
        return None, b""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default", SyntaxWarning)
            code = compile(source, PATH, "exec", dont_inherit=True)
    except BaseException:
        return None, b""
    text = "".join(warnings.formatwarning(w.message, w.category, w.filename, w.lineno) for w in caught if w.category is SyntaxWarning)
    return code, text.encode("utf-8", "backslashreplace")


def marshalled(code):
    """The code as a compiled file holds it, or nothing: that format nests less deeply than the language."""
    try:
        return marshal.dumps(code)
    except (ValueError, MemoryError):
        return None


def register_after_fork(names, hooks):
    """Has the modules that the program may use do their work after each fork, as if it had imported them."""
    unknown = names & (IMPORTED_ON_SIGHT | MAY_USE_ANYTHING)
    for module, calls in hooks.items():
        if unknown or module in names:
            for call in calls:
                os.register_at_fork(**call)


def lift_digits(digits):
    """Sets the longest number that is read from text or written as text, here and for whatever the program starts."""
    os.environ["PYTHONINTMAXSTRDIGITS"] = str(digits)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(digits)


def import_on_sight(names):
    for name in sorted(names & IMPORTED_ON_SIGHT):
        try:
            __import__(name)
        except BaseException:
            pass  # The program meets the same failure, and may handle it.


def seed_numpy_anew():
    """NumPy seeds its global generator when it is imported: each test's process is to have its own seed, as a fresh
    interpreter would, and the processes that a test forks its test's."""
    seeds = [getattr(sys.modules.get("numpy.random"), "seed", None)]
    if seeds[0]:
        os.register_at_fork(after_in_child=lambda: seeds and seeds.pop()())


class Program:
    """Lives in the first process of a program's process namespace."""

    def __init__(self, request, recipe, source_descriptor, connection, zygote):
        start, cpu_seconds, address_space, processes, open_files, file_bytes, stack_bytes, digits = request
        self.connection, self.zygote = connection, zygote
        # Input and output, where a program has files for them.
        self.files = ["/box/" + name for name in recipe["files"]] if recipe and recipe["files"] else None
        # What is wanted of a program that is given a folder of files: names, and bytes of all at most.
        self.wanted = recipe["wanted"] if recipe else None
        self.recipe = recipe = recipe if recipe and recipe["command"] else None
        self.kept = self  # Never destroyed, which would cost every test.
        # These two would stop this process, which lives longer and holds more descriptors than a test.
        self.cpu_bounds = bounded(resource.RLIMIT_CPU, cpu_seconds, 1)
        self.file_bounds = bounded(resource.RLIMIT_NOFILE, open_files)
        image = os.memfd_create("main")
        os.dup2(image, zygote.image, False)
        os.close(image)
        self.image, self.reaper = zygote.image, Reaper()
        os.setsid()
        _signal.signal(SIGINT, _signal.SIG_DFL)
        be_chosen_before_the_zygote()
        drop_capabilities()
        zygote.filter.install()
        if rlef_scratch.marks() != zygote.marks:
            self.marks = rlef_scratch.wipe()
        else:
            self.marks = zygote.marks
        source = read_all(source_descriptor)
        os.close(source_descriptor)
        if recipe:
            write_program(source, recipe["file"], 0o555 if recipe["executable"] else 0o444)
        else:
            write_program(source, MAIN, 0o444)
        # Memory is bounded for compiling and for the tests, but not for what this process does for them.
        self.memory_bounds = bounded(resource.RLIMIT_AS, address_space) if address_space else None
        unbounded = resource.getrlimit(resource.RLIMIT_AS)
        if self.memory_bounds:
            resource.setrlimit(resource.RLIMIT_AS, (self.memory_bounds[0], unbounded[1]))
        # The rest is inherited by every test.
        if processes:
            resource.setrlimit(resource.RLIMIT_NPROC, bounded(resource.RLIMIT_NPROC, processes))
        # A core limit of 1, unlike 0, also keeps the host's crash handler from being started.
        # Queued signals are counted by user, who may be the supervisor's.
        own = (resource.RLIMIT_STACK, stack_bytes), (resource.RLIMIT_CORE, 1), (resource.RLIMIT_SIGPENDING, 1024)
        for kind, limit in own:
            resource.setrlimit(kind, bounded(kind, limit))
        if digits:
            # One more than it, for zero is a number of digits: as many as there are.
            lift_digits(digits - 1)
        checked = start in (START_FORK, START_CHECKED)
        code, self.warnings = compile_program(source) if checked else (None, b"")
        compiled = code is not None or not checked
        image = None if code is None or start != START_FORK else marshalled(code)
        self.exec = image is None
        if image is not None:
            names = set()
            flags = names_of(code, names, 0)
            if not self.files and self.wanted is None:
                # What is left in a file is flushed as the interpreter does it, whoever holds it.
                zygote.exit.plan(names, flags, source)
            if self.wanted is not None:
                # Behind the program's own directory: what is given beside it can be imported.
                sys.path.insert(0, rlef_collect.BOX)
            register_after_fork(names, zygote.after_fork)
            import_on_sight(names)
            if "numpy" in names:
                seed_numpy_anew()
            os.write(self.image, zygote.magic + b"\0" * 12 + image)
        if self.memory_bounds:
            resource.setrlimit(resource.RLIMIT_AS, unbounded)
        # What is brought home is one file, with its names.
        beside = 0 if self.wanted is None else self.wanted["bytes"] + NAMES_BYTES
        resource.setrlimit(resource.RLIMIT_FSIZE, bounded(resource.RLIMIT_FSIZE, file_bytes, beside))
        del source, code, image
        gc.freeze()
        connection.send(struct.pack("<c?Q", b"C", compiled, self.own_cpu()))

    @staticmethod
    def own_cpu():
        return time.process_time_ns() // 1000

    def serve(self):
        """Runs tests until told to stop; returns only in the process of a test.

        What follows the fork runs in every test and copies each page that it writes to, be it only to count a
        reference: hence few names, no loops, and nothing that could be done before.
        """
        connection, reaper, image, failure = self.connection, self.reaper, self.image, None
        fork, close, dup2, lseek, closerange, kill = os.fork, os.close, os.dup2, os.lseek, os.closerange, quick.kill
        clock, setrlimit, set_handler, on_interrupt = time.monotonic_ns, resource.setrlimit, _signal.signal, _signal.default_int_handler
        above, cpu_bounds, file_bounds = image + 1, self.cpu_bounds, self.file_bounds
        plain = not (self.exec or self.memory_bounds or self.warnings)
        while True:
            data, streams = receive(connection, 64)
            if not data:
                os._exit(0)
            if len(streams) == 3:
                stdin, stdout, stderr = streams
            elif len(streams) == 4:
                stdin, stdout, stderr, artifact = streams
            elif len(streams) == 5 and self.files:
                stdin, stdout, stderr, artifact, given = streams
                rlef_collect.place(self.files[0], given)
                close(given)
            elif len(streams) == 5 and self.wanted is not None:
                stdin, stdout, stderr, artifact, given = streams
                rlef_collect.unpack(given)
                close(given)
            else:
                raise OSError(errno.EPROTO, "a test needs three descriptors, a compiler four, a test with files five")
            if self.exec:
                failure = os.pipe()
            lseek(image, 0, 0)
            began = clock()
            try:
                child = fork()
            except BlockingIOError:
                child = fork_when_there_is_room()
            if child == 0:
                dup2(stdin, 0)
                dup2(stdout, 1)
                dup2(stderr, 2)
                # Not through `signal`, whose enumerations touch many pages.
                set_handler(SIGINT, on_interrupt)
                setrlimit(RLIMIT_CPU, cpu_bounds)
                setrlimit(RLIMIT_NOFILE, file_bounds)
                connection.detach()
                if plain:
                    closerange(3, image)
                    closerange(above, 64)
                else:
                    self.become_test(failure)
                gc.enable()
                return
            close(stdin)
            close(stdout)
            close(stderr)
            status, cpu_us, memory = reaper.wait(child)
            wall_us = (clock() - began) // 1000
            # kill(2) also finds the dead who are not reaped: if it finds nobody, there is none to wait for.
            while kill(-1, SIGKILL) == 0:
                while (ended := reaper.wait(-1)) is not None:
                    cpu_us += ended[1]
                    memory = max(memory, ended[2])
            if failure:
                close(failure[1])
                text = os.read(failure[0], 200)
                close(failure[0])
                if text:
                    raise OSError(errno.ENOEXEC, text.decode("utf-8", "replace"))
            if len(streams) > 3:
                if self.wanted is not None:
                    # Of this process alone: there is one test among files.
                    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
                    rlef_collect.gather(artifact, self.wanted["names"], self.wanted["bytes"])
                else:
                    rlef_collect.collect(artifact, self.files and self.files[1])
                close(artifact)
            connection.send(ENDED(b"E", status, cpu_us, memory * 1024, wall_us, self.own_cpu()))
            if rlef_scratch.marks() != self.marks:
                self.marks = rlef_scratch.wipe()

    def become_test(self, failure):
        """The rest of what a test's process does where it is executed, bounded by itself or warned."""
        image = self.image
        if self.memory_bounds:
            resource.setrlimit(resource.RLIMIT_AS, self.memory_bounds)
            if failure:
                # A fresh interpreter gives each thread as much address space as the main stack may take.
                _, most = resource.getrlimit(resource.RLIMIT_STACK)
                resource.setrlimit(resource.RLIMIT_STACK, (min(8 << 20, most) if most >= 0 else 8 << 20, most))
        keep = failure[1] if failure else image
        low, high = min(image, keep), max(image, keep)
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, 64)
        if failure:
            # The interpreter ignores these two; a program that is executed would inherit that.
            for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
                _signal.signal(number, _signal.SIG_DFL)
            try:
                if self.recipe:
                    command = self.recipe["command"]
                    os.execve(command[0], command, self.recipe["environment"])
                os.execv(sys.executable, [sys.executable, PATH])
            except BaseException as problem:
                text = str(problem).encode("utf-8", "replace")
                # A compiler made this file of the program's own source, which decides what is in it, down to the
                # interpreter that it names. Whatever the kernel has against it, the program has caused.
                of_program = self.recipe and self.recipe["executable"] and isinstance(problem, OSError)
                if of_program and problem.errno not in HOST_IS_FULL:
                    os.write(2, b"the compiled program can't be executed: " + text + b"\n")
                else:
                    os.write(failure[1], text)
                os._exit(127)
        if self.warnings:
            os.write(2, self.warnings)
