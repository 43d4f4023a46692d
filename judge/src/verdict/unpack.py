"""What `pack` made of values, back to values. The other side is not trusted: it may send anything."""

# Levels of tuples in tuples: hashing them recurses in C, where nothing but the stack bounds it.
DEEPEST = 10_000
FRESH = {"l": list, "I": list, "F": list, "d": dict, "s": set, "B": bytearray}
FROZEN = {"t": tuple, "z": frozenset}


def unpack(message, originals=()):
    """(values, containers) of a packed message; containers with an original are updated in place."""
    nodes = message["nodes"]
    containers, depths = [], {}
    for position, entry in enumerate(nodes):
        if position < len(originals):
            containers.append(originals[position])
            if entry is not None and not is_still(originals[position], entry[0]):
                raise ValueError("container changed its type")
        elif entry[0] in FRESH:
            containers.append(FRESH[entry[0]]())
        elif entry[0] in FROZEN:
            containers.append(None)
        else:
            containers.append(rich.fresh(*entry))
    if len(nodes) < len(originals):
        raise ValueError("a container is missing")

    def build(position):
        if type(position) is not int or position < 0:
            raise ValueError("no position")
        if containers[position] is None:
            tag, parts = nodes[position]
            # A frozen container can't hold itself; the mark makes such a message fail instead of recursing.
            containers[position] = Ellipsis
            if tag in FROZEN:
                built = FROZEN[tag]([read(part) for part in parts])
            else:
                built = rich.frozen(tag, parts, read)
            inner = [depths.get(id(part), 0) for part in built] if isinstance(built, (tuple, frozenset)) else ()
            depths[id(built)] = 1 + max(inner, default=0)
            if depths[id(built)] > DEEPEST:
                raise ValueError("it is nested too deeply")
            containers[position] = built
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
            number = float(part[1])
            return number if number == number else not_a_number()
        if tag == "u":
            return bytes.fromhex(part[1]).decode("utf-8", "surrogatepass")
        if tag == "b":
            return bytes.fromhex(part[1])
        if tag == "c":
            return complex(float(part[1]), float(part[2]))
        if tag == "R":
            return range(read(part[1]), read(part[2]), read(part[3]))
        return rich.read_atom(part, read)

    def fill(position, tag, parts):
        container = containers[position]
        if tag == "l":
            container[:] = [read(part) for part in parts]
        elif tag in ("I", "F"):
            # What the other side wrote by hand is not taken for a number.
            if not all(type(part) is (int if tag == "I" else float) for part in parts):
                raise ValueError("no number")
            container[:] = parts
            total = sum(parts) if tag == "F" else 0
            if total != total:
                container[:] = [part if part == part else not_a_number() for part in parts]
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
        elif tag not in FROZEN:
            rich.fill(container, tag, parts, read)

    # Members of sets and keys are hashed, so whatever they hold must be whole by then.
    hashing = []
    for position, entry in enumerate(nodes):
        if entry is None:
            continue
        if entry[0] in ("d", "s"):
            hashing.append(position)
        else:
            fill(position, *entry)
    for position in hashing:
        fill(position, *nodes[position])
    values = [read(part) for part in message["values"]]
    return values, [build(position) for position in range(len(nodes))]


def is_still(original, tag):
    """Whether a node may say what became of this container."""
    kind = FRESH.get(tag) or FROZEN.get(tag)
    return type(original) is kind or rich.is_still(original, tag, kind)
