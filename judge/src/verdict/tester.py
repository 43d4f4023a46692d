"""Asserted tests, the sandbox of the tests: runs the test code with a stand-in for the program's function that
makes every call through the pipe, and reports on standard error. The program never shares this interpreter.

A test must not pass because the program raised: an exception of the program's is taken only by a handler, a `with`
statement or an `assertRaises` of the test code, not by a loop or a lookup that happens to end at it."""
import ast
import builtins
import operator as operators

COMPACT = True
kept, remote = Later("kept"), Later("remote")
TEXT_CHARACTERS = 2000
LARGEST_REPLY = 32 << 20
# These end loops and generators of whoever calls; no function of a program has a reason to raise them.
ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration, GeneratorExit)
# Modules whose handlers are the test's own, and those whose exceptions the test may name.
TEST_LIBRARIES = ("unittest", "pytest", "_pytest", "numpy.testing")
EXCEPTIONS_OF = frozenset("decimal json.decoder statistics struct zlib binascii re csv _csv configparser zipfile tarfile "
                          "subprocess sqlite3 queue _queue numpy.linalg numpy.exceptions urllib.error".split())


PREAMBLE_CLASSES = {}


class CandidateGone(BaseException):
    """The program ended or sent something that is no reply."""


class NoForm(BaseException):
    """A value that can't be passed."""


class Failed(AssertionError):
    """An assertion that did not hold, with what it compared."""


class Session:
    """The containers that both sides know of a call, in order; its arguments stand first."""

    def __init__(self, held, base):
        self.held, self.base = held, base


class Candidate:
    """The stand-in: sends arguments, updates them with what the program did to them, returns or raises."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.gone = None
        self.odd = None
        self.unpassable = None
        self.calls = 0
        self.request = None
        self.results = []
        self.pending = []
        self.session = None

    def receive(self):
        line = self.source.readline(LARGEST_REPLY)
        try:
            if not line.endswith(b"\n"):
                raise ValueError("end of output" if len(line) < LARGEST_REPLY else "reply too long")
            message = json.loads(line)
            if type(message) is not dict:
                raise ValueError("no message")
            return message
        except (ValueError, RecursionError) as error:
            raise self.lost(error)

    def lost(self, error):
        self.gone = "the program ended before it answered" if "end of output" in str(error) else plain_text(error)
        return CandidateGone(self.gone)

    def exchange(self, request):
        """The reply to a message."""
        if self.gone is not None:
            raise CandidateGone(self.gone)
        try:
            self.sink.write(request.encode("ascii") + b"\n")
            self.sink.flush()
        except OSError:
            raise self.lost("end of output")
        reply = self.receive()
        if "odd" in reply:
            self.odd = self.odd or words(reply["odd"]) or "TypeError"
            raise NoForm(self.odd)
        return reply

    def packed(self, values):
        """What the test code passes to the program, as a message, and its containers."""
        try:
            return pack(values)
        except TypeError as error:
            self.unpassable = self.unpassable or "TypeError: " + plain_text(error)
            raise NoForm(self.unpassable)

    def __call__(self, *arguments, **named):
        return self.call({}, arguments, named)

    def call(self, target, arguments, named):
        message, originals = self.packed([arguments, named])
        self.request = json.dumps(message)
        message.update(target)
        reply = self.exchange(json.dumps(message) if target else self.request)
        self.calls += 1
        try:
            if "result" in reply:
                news, originals = self.changes(message, reply["result"], originals)
                self.session = Session(None, len(message["nodes"]))
                [result], self.session.held = unpack(news, originals)
                self.results[:] = [result]
                return result
            if "after" in reply:
                unpack(*self.changes(message, reply["after"], originals))
            error = rebuilt(reply)
        except Exception as error:
            raise self.broken(error)
        self.throw(error)

    def changes(self, sent, reply, originals):
        """The reply without the arguments that are as they were, and the containers that it is to change.

        Where the test works out from an argument what it expects, it keeps its own: these are none."""
        nodes = reply["nodes"]
        same = [now == then for now, then in zip(nodes, sent["nodes"])]
        if len(same) == len(originals) and not all(same) and kept.keeps_its_own(sys._getframe()):
            return reply, ()
        news = [None if is_same else node for node, is_same in zip(nodes, same)] + nodes[len(same):]
        return {"nodes": news, "values": reply["values"]}, originals

    def advance(self, remote, most, sent):
        """(items, whether these are all, what is returned then, an exception after them) of an iterator."""
        request = {"next": remote.index, "most": most}
        if sent is not None:
            request["send"] = self.packed([sent])[0]
        reply = self.exchange(json.dumps(request))
        session = self.session = remote.session
        try:
            held = session.held[:session.base] if "cut" in reply else session.held
            items, session.held = unpack(reply["items"], held)
            is_end = "end" in reply
            error = rebuilt(reply) if "raised" in reply else None
            if len(items) > most + is_end or not (items or error or is_end):
                raise ValueError("other items than were asked for")
            value = items.pop() if is_end else None
            return items, is_end, value, error
        except Exception as error:
            raise self.broken(error)

    def broken(self, error):
        detail = str(error) if type(error) in (ValueError, TypeError) else ""
        return self.lost("broken reply: " + (plain_text(detail)[:200] or type(error).__name__))

    def throw(self, error):
        """Raises an exception of the program's in the test code."""
        self.pending = [one for one in self.pending if one.__traceback__ is not None]
        self.pending.append(error)
        try:
            raise error
        except BaseException:
            # Now it has a traceback of its own, whether or not any other handler will ever see it.
            raise

    def taken(self):
        """In a handler of the test code: what it handles is taken."""
        chain, seen = [sys.exc_info()[1]], []
        while chain:
            error = chain.pop()
            if error is not None and not any(error is one for one in seen):
                seen.append(error)
                chain += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
        self.pending = [one for one in self.pending if not any(one is other for other in seen)]

    def taken_by_with(self):
        """After a `with` statement: an exception that came as far as this frame was taken there."""
        frame = sys._getframe(1)
        self.pending = [one for one in self.pending if one.__traceback__ and one.__traceback__.tb_frame is not frame]

    def swallowed(self):
        """An exception of the program's that nothing of the test code took, and yet the test went on."""
        for error in self.pending:
            # Only Python code that handles an exception takes its traceback off.
            if error.__traceback__ is not None:
                module = str(error.__traceback__.tb_frame.f_globals.get("__name__"))
                if not any(module == name or module.startswith(name + ".") for name in TEST_LIBRARIES):
                    return error
        return None

    def last_result(self):
        return brief(self.results[0], TEXT_CHARACTERS) if self.results else ""

    def last_call(self):
        if self.request is None:
            return ""
        (arguments, named), _ = unpack(json.loads(self.request))
        parts = [brief(value, TEXT_CHARACTERS) for value in arguments]
        parts += [name + "=" + brief(value, TEXT_CHARACTERS) for name, value in named.items()]
        return PAYLOAD["entry_point"] + "(" + ", ".join(parts) + ")"


def words(value):
    """What the program says of itself, if it is text at all: it may have written the message by hand."""
    return plain_text(value) if type(value) is str else ""


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
        error = kind(*arguments)
    except Exception:
        error = kind.__new__(kind)
        error.args = arguments
    for attribute, value in dict(*attributes).items():
        if not attribute.startswith("__") and not callable(getattr(kind, attribute, None)):
            setattr(error, attribute, value)
    error.program_trace = words(reply["trace"])
    error.program_raised = name
    return error


def class_named(name):
    """The class of this dotted name that the preamble defines, if any."""
    found = PREAMBLE_CLASSES.get(name.partition(".")[0])
    for part in name.split(".")[1:]:
        found = vars(found).get(part) if isinstance(found, type) else None
    return found if isinstance(found, type) else None


def hand_out(value, kind, item):
    return remote.as_argument(value, kind, item)


def hand_back(index, name="", flavour=""):
    return remote.stand_in(index, name, flavour)


def fail(source, expected, got, message):
    error = Failed(source if message is None else message)
    error.expected, error.got = source if expected is None else expected, got
    raise error


def fail_comparison(source, operator, left, right, message):
    expected = brief(right, TEXT_CHARACTERS)
    fail(source, expected if operator == "==" else operator + " " + expected, brief(left, TEXT_CHARACTERS), message)


def is_nan(value):
    return isinstance(value, (float, complex)) and value != value


def violated(left, operator, right):
    """Whether an order holds that must not; one with a NaN never holds, and that is no success."""
    return is_nan(left) or is_nan(right) or getattr(operators, operator)(left, right)


def largest(*values, **named):
    """max(), which loses no NaN."""
    values = list(values[0] if len(values) == 1 else values)
    return next(filter(is_nan, values), None) if any(map(is_nan, values)) else max(values, **named)


class Explain(ast.NodeTransformer):
    """Rewrites `assert left == right` so that a failure carries both values; each is evaluated once. What takes an
    exception of the program's says so."""

    OPERATORS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
                 ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}
    ORDERS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}

    def visit_Assert(self, node):
        source = ast.Constant(ast.unparse(node)[:TEXT_CHARACTERS])
        message = node.msg or ast.Constant(None)
        test = self.bounded(node.test)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = ast.Name("__left__", ast.Store()), ast.Name("__right__", ast.Store())
            read = [ast.Name(name.id, ast.Load()) for name in (left, right)]
            operator = ast.Constant(self.OPERATORS[type(test.ops[0])])
            report = ast.Call(ast.Name("__fail_comparison__", ast.Load()), [source, operator, *read, message], [])
            statements = [
                ast.Assign([left], test.left),
                ast.Assign([right], test.comparators[0]),
                ast.If(ast.Compare(read[0], test.ops, [read[1]]), [ast.Pass()], [ast.Expr(report)]),
            ]
        else:
            nothing = ast.Constant(None)
            report = ast.Call(ast.Name("__fail__", ast.Load()), [source, nothing, nothing, message], [])
            statements = [ast.If(test, [ast.Pass()], [ast.Expr(report)])]
        return [ast.fix_missing_locations(ast.copy_location(statement, node)) for statement in statements]

    def bounded(self, test):
        """A condition that must hold, so that no NaN meets it by being smaller and larger than nothing."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test.operand = self.forbidden(test.operand)
        elif isinstance(test, ast.BoolOp):
            test.values = [self.bounded(value) for value in test.values]
        elif isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Lt, ast.LtE)):
            if isinstance(test.left, ast.Call) and getattr(test.left.func, "id", None) == "max":
                test.left.func.id = "__largest__"
        return test

    def forbidden(self, test):
        """A condition that must not hold: an order of a NaN counts as one that does."""
        if isinstance(test, ast.BoolOp):
            test.values = [self.forbidden(value) for value in test.values]
        elif isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in self.ORDERS:
            order = ast.Constant(self.ORDERS[type(test.ops[0])])
            call = ast.Call(ast.Name("__violated__", ast.Load()), [test.left, order, *test.comparators], [])
            return ast.fix_missing_locations(ast.copy_location(call, test))
        elif isinstance(test, ast.Call) and getattr(test.func, "id", None) == "any" and len(test.args) == 1:
            if isinstance(test.args[0], (ast.GeneratorExp, ast.ListComp)):
                test.args[0].elt = self.forbidden(test.args[0].elt)
        return test

    def visit_If(self, node):
        self.generic_visit(node)
        first = node.body[0]
        fails = isinstance(first, ast.Raise)
        if isinstance(first, ast.Return):
            fails = isinstance(first.value, ast.Constant) and first.value.value is False
        if fails:
            node.test = self.forbidden(node.test)
        return node

    def visit_ExceptHandler(self, node):
        self.generic_visit(node)
        node.body.insert(0, self.note("__taken__", node))
        return node

    def visit_With(self, node):
        self.generic_visit(node)
        return [node, self.note("__taken_by_with__", node)]

    visit_AsyncWith = visit_With

    def note(self, name, node):
        call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], []))
        return ast.fix_missing_locations(ast.copy_location(call, node))


class Owner:
    """Stands for the class of an entry point such as `Solution.method`, and for its instances."""

    def __init__(self, candidate, method):
        self.__dict__[method] = candidate

    def __call__(self, *_, **__):
        return self


def run_tests(candidate):
    """The report of the test code; `cause` is empty where it passed."""
    first = candidate.receive()
    if "failed" in first:
        return {"cause": "load", "kind": words(first["failed"]), "raised": words(first.get("raised")),
                "trace": words(first.get("trace"))}
    names = {"__name__": "tests", "__fail__": fail, "__fail_comparison__": fail_comparison, "__violated__": violated,
             "__largest__": largest, "__taken__": candidate.taken, "__taken_by_with__": candidate.taken_by_with}
    exec(compiled_preamble(PAYLOAD["preamble"]), names)
    PREAMBLE_CLASSES.update(
        (name, kind) for name, kind in names.items() if isinstance(kind, type) and kind.__module__ == "tests")
    owner, dot, method = PAYLOAD["entry_point"].replace("().", ".").partition(".")
    names[owner] = Owner(candidate, method) if dot else candidate
    names[PAYLOAD["entry_point"]] = names["candidate"] = candidate
    tree = Explain().visit(ast.parse(PAYLOAD["code"], "tests.py"))
    exec(compile(tree, "tests.py", "exec", dont_inherit=True), names)
    return {"cause": ""}


def compiled_preamble(source):
    """The preamble alone; where it ends in a bare function header, with an empty body."""
    for text in (source, source + "\n    pass\n"):
        try:
            tree = Explain().visit(ast.parse(text, "preamble.py")) if "except" in text or "with" in text else text
            return compile(tree, "preamble.py", "exec", dont_inherit=True)
        except SyntaxError as error:
            wrong = error
    raise wrong


def explained(candidate):
    try:
        report = run_tests(candidate)
        error = candidate.swallowed()
        if error is not None:
            report = of_program(error)
    except CandidateGone as error:
        report = {"cause": "gone", "trace": plain_text(error)}
    except Failed as error:
        got = candidate.last_result() if error.got is None else error.got
        report = {"cause": "assertion", "expected": error.expected, "got": got}
    except BaseException as error:
        if getattr(error, "program_trace", None) is not None:
            report = of_program(error)
        else:
            text = type(error).__name__ + ": " + plain_text(error)
            report = {"cause": "tests", "got": candidate.last_result(), "trace": text[:TEXT_CHARACTERS]}
    if candidate.unpassable is not None:
        report = {"cause": "arguments", "trace": candidate.unpassable}
    if candidate.odd is not None:
        report = {"cause": "raised", "raised": "TypeError", "trace": candidate.odd}
    if candidate.gone is not None:
        report = {"cause": "gone", "trace": candidate.gone}
    report["calls"] = candidate.calls
    if report["cause"]:
        report["input"] = candidate.last_call()
    return report


def of_program(error):
    return {"cause": "raised", "raised": error.program_raised, "trace": error.program_trace}


def main():
    source, sink = open_channel()
    voice = os.fdopen(os.dup(2), "wb")
    os.dup2(0, 2)
    global candidate_side
    candidate_side = Candidate(source, sink)
    report = explained(candidate_side)
    voice.write((PAYLOAD["nonce"] + json.dumps(report) + "\n").encode("ascii"))
    voice.flush()
    os._exit(0)


main()
