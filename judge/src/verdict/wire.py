"""Values to plain JSON and back, so that two interpreters can exchange them without trusting each other.

Atoms stand inline: null, booleans, strings, and tagged lists such as ["i", "ff"]. Containers stand in a flat
list of nodes and are referred to as ["r", position], which keeps shared and cyclic structure. A subclass is
sent as its plain base value, so no overridden method crosses. Anything else is a TypeError.

Between program and test code (`COMPACT`) a list of integers or of floats alone stands as JSON has it, for some have a
million, and the result of a regular expression's search as a stand-in that is true and equals nothing else.
"""
import json
import os
import sys

COMPACT = False
# Integers past this are sent in hexadecimal digits: Python refuses to read very long decimal ones.
WIDE = 1 << 63


class Match:
    """Stands for a re.Match, which has no form outside its process."""

    def __repr__(self):
        return "<re.Match object>"


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


def pack(values, known=()):
    """(message, containers): values as nodes and references, and the container behind each node.

    `known` containers keep their positions and are sent as they are now."""
    containers = list(known)
    positions = {}
    for position, container in enumerate(containers):
        positions.setdefault(id(container), position)

    def item(value):
        kind = type(value)
        if value is None or kind is bool:
            return value
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
            whole = complex.__add__(value, 0)
            return ["c", float.__repr__(whole.real), float.__repr__(whole.imag)]
        if issubclass(kind, bytes):
            return ["b", bytes.hex(value)]
        if kind is range:
            return ["R", item(value.start), item(value.stop), item(value.step)]
        if COMPACT and (kind is Match or kind.__module__ == "re" and kind.__name__ == "Match"):
            return ["m"]
        if not issubclass(kind, (list, tuple, dict, set, frozenset, bytearray)):
            raise TypeError("a value of type " + kind.__name__ + " can't be passed between program and tests")
        position = positions.get(id(value))
        if position is None:
            position = positions[id(value)] = len(containers)
            containers.append(value)
        return ["r", position]

    def node(value):
        kind = type(value)
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
    nodes = []
    while len(nodes) < len(containers):
        nodes.append(node(containers[len(nodes)]))
    return {"nodes": nodes, "values": roots}, containers


def unpack(message, originals=()):
    """(values, containers) of a packed message; containers with an original are updated in place."""
    nodes = message["nodes"]
    fresh = {"l": list, "I": list, "F": list, "d": dict, "s": set, "B": bytearray}
    frozen = {"t": tuple, "z": frozenset}
    containers = []
    for position, (tag, _) in enumerate(nodes):
        if position < len(originals):
            containers.append(originals[position])
            if not isinstance(originals[position], fresh.get(tag) or frozen[tag]):
                raise ValueError("container changed its type")
        else:
            containers.append(fresh[tag]() if tag in fresh else None)

    def build(position):
        if containers[position] is None:
            tag, parts = nodes[position]
            # A frozen container can't hold itself; the mark makes such a message fail instead of recursing.
            containers[position] = Ellipsis
            containers[position] = frozen[tag]([read(part) for part in parts])
        if containers[position] is Ellipsis:
            raise ValueError("frozen container holds itself")
        return containers[position]

    def read(part):
        if part is None or type(part) in (bool, str):
            return part
        tag = part[0]
        if tag == "r":
            return build(part[1])
        if tag == "i":
            return int(part[1], 16)
        if tag == "f":
            return float(part[1])
        if tag == "u":
            return bytes.fromhex(part[1]).decode("utf-8", "surrogatepass")
        if tag == "b":
            return bytes.fromhex(part[1])
        if tag == "c":
            return complex(float(part[1]), float(part[2]))
        if tag == "R":
            return range(read(part[1]), read(part[2]), read(part[3]))
        if tag == "m":
            return Match()
        raise ValueError("unknown tag")

    for position, (tag, parts) in enumerate(nodes):
        container = containers[position]
        if tag == "l":
            container[:] = [read(part) for part in parts]
        elif tag in ("I", "F"):
            # What the other side wrote by hand is not taken for a number.
            if not all(type(part) is (int if tag == "I" else float) for part in parts):
                raise ValueError("no number")
            container[:] = parts
        elif tag == "d":
            pairs = [(read(key), read(part)) for key, part in parts]
            container.clear()
            container.update(pairs)
        elif tag == "s":
            members = [read(part) for part in parts]
            container.clear()
            container.update(members)
        elif tag == "B":
            container[:] = bytes.fromhex(parts)
    values = [read(part) for part in message["values"]]
    return values, [build(position) for position in range(len(nodes))]
