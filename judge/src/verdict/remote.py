"""What stands in the tests for a generator, an iterator, a coroutine or a function that the program returned.
Shares the names of tester.py; compiled when the first of them is met."""
import builtins
import itertools

# From here on several items may come at once.
SINGLE_ITEMS = 1024
BATCH = 256
things = Later("things", globals())
stand_ins = {}
classes_of_iterators = {}
MOST_ARGUMENT_ITEMS = 1_000_000


class Remote:
    """One of them, as far as it has been read."""

    def __init__(self, index, name):
        self.index, self.name = index, name
        self.session = candidate_side.session
        self.buffer, self.pulled, self.over, self.value, self.error = [], 0, False, None, None

    def more(self, sent=None, thrown=None):
        """Whether there is another item, which then is in the buffer."""
        if not self.buffer and not self.over:
            most = 1 if self.pulled < SINGLE_ITEMS else BATCH
            with candidate_side.turn:
                self.buffer, self.over, self.value, self.error = advance(candidate_side, self, most, sent, thrown)
            self.pulled += len(self.buffer)
        if not self.buffer and self.error is not None:
            error, self.error, self.over = self.error, None, True
            trouble.throw(candidate_side, error)
        return bool(self.buffer)

    def next(self, sent=None):
        if self.more(sent):
            return self.buffer.pop(0)
        raise StopIteration


class Iterator:
    """Base of the stand-ins of iterators; each kind has a class of its name."""

    def __init__(self, remote):
        self.remote = remote

    def __iter__(self):
        return self

    def __next__(self):
        return self.remote.next()


class Function:
    """A function of the program."""

    def __init__(self, remote):
        self.remote = remote
        self.__name__ = remote.name

    def __call__(self, *arguments, **named):
        return candidate_side.call({"to": self.remote.index}, arguments, named)


def generate(remote):
    sent = thrown = None
    while remote.more(sent, thrown):
        sent = thrown = None
        try:
            sent = yield remote.buffer.pop(0)
        except GeneratorExit:
            raise
        except Exception as error:
            thrown = error
    return remote.value


async def generate_later(remote):
    while remote.more():
        yield remote.buffer.pop(0)


async def wait(remote):
    remote.more()
    return remote.value


def stand_in(index, name, flavour, specials=()):
    if type(index) is not int or type(name) is not str or index < 0:
        raise ValueError("no handle")
    if index not in stand_ins:
        remote = Remote(index, name[:100])
        if flavour == "g":
            made = generate(remote)
        elif flavour == "a":
            made = wait(remote)
        elif flavour == "A":
            made = generate_later(remote)
        elif flavour == "f":
            made = Function(remote)
        elif flavour == "o":
            made = things.made(remote, specials)
        else:
            if name not in classes_of_iterators:
                known = getattr(builtins, name, None) or getattr(itertools, name, None)
                members = {"__class__": property(lambda self: known)} if isinstance(known, type) else {}
                classes_of_iterators[name] = type(name, (Iterator,), members)
            made = classes_of_iterators[name](remote)
        stand_ins[index] = made
    return stand_ins[index]


def as_argument(value, kind, item):
    """A stand-in goes back as what it stands for; an iterator of the tests as one over its items."""
    if things.names is not None and isinstance(value, things.Thing):
        return ["h", value.__remote__.index]
    for index, one in stand_ins.items():
        if one is value:
            return ["h", index]
    if not hasattr(kind, "__next__"):
        raise TypeError("a value of type " + kind.__name__ + " can't be passed between program and tests")
    items = []
    try:
        for one in value:
            items.append(one)
            if len(items) > MOST_ARGUMENT_ITEMS:
                break
    except TypeError as error:
        raise WhilePacking(error)
    if len(items) > MOST_ARGUMENT_ITEMS:
        raise TypeError("an iterator over so many items can't be passed between program and tests")
    return ["g", item(items)]


def advance(candidate, remote, most, sent, thrown):
    """(items, whether these are all, what is returned then, an exception after them) of an iterator."""
    request = {"next": remote.index, "most": most}
    if sent is not None:
        request["send"] = candidate.packed([sent])[0]
    if thrown is not None:
        kind = next(one for one in type(thrown).__mro__ if getattr(builtins, one.__name__, None) is one)
        request["throw"] = candidate.packed([kind, list(map(str, thrown.args))])[0]
    reply = candidate.exchange(json.dumps(request))
    session = candidate.session = remote.session
    try:
        held = session.held[:session.base] if "cut" in reply else session.held
        items, session.held = unpack(reply["items"], held)
        is_end = "end" in reply
        error = trouble.rebuilt(reply) if "raised" in reply else None
        if len(items) > most + is_end or not (items or error or is_end):
            raise ValueError("other items than were asked for")
        value = items.pop() if is_end else None
        return items, is_end, value, error
    except Exception as error:
        raise trouble.broken(candidate, error)
