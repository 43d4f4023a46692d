"""The way out of a test's process: the interpreter's full shutdown, or the same effects without touching every page."""

import _thread
import builtins
import gc
import os
import sys

# A program that names one of these leaves through the full shutdown: what it does at its end cannot be foreseen.
NEEDS_SHUTDOWN = frozenset("__del__ __import__ _ctypes cffi ctypes exec excepthook finalize importlib runpy".split())
# A program that names one of these, or has a generator, may hold something that is flushed when it dies.
NEEDS_CLEARING = frozenset(
    "BufferedRandom BufferedRWPair BufferedWriter FileIO NamedTemporaryFile Popen SpooledTemporaryFile TemporaryFile "
    "TextIOWrapper bz2 codecs eval fdopen gzip logging lzma makefile open popen shelve sqlite3 tarfile zipfile".split()
)
# One that names these may have streams of its own making, which need its globals when they are flushed.
STREAMS = frozenset("BufferedIOBase IOBase RawIOBase TextIOBase TextIOWrapper".split())
EXITS = frozenset("exit quit".split())
# With one of these a program can catch an exit that was noted, change it or leave by another one.
HIDES_EXITS = frozenset(
    "AsyncExitStack BaseException ExitStack SystemExit __base__ __bases__ __builtins__ __mro__ __subclasses__ atexit "
    "bdb builtins callbacks eval mro pdb setprofile settrace suppress unraisablehook weakref".split()
)
# So can one that catches everything, goes on after a `finally`, or has a context manager: looked for in its text, where
# it may also be a word. In another encoding the text would be another.
CATCHES = (
    b"except:", b"except :", b"except\t", b"except\\", b"except  ", b"except\f", b"finally", b"exit__", b"coding",
)
LAST = ("last_type", "last_value", "last_traceback", "last_exc")
GENERATORS = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
# The quick way relies on what the interpreter does after the last line of a script.
QUICK_VERSIONS = ((3, 8), (3, 14))


class ExitFunction:
    """`sys.exit`, which also notes the exit code: only the full shutdown could tell it otherwise."""

    def __init__(self, genuine):
        self.genuine, self.main_thread, self.code, self.count = genuine, _thread.get_ident(), None, 0
        self.__name__, self.__doc__ = genuine.__name__, genuine.__doc__

    def __repr__(self):
        return repr(self.genuine)

    def __call__(self, *status):
        if len(status) < 2:
            self.note(*status)
        self.genuine(*status)

    def note(self, status=None):
        if _thread.get_ident() != self.main_thread:
            return
        self.count += 1
        if status is None:
            self.code = 0
        elif type(status) is int or type(status) is bool:
            # As C's `long` holds it, or not.
            self.code = status & 0xFF if -(1 << 63) <= status < 1 << 63 else 255
        else:
            # Text is printed and becomes 1; anything else is left to the interpreter.
            self.code = 1 if type(status) is str else None

    def install(self):
        """Puts it in place of `sys.exit`, and behind `exit` and `quit`."""
        sys.exit = self

        def leave(quitter, code=None):
            self.note(code)
            try:
                sys.stdin.close()
            except:
                pass
            raise SystemExit(code)

        type(builtins.exit).__call__ = leave


class Exit:
    """The way out of a test's process: the full shutdown, or the same effects without touching every page."""

    def __init__(self, main):
        self.main, self.quick, self.clear, self.streams = main, False, True, False
        self.known_version = QUICK_VERSIONS[0] <= sys.version_info[:2] < QUICK_VERSIONS[1]
        self.noting, self.system = ExitFunction(sys.exit), sys.__dict__
        self.shared = tuple((names, set(names)) for names in (self.system, builtins.__dict__))

    def plan(self, names, flags, source):
        """Chooses the way out by what a program mentions."""
        self.quick = self.known_version and not names & NEEDS_SHUTDOWN and b"__cached__" not in source
        self.streams = bool(names & STREAMS)
        self.clear = bool(self.streams or names & NEEDS_CLEARING or flags & GENERATORS)
        if self.quick and names & EXITS and not names & HIDES_EXITS and not any(word in source for word in CATCHES):
            self.noting.install()

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

    def code(self):
        """The exit code, if it is certain."""
        main = self.main
        # After the last line the interpreter deletes these two, and calls it a failure if there was an uncaught
        # exception; on SystemExit it does not.
        if "__file__" in main:
            return self.noting.code if "__cached__" in main and self.noting.count == 1 else None
        if "__cached__" in main or "__name__" not in main:
            return None
        if "last_type" not in self.system:
            return 0
        # Anybody may have set it. An exception that ended the script passed its outermost frame where that stopped.
        trace = sys.last_traceback
        ended = trace.tb_frame.f_globals is main and trace.tb_frame.f_lasti == trace.tb_lasti
        return 1 if ended and not issubclass(sys.last_type, KeyboardInterrupt) else None

    def leave(self):
        """The exit code, if nothing of the full shutdown is left to do that anybody could notice."""
        if not self.quick:
            return None
        stdout, stderr = sys.stdout, sys.stderr
        flush(stdout, stderr)
        code = self.code()
        if code is None:
            return None
        # The interpreter puts the original streams back before it flushes for the last time.
        if self.clear or sys.__stdout__ is not stdout or sys.__stderr__ is not stderr:
            stdout = stderr = None
            sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
            if self.clear:
                self.let_go()
            flush(sys.__stdout__, sys.__stderr__)
        return code

    def let_go(self):
        """Destroys what only the program's globals hold, or what it gave to the two modules that all programs share."""
        main, system = self.main, self.system
        if self.streams:
            close_own()
        if "last_type" in system:
            for name in LAST:
                system.pop(name, None)
        for name in list(main):
            if name[:1] == "_" and name[1:2] != "_":
                main[name] = None
        for name in list(main):
            if name != "__builtins__":
                main[name] = None
        for names, usual in self.shared:
            if len(names) != len(usual):
                for name in names.keys() - usual:
                    names[name] = None
        gc.collect()


def close_own():
    """Closes the streams whose classes the program made, as their end would, while it still has its globals."""
    from io import IOBase

    for thing in gc.get_objects():
        kind = type(thing)
        if kind.__module__ == "__main__" and issubclass(kind, IOBase):
            try:
                thing.close()
            except Exception:
                pass


def flush(stdout, stderr):
    """A stream that is closed cannot be flushed: then the full shutdown has the last word."""
    if stdout is not None:
        stdout.flush()
    if stderr is not None:
        stderr.flush()
