"""Generators, iterators, coroutines and functions that a program returns: they stay in its process, and the tests
ask for their items one by one. Shares the names of candidate.py; compiled when the first of them is met."""
import time
import types

ATOMS = frozenset((str, int, float, bool, bytes, type(None)))
# Containers that are remembered between two items, so that one that is given again is the same one again.
REMEMBERED = 256
LONGEST_BATCH_S = 0.001
# Exceptions that end a loop over an object, or say that it has no such part: no failure of the program's.
NATURAL = {"getattr": (AttributeError,), "__getitem__": (IndexError, KeyError), "__next__": (StopIteration,)}
handed_out = []
numbers_of = {}
sessions = {}
unnoted = []
loops = []


class Session:
    """The containers that both sides know, in order; the arguments of the call stand first."""

    def __init__(self, held, base):
        self.held, self.base = held, base


def note_session(session):
    for index in unnoted:
        sessions.setdefault(index, session)
    unnoted.clear()


def handle_of(value, kind):
    index = numbers_of.get(id(value))
    if index is None:
        index = numbers_of[id(value)] = len(handed_out)
        handed_out.append(value)
    unnoted.append(index)
    handle = ["h", index, kind.__name__, flavour_of(value, kind)]
    return handle + [specials(kind)] if handle[3] == "o" else handle


def flavour_of(value, kind):
    if hasattr(kind, "__await__"):
        return "a"
    if kind is types.AsyncGeneratorType:
        return "A"
    if kind is types.GeneratorType:
        return "g"
    # An iterator that is nothing else can be read ahead.
    is_more = getattr(value, "__dict__", None) or any(not name.startswith("_") for name in dir(kind))
    if hasattr(kind, "__next__") and not is_more:
        return "i"
    return "f" if kind.__name__ in rich.FUNCTIONS and callable(value) else "o"


def specials(kind):
    """The special methods that a class has of its own."""
    found = set()
    for base in kind.__mro__[:-1]:
        found.update(name for name, part in vars(base).items() if name.startswith("__") and part is not None)
    return sorted(found)


def operation(index, name):
    """What is done with an object: (the name of an exception that says no more than no, its arguments), or ("", result)."""
    value = handed_out[index]
    if name is None:
        return value
    done = {"getattr": getattr, "setattr": setattr, "delattr": delattr}.get(name) or getattr(type(value), name)

    def operate(*arguments, **named):
        try:
            return "", done(value, *arguments, **named)
        except NATURAL.get(name, ()) as error:
            kind = next(kind for kind in NATURAL[name] if isinstance(error, kind))
            return kind.__name__, tuple(error.args)

    return operate


def advance(request):
    """The next item, or a few of them where they are atoms and come quickly; or the end, or an exception."""
    index = request["next"]
    iterator, session = handed_out[index], sessions[index]
    items, reply, began = [], {}, time.monotonic()
    unnoted.clear()
    try:
        if hasattr(type(iterator), "__await__"):
            raise StopIteration(awaited(iterator))
        while len(items) < request["most"]:
            if "throw" in request and not items:
                kind, arguments = unpack(request["throw"])[0]
                items.append(iterator.throw(kind(*arguments)))
            elif hasattr(type(iterator), "__anext__"):
                items.append(awaited(iterator.__anext__()))
            elif "send" in request and not items:
                items.append(iterator.send(unpack(request["send"])[0][0]))
            else:
                items.append(next(iterator))
            if type(items[-1]) not in ATOMS or time.monotonic() - began > LONGEST_BATCH_S:
                break
    except StopIteration as stop:
        reply["end"] = True
        items.append(stop.value)
    except StopAsyncIteration:
        reply["end"] = True
        items.append(None)
    except BaseException as error:
        reply.update(raised(error))
    if len(session.held) > session.base + REMEMBERED:
        session.held = session.held[:session.base]
        reply["cut"] = True
    try:
        # At the end everything that is remembered is sent as it is by then.
        reply["items"], session.held = pack(items, session.held, "end" not in reply)
    except BaseException as error:
        return odd(error)
    note_session(session)
    return reply


def awaited(coroutine):
    import asyncio

    async def wait():
        return await coroutine

    if not loops:
        loops.append(asyncio.new_event_loop())
    return loops[0].run_until_complete(wait())
