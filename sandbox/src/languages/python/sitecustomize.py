"""Keeps one warm interpreter in the jail and makes each test a fork of it.

Imported by the interpreter while it starts. It then opens its script and calls for a loader; from that call the
zygote serves, and each test's process returns from it, so that the interpreter itself runs the program: no Python
frame lies below, and tracebacks, recursion depth, `__main__`, exit codes and shutdown are those of
`python3 main.py`, not an imitation. Nothing here knows an expected output.
"""

import gc
import os
import sys

from rlef_tier import LIGHT, MODULES

# What the interpreter itself has loaded or brings along, and what compiling a program takes: an interpreter with
# nothing else has a third fewer pages, which every fork shares and every end of a process lets go of.
FEW = "abc io math os.path time warnings".split()
USUAL = (
    "abc array bisect cmath collections collections.abc contextlib copy enum functools heapq io itertools json math "
    "numbers operator os.path random re signal string time types typing warnings weakref"
).split()


def preload():
    """Imports the usual modules. What some want done after each fork is returned, by module, to be done only for
    the programs that use them."""
    genuine, after_fork = os.register_at_fork, {}
    for module in FEW if LIGHT else USUAL:
        os.register_at_fork = lambda **hooks: after_fork.setdefault(module, []).append(hooks)
        __import__(module)
    for module in MODULES:
        os.register_at_fork = lambda **hooks: after_fork.setdefault(module, []).append(hooks)
        import_heavy(module)
    os.register_at_fork = genuine
    return after_fork


def import_heavy(module):
    before = set(sys.modules)
    try:
        __import__(module)
    except BaseException:
        # The program meets the same failure, from the beginning.
        for name in set(sys.modules) - before:
            del sys.modules[name]
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return  # A jail may do without /proc.
    if threads != 1:
        # A fork has none of them, and may wait for one for ever.
        raise RuntimeError("the module %s started %d threads when it was imported" % (module, threads - 1))


def prepare():
    after_fork = preload()
    from rlef_program import PATH
    from rlef_zygote import Zygote

    bootstrap = sys.modules["_frozen_importlib_external"]
    genuine = bootstrap.SourcelessFileLoader
    main = sys.modules["__main__"].__dict__

    def program_loader(name, path):
        # Called by the interpreter after it opened its script and before it reads it.
        bootstrap.SourcelessFileLoader = genuine
        for module in [name for name in sys.modules if name == "sitecustomize" or name.startswith("rlef_")]:
            gone = sys.modules.pop(module)
            gone.kept = gone
        sys.path[:] = [entry for entry in sys.path if entry != "/zygote"]
        sys.path_importer_cache.pop("/zygote", None)
        os.environ.pop("PYTHONPATH", None)
        os.environ.pop("LD_BIND_NOW", None)
        sys.argv[:] = [PATH]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv[:] = [sys.executable, PATH]
        main["__file__"] = PATH
        loader = bootstrap.SourceFileLoader(name, PATH)
        gc.disable()
        gc.collect()
        gc.freeze()
        Zygote(main, after_fork).serve()
        return loader

    bootstrap.SourcelessFileLoader = program_loader.kept = program_loader


prepare()
