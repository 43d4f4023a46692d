"""Values to plain JSON, so that two interpreters can exchange them without trusting each other.

Atoms stand inline: null, booleans, strings, and tagged lists such as ["i", "ff"]. Containers stand in a flat
list of nodes and are referred to as ["r", position], which keeps shared and cyclic structure. A subclass is
sent as the nearest class that both sides know, so no overridden method crosses. What has no form is a TypeError.

Between program and test code (`COMPACT`) a list of integers or of floats alone stands as JSON has it, for some have a
million, and the result of a regular expression's search as a stand-in that knows its groups.
"""
import json
import os
import sys

COMPACT = False
# Integers past this are sent in hexadecimal digits: Python refuses to read very long decimal ones.
WIDE = 1 << 63
PLAIN = frozenset((str, int, float, complex, bytes, list, tuple, dict, set, frozenset, bytearray, range))


class Later:
    """A part of this driver that few runs need: run when a name of it is first asked for. It sees this module's
    names (or those of `scope`) as they are then, and keeps its own to itself."""

    def __init__(self, name, scope=None):
        self.name, self.names, self.scope = name, None, scope

    def __getattr__(self, name):
        if self.names is None:
            names = dict(self.scope or globals())
            exec(driver_code(self.name), names)
            self.names = names
        return self.names[name]


rich = Later("values")


def open_channel():
    """Moves the pipes away from descriptors 0 and 1, so that printing and reading can't disturb them."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return source, sink


def plain_text(text):
    """Text that any JSON reader takes: lone surrogates escaped."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def brief(value, limit):
    """repr(), shortened, of a value whose repr may fail."""
    try:
        text = plain_text(repr(value))
    except BaseException as error:
        text = "<" + type(value).__name__ + " whose repr fails with " + type(error).__name__ + ">"
    return text if len(text) <= limit else text[:limit] + "..."


def pack(values, known=(), reached_only=False):
    """(message, containers): values as nodes and references, and the container behind each node.

    `known` containers keep their positions and are sent as they are now; with `reached_only` just those that
    `values` lead to are sent, and the others' nodes are null."""
    containers = list(known)
    nodes = [None] * len(containers)
    todo = [] if reached_only else list(range(len(containers)))
    unsent = set(range(len(containers))) if reached_only else ()
    positions = {}
    for position, container in enumerate(containers):
        positions.setdefault(id(container), position)

    def place(value):
        position = positions.get(id(value))
        if position is None:
            position = positions[id(value)] = len(containers)
            containers.append(value)
            nodes.append(None)
            todo.append(position)
        elif position in unsent:
            unsent.discard(position)
            todo.append(position)
        return ["r", position]

    def item(value):
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind not in PLAIN:
            atom = rich.atom(value, kind, item, place)
            if atom is not None:
                return atom[0]
        if issubclass(kind, str):
            text = str.__str__(value)
            try:
                text.encode("utf-8")
                return text
            except UnicodeEncodeError:
                return ["u", text.encode("utf-8", "surrogatepass").hex()]
        if issubclass(kind, int):
            return ["i", int.__format__(value, "x")]
        if issubclass(kind, float):
            return ["f", float.__repr__(value)]
        if issubclass(kind, complex):
            parts = complex.real.__get__(value), complex.imag.__get__(value)
            return ["c", *map(float.__repr__, parts)]
        if issubclass(kind, bytes):
            return ["b", bytes.hex(value)]
        if kind is range:
            return ["R", item(value.start), item(value.stop), item(value.step)]
        if not issubclass(kind, (list, tuple, dict, set, frozenset, bytearray)):
            raise TypeError("a value of type " + kind.__name__ + " can't be passed between program and tests")
        return place(value)

    def node(value):
        kind = type(value)
        if kind not in PLAIN:
            special = rich.node(value, kind, item)
            if special is not None:
                return special
        if issubclass(kind, list):
            parts = list(list.__iter__(value)) if COMPACT else ()
            if parts and all(type(part) is float for part in parts):
                return ["F", parts]
            if parts and all(type(part) is int for part in parts) and -WIDE < min(parts) and max(parts) < WIDE:
                return ["I", parts]
            return ["l", [item(part) for part in list.__iter__(value)]]
        if issubclass(kind, tuple):
            return ["t", [item(part) for part in tuple.__iter__(value)]]
        if issubclass(kind, dict):
            return ["d", [[item(key), item(part)] for key, part in dict.items(value)]]
        if issubclass(kind, set):
            return ["s", [item(part) for part in set.__iter__(value)]]
        if issubclass(kind, frozenset):
            return ["z", [item(part) for part in frozenset.__iter__(value)]]
        return ["B", bytearray.hex(value)]

    roots = [item(value) for value in values]
    while todo:
        position = todo.pop()
        nodes[position] = node(containers[position])
    return {"nodes": nodes, "values": roots}, containers
