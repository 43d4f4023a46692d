"""Values of rarer types, for `pack` and `unpack`: what the standard library and NumPy have, and objects of the
problem's own classes. Shares the names of wire.py; compiled when the first such value is met."""
import binascii
import collections
import enum
import re
import types

FACTORIES = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)}
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items",
         type(collections.OrderedDict().keys()): "keys", type(collections.OrderedDict().values()): "values",
         type(collections.OrderedDict().items()): "items"}
DICTS = {"C": collections.Counter, "O": collections.OrderedDict, "E": collections.defaultdict}
DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,9}|[mM]8(\[\d{0,9}[a-zA-Zμ]{1,2}\])?)\Z")
NAMESPACE = "types.SimpleNamespace"
BASIC = (str, int, float, complex, bytes, list, tuple, dict, set, frozenset, bytearray)
FUNCTIONS = ("function", "method", "builtin_function_or_method", "partial", "_lru_cache_wrapper")
made_classes = {}
lazy = Later("rarer", globals())


def known(module, name):
    """A class of a module that is loaded: without it there is no value of that class."""
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else ()


def base64(data):
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def attributes(value):
    """Names and values of an object's attributes, in slots, too."""
    pairs = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                pairs[name] = getattr(value, name)
    return pairs


def fields_of(kind):
    """The fields of a dataclass, else nothing."""
    fields = getattr(kind, "__dataclass_fields__", None)
    return list(fields) if type(fields) is dict else None


def names_of_tuple(kind):
    names = getattr(kind, "_fields", None)
    return names if type(names) is tuple and all(type(name) is str for name in names) else None


# ---- to JSON

def atom(value, kind, item, place):
    """The value as [JSON], or nothing where the class that it derives from says it all."""
    if issubclass(kind, known("numpy", "generic")):
        if value.dtype.kind == "V":
            return [hand_out(value, kind, item)]
        return [scalar(value, item)] if value.dtype.kind not in "SUO" else None
    if issubclass(kind, enum.Enum):
        return lazy.member(value, kind, item)
    if issubclass(kind, BASIC) and kind is not known("time", "struct_time"):
        return None
    if issubclass(kind, known("decimal", "Decimal")):
        return [["D", known("decimal", "Decimal").__str__(value)]]
    if issubclass(kind, known("fractions", "Fraction")):
        return [["Q", item(int(value.numerator)), item(int(value.denominator))]]
    if kind in (known("datetime", name) for name in ("timedelta", "datetime", "date", "time")):
        return [moment_parts(value, kind)]
    if kind in VIEWS:
        which = VIEWS[kind]
        whole = dict.fromkeys(value) if which == "keys" else dict(value if which == "items" else enumerate(value))
        return [["V", which, place(whole)]]
    if kind is memoryview:
        return [["M", value.tobytes().hex()]]
    if value is Ellipsis:
        return [["k", "..."]]
    if kind is re.Match:
        return [lazy.matched(value, item)] if COMPACT else None
    if issubclass(kind, known("numpy", "ndarray")):
        if value.dtype.kind == "V" or issubclass(kind, known("numpy.ma", "MaskedArray")):
            return [hand_out(value, kind, item)]
        return [place(value)]
    if issubclass(kind, (collections.deque, known("array", "array"))):
        return [place(value)]
    if hasattr(kind, "__next__") or kind.__name__ in FUNCTIONS and callable(value) or hasattr(kind, "__await__"):
        return [hand_out(value, kind, item)]
    found = lazy.atom(value, kind, item, place)
    if found is not None:
        return found
    if kind is types.SimpleNamespace or is_plain_data(kind) or object_name(kind) and is_shared(object_name(kind)):
        return [place(value)]
    return [hand_out(value, kind, item)]


def is_plain_data(kind):
    """Whether it is a dataclass whose objects are their fields and nothing else."""
    return fields_of(kind) is not None and not written(kind)


def written(kind):
    return [one for base in kind.__mro__[:-1] for one, part in vars(base).items() if is_written(part)]


def node(value, kind, item):
    """The container as a node, or nothing where the class that it derives from says it all."""
    for tag, base in DICTS.items():
        if issubclass(kind, base):
            pairs = [[item(key), item(part)] for key, part in dict.items(value)]
            if tag == "E":
                factory = getattr(value.default_factory, "__name__", None)
                pairs = [factory if FACTORIES.get(factory) is value.default_factory else None, pairs]
            elif tag == "O":
                pairs = [[item(key), item(part)] for key, part in collections.OrderedDict.items(value)]
            return [tag, pairs]
    if issubclass(kind, tuple) and names_of_tuple(kind) is not None:
        return ["n", [kind.__name__, list(names_of_tuple(kind)), [item(part) for part in tuple.__iter__(value)]]]
    if issubclass(kind, BASIC):
        return None
    if issubclass(kind, collections.deque):
        return ["q", [value.maxlen, [item(part) for part in collections.deque.__iter__(value)]]]
    if issubclass(kind, known("array", "array")):
        return ["A", [value.typecode, base64(value.tobytes())]]
    if issubclass(kind, known("numpy", "ndarray")):
        shape = list(value.shape)
        if value.dtype.kind == "O":
            return ["Y", ["O", shape, [item(part) for part in value.ravel().tolist()]]]
        return ["Y", [value.dtype.str, shape, base64(value.tobytes())]]
    fields, name = fields_of(kind), object_name(kind) or kind.__qualname__
    pairs = [[key, item(part)] for key, part in attributes(value).items()]
    if fields is None:
        return ["o", [name, None, pairs]]
    settings = kind.__dataclass_params__
    is_frozen = settings.frozen is True and settings.eq is True
    return ["p" if is_frozen else "o", [name, [fields, settings.eq is True, settings.order is True, written(kind)], pairs]]


def is_written(part):
    """Whether a member of a dataclass is a function that somebody wrote, other than the ways to make an object."""
    code = getattr(part, "__code__", None)
    if isinstance(part, (classmethod, staticmethod, property)):
        return True
    if code is None or code.co_filename == "<string>" or part.__globals__.get("__name__") in ("dataclasses", "reprlib"):
        return False
    return part.__name__ not in ("__init__", "__post_init__", "__annotate__")


def scalar(value, item):
    """A NumPy scalar, with what it is without NumPy."""
    number = value.item() if value.dtype.kind in "biufc" else None
    if number is not None and type(number) not in (bool, int, float, complex):
        number = complex(number) if value.dtype.kind == "c" else float(number)
    return ["y", value.dtype.str, base64(value.tobytes()), item(number)]


def moment_parts(value, kind):
    """A date, a time, both, or a difference, as numbers."""
    name = kind.__name__
    if name == "timedelta":
        return ["T", name, value.days, value.seconds, value.microseconds]
    parts = [] if name == "time" else [value.year, value.month, value.day]
    if name != "date":
        zone = value.utcoffset()
        parts += [value.hour, value.minute, value.second, value.microsecond, value.fold,
                  None if zone is None else zone.total_seconds()]
    return ["T", name, *parts]


# ---- from JSON

def numbers(parts, count):
    if len(parts) != count or not all(type(part) is int for part in parts):
        raise ValueError("no numbers")
    return parts


def read_atom(part, read):
    tag = part[0]
    if tag == "D":
        return later_class("decimal", "Decimal")(part[1])
    if tag == "Q":
        return later_class("fractions", "Fraction")(read(part[1]), read(part[2]))
    if tag == "T":
        return moment(part)
    if tag == "V":
        whole = read(part[2])
        if type(whole) is not dict:
            raise ValueError("no dict")
        return {"keys": whole.keys, "values": whole.values, "items": whole.items}[part[1]]()
    if tag == "M":
        return memoryview(bytes.fromhex(part[1]))
    if tag == "k":
        return Ellipsis if part[1] == "..." else lazy.read_atom(part, read)
    if tag in ("W", "S", "x"):
        return lazy.read_atom(part, read)
    if tag == "m":
        return lazy.read_match(part, read)
    if tag == "y":
        return numpy_scalar(part[1], part[2], read(part[3]))
    if tag == "e":
        return lazy.read_member(*part[1:5], read)
    if tag == "g":
        return iter(read(part[1]))
    if tag == "h":
        return hand_back(*part[1:])
    raise ValueError("unknown tag")


def later_class(module, name):
    return getattr(__import__(module), name)


def moment(part):
    import datetime

    kind, rest = part[1], part[2:]
    if kind in ("timezone", "struct_time"):
        return lazy.read_atom(part, None)
    if kind in ("timedelta", "date"):
        return getattr(datetime, kind)(*numbers(rest, 3))
    count = {"datetime": 7, "time": 4}[kind]
    *parts, fold, zone = rest
    zone = None if zone is None else datetime.timezone(datetime.timedelta(seconds=zone))
    return getattr(datetime, kind)(*numbers(parts, count), tzinfo=zone, fold=fold)


def numpy_here():
    """NumPy, where the interpreter has it."""
    try:
        return __import__("numpy")
    except ImportError:
        return None


def numpy_data(kind, data):
    """A flat array of these bytes, every one of them a value that NumPy itself could have made."""
    numpy = numpy_here()
    if numpy is None or not DTYPE.match(kind):
        raise ValueError("no NumPy array here")
    flat = numpy.frombuffer(binascii.a2b_base64(data), numpy.dtype(kind)).copy()
    if flat.dtype.kind == "b":
        return flat.view("u1") != 0
    if flat.dtype.kind == "U" and (flat.view(flat.dtype.str[0] + "u4") > sys.maxunicode).any():
        raise ValueError("no text")
    return flat


def numpy_scalar(kind, data, plain):
    if numpy_here() is None:
        return plain
    [value] = numpy_data(kind, data)
    return not_a_number() if isinstance(value, float) and value != value else value


def numpy_array(kind, shape, data, read):
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("no shape")
    if kind != "O":
        return numpy_data(kind, data).reshape(shape)
    numpy = numpy_here()
    flat = numpy.empty(len(data), object)
    for index, part in enumerate(data):
        flat[index] = read(part)
    return flat.reshape(shape)


def plain_names(names):
    """Names that nothing can be forged with."""
    if not all(type(name) is str and name.isidentifier() and not name.startswith("__") for name in names):
        raise ValueError("no names")
    return names


def made(key, make):
    """The class for a key, made once, so that its values are equal to one another."""
    key = json.dumps(key)
    if key not in made_classes:
        made_classes[key] = make()
    return made_classes[key]


def fresh(tag, parts):
    """The container of a node, still empty; nothing for one that can't be empty first."""
    if tag in ("C", "O"):
        return DICTS[tag]()
    if tag == "E":
        return collections.defaultdict(None if parts[0] is None else FACTORIES[parts[0]])
    if tag == "q":
        return collections.deque(maxlen=parts[0])
    if tag == "A":
        return later_class("array", "array")(parts[0])
    if tag == "o":
        kind = class_of_object(*parts[:2], False)
        return kind() if kind is types.SimpleNamespace else object.__new__(kind)
    if tag in ("n", "p", "Y"):
        return None
    raise ValueError("unknown tag")


def class_of_object(name, fields, is_frozen):
    """The class of that name here; else, for a dataclass without methods, one made of its fields."""
    if name == NAMESPACE:
        return types.SimpleNamespace
    kind = class_named(name)
    if isinstance(kind, type) and not issubclass(kind, (BaseException, enum.Enum)):
        return kind
    if fields is None or fields[3]:
        raise TypeError("an object of class " + plain_text(name) + " can't be passed between program and tests")
    names, equal, ordered = plain_names(fields[0]), fields[1] is True, fields[1] is True and fields[2] is True

    def make():
        import dataclasses

        [short] = plain_names([name.rpartition(".")[2]])
        return dataclasses.make_dataclass(short, names, eq=equal, order=ordered, frozen=is_frozen)

    return made(["o", name, names, equal, ordered, is_frozen], make)


def frozen(tag, parts, read):
    """A container whose parts must be there first."""
    if tag == "Y":
        return numpy_array(*parts, read)
    if tag == "p":
        value = object.__new__(class_of_object(*parts[:2], True))
        fill(value, "o", parts, read)
        return value
    name, names, items = parts
    items = [read(part) for part in items]
    if len(names) != len(items) or len(names) > 1000:
        raise ValueError("no named tuple")
    kind = class_named(name)
    if not (isinstance(kind, type) and issubclass(kind, tuple) and names_of_tuple(kind) == tuple(names)):
        kind = made(["n", name, names], lambda: collections.namedtuple(name, plain_names(names)))
    return tuple.__new__(kind, items)


def fill(container, tag, parts, read):
    if tag in ("C", "O", "E"):
        pairs = [(read(key), read(part)) for key, part in (parts[1] if tag == "E" else parts)]
        container.clear()
        dict.update(container, pairs) if tag != "O" else container.update(pairs)
    elif tag == "q":
        items = [read(part) for part in parts[1]]
        container.clear()
        container.extend(items)
    elif tag == "A":
        del container[:]
        container.frombytes(binascii.a2b_base64(parts[1]))
    elif tag == "o":
        pairs = {key: read(part) for key, part in parts[2]}
        for key in plain_names(list(pairs)):
            if callable(getattr(type(container), key, None)):
                raise ValueError("an attribute hides the method " + key)
        for key in list(attributes(container)):
            if key not in pairs:
                object.__delattr__(container, key)
        for key, part in pairs.items():
            object.__setattr__(container, key, part)
    elif tag == "Y" and container is not None and hasattr(container, "dtype"):
        now = numpy_array(*parts, read)
        if now.shape != container.shape or now.dtype != container.dtype:
            raise ValueError("an array changed its shape or type")
        if container.flags.writeable:
            container[...] = now


def is_still(original, tag, kind):
    """Whether a node may say what became of this container."""
    if kind is not None:
        return isinstance(original, kind) and not isinstance(original, tuple(DICTS.values()))
    if tag in DICTS:
        return isinstance(original, DICTS[tag])
    if tag in ("o", "p"):
        return object_name(type(original)) is not None or fields_of(type(original)) is not None
    return isinstance(original, {"q": collections.deque, "n": tuple, "A": known("array", "array"),
                                 "Y": known("numpy", "ndarray")}[tag])


def object_name(kind):
    """The name of an object's class, where it is one that the other side may know, too."""
    if kind is types.SimpleNamespace:
        return NAMESPACE
    name = getattr(kind, "__qualname__", "")
    return name if class_named(name) is kind else None
