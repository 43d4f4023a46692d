"""What stands in the tests for an object of a class that only the program has: the object stays there, and what the
tests do with it is done there. Shares the names of remote.py; compiled when the first such object is met.

Nothing of the program's decides what equals a value of the tests: it is not even asked about one. Of two objects, both its
own, it decides whatever its class does."""

ALONE = frozenset("__len__ __iter__ __next__ __reversed__ __getitem__ __setitem__ __delitem__ __call__ __enter__ __str__ "
                  "__repr__ __bool__ __int__ __float__ __index__ __hash__ __neg__ __pos__ __abs__ __invert__".split())
BETWEEN = frozenset("__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __add__ __sub__ __mul__ __truediv__ __floordiv__ __mod__ "
                    "__pow__ __matmul__ __and__ __or__ __xor__ __iadd__ __isub__ __imul__".split())
# Scaling a vector tells the program a number, but no expected one.
SCALED = frozenset(("__mul__", "__rmul__"))
# An object must not speak for itself by the names that libraries ask for, such as `__array_interface__`.
NAMES = ("__name__", "__qualname__", "__doc__")
NATURAL = {kind.__name__: kind for kind in (AttributeError, IndexError, KeyError, StopIteration)}
classes_of_things = {}


class Thing:
    """Base of the stand-ins; each class of the program has one of its name."""
    __slots__ = ("__remote__",)

    def __init__(self, remote):
        object.__setattr__(self, "__remote__", remote)

    def __getattr__(self, name):
        if name.startswith("__") and name not in NAMES:
            raise AttributeError(name)
        return operate(self, "getattr", name)

    def __setattr__(self, name, value):
        operate(self, "setattr", name, value)

    def __delattr__(self, name):
        operate(self, "delattr", name)

    @property
    def __dict__(self):
        return operate(self, "getattr", "__dict__")

    def __reduce_ex__(self, protocol):
        raise TypeError("an object of the program's can't be copied")


def operate(thing, name, *arguments, **named):
    target = {"to": thing.__remote__.index, "do": name}
    found = candidate_side.call(target, arguments, named)
    if type(found) is not tuple or len(found) != 2 or type(found[0]) is not str or found[0] and found[0] not in NATURAL:
        raise candidate_side.lost("broken reply: no result of an operation")
    if found[0]:
        raise NATURAL[found[0]](*found[1])
    return found[1]


def alone(name):
    return lambda self, *arguments, **named: operate(self, name, *arguments, **named)


def between(name):
    def operator(self, other):
        if isinstance(other, Thing) or name in SCALED and type(other) in (int, float):
            return operate(self, name, other)
        return NotImplemented

    return operator


def leave(self, kind, error, trace):
    """The end of a `with` statement; the exception itself is none of the program's business."""
    return operate(self, "__exit__", None if kind is None else kind if kind.__module__ == "builtins" else Exception, None, None)


def made(remote, specials):
    specials = sorted(name for name in specials if type(name) is str)
    key = remote.name, *specials
    if key not in classes_of_things:
        members = {"__slots__": ()}
        members.update((name, alone(name)) for name in specials if name in ALONE)
        members.update((name, between(name)) for name in specials if name in BETWEEN | SCALED)
        if "__exit__" in specials:
            members["__exit__"] = leave
        classes_of_things[key] = type(remote.name, (Thing,), members)
    return classes_of_things[key](remote)
