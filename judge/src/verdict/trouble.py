"""What a test does with an exception of the program's, or with a reply that is none. Shares the names of tester.py;
compiled when it comes to that, or when the test fails."""
import builtins

# These end loops and generators of whoever calls; no function of a program has a reason to raise them.
ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration, GeneratorExit)
# Modules whose handlers are the test's own, and those whose exceptions the test may name.
TEST_LIBRARIES = ("unittest", "pytest", "_pytest", "numpy.testing")
EXCEPTIONS_OF = frozenset("decimal json.decoder statistics struct zlib binascii re csv _csv configparser zipfile tarfile "
                          "subprocess sqlite3 queue _queue numpy.linalg numpy.exceptions urllib.error".split())


def broken(candidate, error):
    """The program's reply can't be read: it is no reply, or it holds an object of a class that is not known here."""
    detail = str(error) if type(error) in (ValueError, TypeError) else ""
    if type(error) is TypeError and detail.endswith("can't be passed between program and tests"):
        candidate.odd = candidate.odd or "TypeError: " + plain_text(detail)[:200]
        return NoForm(candidate.odd)
    return candidate.lost("broken reply: " + (plain_text(detail)[:200] or type(error).__name__))


def throw(candidate, error):
    """Raises an exception of the program's in the test code."""
    candidate.pending = [one for one in candidate.pending if one.__traceback__ is not None]
    candidate.pending.append(error)
    try:
        raise error
    except BaseException:
        # Now it has a traceback of its own, whether or not any other handler will ever see it.
        raise


def taken(candidate):
    """In a handler of the test code: what it handles is taken."""
    chain, seen = [sys.exc_info()[1]], []
    while chain:
        error = chain.pop()
        if error is not None and not any(error is one for one in seen):
            seen.append(error)
            chain += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
    # A group may be taken by several `except*`, each a part of it.
    candidate.taken += seen
    candidate.pending = [one for one in candidate.pending
                         if not all(any(part is other for other in candidate.taken) for part in parts_of(one))]
    if not candidate.pending:
        candidate.taken.clear()


def parts_of(error):
    """The exceptions of a group, which `except*` takes apart; else the exception itself."""
    parts = getattr(error, "exceptions", None)
    return [part for one in parts for part in parts_of(one)] if type(parts) is tuple else [error]


def taken_by_with(candidate, frame):
    """After a `with` statement: an exception that came as far as this frame was taken there."""
    candidate.pending = [one for one in candidate.pending if one.__traceback__ and one.__traceback__.tb_frame is not frame]


def swallowed(candidate):
    """An exception of the program's that nothing of the test code took, and yet the test went on."""
    for error in candidate.pending:
        # Only Python code that handles an exception takes its traceback off.
        if error.__traceback__ is not None:
            module = str(error.__traceback__.tb_frame.f_globals.get("__name__"))
            if not any(module == name or module.startswith(name + ".") for name in TEST_LIBRARIES):
                return error
    return None


def last_result(candidate):
    return brief(candidate.results[0], TEXT_CHARACTERS) if candidate.results else ""


def last_call(candidate):
    if candidate.request is None:
        return ""
    (arguments, named), _ = unpack(json.loads(candidate.request))
    parts = [brief(value, TEXT_CHARACTERS) for value in arguments]
    parts += [name + "=" + brief(value, TEXT_CHARACTERS) for name, value in named.items()]
    return PAYLOAD["entry_point"] + "(" + ", ".join(parts) + ")"


def nearest_class(reply):
    """The class nearest to the program's exception that the test code may know."""
    for module, name in reply.get("others", ()):
        kind = class_named(name) if module == "program" else None
        if module in EXCEPTIONS_OF and type(name) is str:
            kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            return kind
    for name in reply["builtins"]:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            return kind
    return Exception


def rebuilt(reply):
    """The program's exception, as the nearest class that the test code may know; its own name is kept."""
    base, name = nearest_class(reply), words(reply["raised"])
    if issubclass(base, ENDS_OF_LOOPS) and "aises(" + base.__name__ not in PAYLOAD["code"]:
        kind = RuntimeError
    else:
        kind = base if name == base.__name__ else type(name, (base,), {})
    (arguments, *attributes), _ = unpack(reply["arguments"])
    try:
        error = kind(*(arguments if "group" not in reply else grouped(reply["group"])))
    except Exception:
        error = kind.__new__(kind)
        error.args = arguments
    for attribute, value in dict(*attributes).items():
        if not attribute.startswith("__") and not callable(getattr(kind, attribute, None)):
            setattr(error, attribute, value)
    if "from" in reply:
        error.__cause__ = rebuilt(reply["from"])
    error.program_trace = words(reply["trace"])
    error.program_raised = name
    return error


def grouped(group):
    """What a group of exceptions is made of."""
    message, parts = group
    return [words(message), [rebuilt(part) for part in parts]]


def of_program(error):
    return {"cause": "raised", "raised": error.program_raised, "trace": error.program_trace}


class Owner:
    """Stands for the class of an entry point such as `Solution.method`, and for its instances."""

    def __init__(self, candidate, method):
        self.__dict__[method] = candidate

    def __call__(self, *_, **__):
        return self
