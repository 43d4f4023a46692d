"""Loads the program under judgement as a module of its own and calls one of its functions."""
import linecache
import traceback
import types

FILE = "program.py"
PROGRAM = None
TRACE_CHARACTERS = 4000
# What exceptions of these classes hold beside their arguments.
HELD = ((OSError, "filename"), (OSError, "filename2"), (ImportError, "name"), (ImportError, "path"), (NameError, "name"),
        (StopIteration, "value"))
Groups = getattr(__import__("builtins"), "BaseExceptionGroup", ())
LONGEST_CHAIN = 8
MOST_OF_GROUP = 100


def trace_of(error):
    """The traceback as Python prints it, without the frames of this driver."""
    try:
        inner = error.__traceback__
        while inner is not None and inner.tb_frame.f_code.co_filename != FILE:
            inner = inner.tb_next
        lines = traceback.format_exception(type(error), error, inner)
        return plain_text("".join(lines))[-TRACE_CHARACTERS:]
    except BaseException:
        return type(error).__name__


def attributes_of(error):
    held = {name: getattr(kind, name).__get__(error) for kind, name in HELD
            if isinstance(error, kind) and hasattr(kind, name)}
    return dict({name: value for name, value in held.items() if value is not None}, **vars(error))


def raised(error, left=LONGEST_CHAIN):
    """An exception as a message: its class, the builtin classes above it, its arguments, its traceback, and the exceptions
    that it holds or comes from."""
    names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    others = [[kind.__module__, kind.__qualname__] for kind in type(error).__mro__ if kind.__module__ != "builtins"]
    for values in ([tuple(error.args), attributes_of(error)], [tuple(error.args)], [()]):
        try:
            arguments, _ = pack(values)
            break
        except BaseException:
            pass
    message = {"raised": type(error).__name__, "builtins": names, "others": others, "arguments": arguments,
               "trace": trace_of(error) if left == LONGEST_CHAIN else ""}
    cause = BaseException.__cause__.__get__(error)
    if left > 0 and cause is not None:
        message["from"] = raised(cause, left - 1)
    if left > 0 and isinstance(error, Groups):
        parts = Groups.exceptions.__get__(error)
        message["group"] = [Groups.message.__get__(error), [raised(one, left - 1) for one in parts[:MOST_OF_GROUP]]]
    return message


def raised_value(error):
    """An exception that is returned."""
    return dict(raised(error), trace="")


def load(source, name):
    """(function, None), or (None, message) where the program doesn't compile, fails or lacks the function."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    try:
        code = compile(source, FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
        return None, {"failed": "compile", "trace": trace_of(error)}
    global PROGRAM
    PROGRAM = module = types.ModuleType("program")
    module.__file__ = FILE
    sys.modules["program"] = module
    try:
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        return None, {"failed": "run", "raised": type(error).__name__, "trace": trace_of(error)}
    function = find(module.__dict__, name)
    if function is None:
        return None, {"failed": "missing", "trace": "NameError: name '" + name + "' is not defined"}
    return function, None


def find(names, name):
    """The function, `Class.method` or `Class().method` on a new instance, or a method of a class `Solution`."""
    owner, dot, method = name.replace("().", ".").partition(".")
    if not dot and callable(names.get(name)):
        return names[name]
    kind = names.get(owner if dot else "Solution")
    method = method if dot else name
    if callable(getattr(kind, method, None)):
        return lambda *arguments, **named: getattr(kind(), method)(*arguments, **named)
    return None


def class_named(name):
    """The program's class of this dotted name, if it has one."""
    found = PROGRAM
    for part in name.split("."):
        names = getattr(found, "__dict__", {})
        found = names.get(part) if part in names else None
    return found if isinstance(found, type) else None


def is_shared(name):
    """Whether the tests know a class by this name, too."""
    return False


def hand_out(value, kind, item):
    """What stands for a generator, an iterator or a function: it works here alone."""
    if not (hasattr(kind, "__next__") or hasattr(kind, "__await__") or kind.__name__ in rich.FUNCTIONS):
        raise TypeError("a value of type " + kind.__name__ + " can't be passed between program and tests")
    return ["h", 0, kind.__name__, "i"]
