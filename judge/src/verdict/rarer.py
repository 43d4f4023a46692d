"""Values that few programs return: wrappers of the standard library, matches, moments of other kinds, exceptions,
types, members of enumerations.
Shares the names of values.py; compiled when the first such value is met."""
import builtins
import types

# What a wrapper is made of: it is equal to what that is equal to, so it crosses as the same wrapper of the same parts.
PARTS = {"ChainMap": list, "UserDict": dict, "UserList": list, "UserString": str}
PATHS = ("PosixPath", "PurePosixPath", "PureWindowsPath")
ADDRESSES = ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")
NOTHING = type(None)
LONGEST_MATCHED = 10_000
# What the members of an enumeration are besides, the more special later, and how they become that alone.
MIXINS = {"Flag": (enum.Flag, None), "float": (float, float.__pos__), "str": (str, str.__str__), "int": (int, int.__int__),
          "IntFlag": (enum.IntFlag, int.__int__), "StrEnum": (getattr(enum, "StrEnum", None), str.__str__)}


def constant(value):
    """The name of an object that there is only once, if it is one."""
    if value is NotImplemented:
        return "NotImplemented"
    if value is NOTHING:
        return "NoneType"
    name = getattr(value, "__name__", None) if type(value) is type else None
    return name if type(name) is str and getattr(builtins, name, None) is value else None


def constant_named(name):
    if name == "NotImplemented":
        return NotImplemented
    if name == "NoneType":
        return NOTHING
    found = None if name.startswith("_") else getattr(builtins, name)
    if type(found) is not type:
        raise ValueError("no type")
    return found


def atom(value, kind, item, place):
    """The value as [JSON], or nothing."""
    name = constant(value)
    if name is not None:
        return [["k", name]]
    if kind is slice:
        return [["S", item(value.start), item(value.stop), item(value.step)]]
    if kind is types.MappingProxyType:
        return [["W", "mappingproxy", place(dict(value))]]
    if issubclass(kind, known("collections", "ChainMap")):
        return [["W", "ChainMap", place(list(value.maps)), None if COMPACT else place(dict(value))]]
    for name, inner in PARTS.items():
        if issubclass(kind, known("collections", name)) and isinstance(value.data, inner):
            return [["W", name, item(value.data)]]
    if kind is known("datetime", "timezone"):
        return [["T", "timezone", value.utcoffset(None).total_seconds()]]
    if kind is known("time", "struct_time"):
        return [["T", "struct_time", *tuple.__iter__(value)]]
    if kind is known("uuid", "UUID"):
        return [["W", "UUID", value.hex]]
    if kind.__module__.partition(".")[0] == "pathlib" and kind.__name__ in PATHS:
        return [["W", kind.__name__, item(str(value))]]
    if kind.__module__ == "ipaddress" and kind.__name__ in ADDRESSES:
        return [["W", kind.__name__, item(str(value))]]
    if kind is Match:
        names = list(value.names.items())
        return [["m", list(map(list, value.spans)), list(map(item, value.texts)), names, item(value.string), value.lastindex]]
    if issubclass(kind, BaseException):
        return [["x", raised_value(value)]]
    return None


def read_atom(part, read):
    tag = part[0]
    if tag == "k":
        return constant_named(part[1])
    if tag == "S":
        return slice(*[read(one) for one in part[1:4]])
    if tag == "x":
        return value_raised(part[1])
    if tag == "T":
        if part[1] == "struct_time":
            return later_class("time", "struct_time")(numbers(part[2:], 9))
        import datetime
        return datetime.timezone(datetime.timedelta(seconds=part[2]))
    name, inner = part[1], read(part[2])
    if name == "UUID":
        return later_class("uuid", "UUID")(hex=inner)
    if name in PATHS:
        return later_class("pathlib", name)(str.__str__(inner))
    if name in ADDRESSES:
        return later_class("ipaddress", name)(str.__str__(inner))
    if name == "mappingproxy" and type(inner) is dict:
        return types.MappingProxyType(inner)
    if not isinstance(inner, PARTS[name]):
        raise ValueError("no part of a wrapper")
    if name == "ChainMap":
        return collections.ChainMap(*inner)
    made = getattr(collections, name)("" if name == "UserString" else ())
    made.data = inner
    return made


# ---- the result of a regular expression's search

def matched(value, item):
    """What a match says of its groups; its text, if that is short."""
    count = len(value.groups())
    spans = [list(value.span(group)) for group in range(count + 1)]
    texts = [item(value.group(group)) for group in range(count + 1)]
    text = item(value.string) if len(value.string) <= LONGEST_MATCHED else None
    return ["m", spans, texts, list(value.re.groupindex.items()), text, value.lastindex]


class Match:
    """Stands for a re.Match."""
    __class__ = property(lambda self: re.Match)

    def __init__(self, spans, texts, names, text, last):
        self.spans, self.texts, self.names, self.string, self.lastindex = spans, texts, names, text, last
        self.lastgroup = next((name for name, at in names.items() if at == last), None)

    def __repr__(self):
        return "<re.Match object; span=" + repr(self.span()) + ", match=" + repr(self.texts[0]) + ">"

    def index(self, group):
        at = self.names.get(group, group) if isinstance(group, str) else group
        if type(at) is not int or not 0 <= at < len(self.spans):
            raise IndexError("no such group")
        return at

    def __getitem__(self, group):
        return self.texts[self.index(group)]

    def group(self, *groups):
        found = tuple(self[group] for group in groups or (0,))
        return found if len(found) > 1 else found[0]

    def groups(self, default=None):
        return tuple(default if text is None else text for text in self.texts[1:])

    def groupdict(self, default=None):
        return {name: default if self.texts[at] is None else self.texts[at] for name, at in self.names.items()}

    def span(self, group=0):
        return self.spans[self.index(group)]

    def start(self, group=0):
        return self.span(group)[0]

    def end(self, group=0):
        return self.span(group)[1]


def read_match(part, read):
    spans = [tuple(numbers(span, 2)) for span in part[1]]
    texts = [read(text) for text in part[2]]
    names = dict(part[3])
    if len(spans) != len(texts) or not spans or not all(type(at) is int and 0 < at < len(spans) for at in names.values()):
        raise ValueError("no match")
    return Match(spans, texts, names, read(part[4]), part[5])


# ---- members of enumerations

def member(value, kind, item):
    """A member of an enumeration, with the plain value that it equals, if any."""
    members = [[name, item(one.value)] for name, one in kind.__members__.items()]
    mixin, plain = None, None
    for name, (base, convert) in MIXINS.items():
        if base and issubclass(kind, base):
            mixin, plain = name, convert and item(convert(value))
    chosen = item(value.value) if issubclass(kind, enum.Flag) else value.name
    return [["e", kind.__qualname__, mixin, members, chosen, plain]]


def read_member(name, mixin, members, chosen, read):
    kind = class_named(name)
    if not (isinstance(kind, type) and issubclass(kind, enum.Enum)):
        short = name.rpartition(".")[2]
        plain_names([short] + [one for one, _ in members])
        values = [(one, read(value)) for one, value in members]
        base = getattr(enum, {"int": "IntEnum"}.get(mixin, mixin if mixin in MIXINS else "Enum"), enum.Enum)
        besides = {"type": FACTORIES[mixin]} if mixin in ("str", "float") else {}
        kind = made(["e", name, mixin, members], lambda: base(short, values, **besides))
    return kind(read(chosen)) if issubclass(kind, enum.Flag) else kind.__members__[chosen]
