"""The way out of a test's process: the interpreter's full shutdown, or the same effects without touching every page."""

import _thread
import builtins
import gc
import os
import sys

# A program that names one of these leaves through the full shutdown: what it does at its end cannot be foreseen.
NEEDS_SHUTDOWN = frozenset("__del__ __import__ _ctypes cffi ctypes exec finalize importlib runpy".split())
# A program that names one of these, or has a generator, may hold something that is flushed when it dies.
NEEDS_CLEARING = frozenset(
    "BufferedRandom BufferedRWPair BufferedWriter FileIO NamedTemporaryFile Popen TemporaryFile "
    "TextIOWrapper bz2 codecs eval fdopen gzip logging lzma makefile open popen shelve sqlite3 zipfile".split()
)
# Only with these can a program leave by another exit than the one noted last.
HIDES_EXITS = frozenset("BaseException SystemExit atexit".split())
GENERATORS = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
# The quick way relies on what the interpreter does after the last line of a script.
QUICK_VERSIONS = ((3, 8), (3, 14))


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
        self.known_version = QUICK_VERSIONS[0] <= sys.version_info[:2] < QUICK_VERSIONS[1]
        self.noting, self.system = note_exits(), sys.__dict__

    def plan(self, names, flags):
        """Chooses the way out by what a program mentions."""
        self.quick = self.known_version and not names & NEEDS_SHUTDOWN
        self.trusted = not names & HIDES_EXITS
        self.clear = bool(names & NEEDS_CLEARING or flags & GENERATORS)

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
        stdout, stderr = sys.stdout, sys.stderr
        flush(stdout, stderr)
        # After the last line the interpreter deletes __file__; on SystemExit it does not.
        if "__file__" in main:
            code = self.noting.code if self.trusted else None
        elif "last_type" in self.system:
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
        if self.clear or sys.__stdout__ is not stdout or sys.__stderr__ is not stderr:
            flush(sys.__stdout__, sys.__stderr__)
        return code


def flush(stdout, stderr):
    """A stream that is closed cannot be flushed: then the full shutdown has the last word."""
    if stdout is not None:
        stdout.flush()
    if stderr is not None:
        stderr.flush()
