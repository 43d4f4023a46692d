"""Asserted tests, the sandbox of the tests: runs the test code with a stand-in for the program's function that
makes every call through the pipe, and reports on standard error. The program never shares this interpreter.

A test must not pass because the program raised: an exception of the program's is taken only by a handler, a `with`
statement or an `assertRaises` of the test code, not by a loop or a lookup that happens to end at it."""
import ast
import _thread

COMPACT = True
kept, remote, trouble, bounds = Later("kept"), Later("remote"), Later("trouble"), Later("bounds")
suites = Later("suites")
TEXT_CHARACTERS = 2000
LARGEST_REPLY = 32 << 20
PREAMBLE_CLASSES = {}


class CandidateGone(BaseException):
    """The program ended or sent something that is no reply."""


class NoForm(BaseException):
    """A value that can't be passed."""


class WhilePacking(Exception):
    """What an iterator of the tests raised when its items were asked for, so that they could be passed."""


class Failed(AssertionError):
    """An assertion that did not hold, with what it compared."""


class Session:
    """The containers that both sides know of a call, in order; its arguments stand first."""

    def __init__(self, held, base):
        self.held, self.base = held, base


class Candidate:
    """The stand-in: sends arguments, updates them with what the program did to them, returns or raises."""

    def __init__(self, source, sink, voice):
        self.source, self.sink, self.voice = source, sink, voice
        self.gone = None
        self.odd = None
        self.unpassable = None
        self.ordered_nan = False
        self.calls = 0
        self.request = None
        self.results = []
        self.pending = []
        self.taken = []
        self.session, self.handed = None, False
        self.__name__ = PAYLOAD["entry_point"].rpartition(".")[2]
        # Threads of the test code take turns: there is one pipe.
        self.turn = _thread.RLock()

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
        except WhilePacking as error:
            raise error.args[0] from None
        except TypeError as error:
            text = "TypeError: " + plain_text(error)
            if self.calls and kept.passes_returned(sys._getframe()):
                # It was made of what the program returned, which might have returned something else.
                self.odd = self.odd or text
            else:
                self.unpassable = self.unpassable or text
            raise NoForm(text)

    def __call__(self, *arguments, **named):
        return self.call({}, arguments, named)

    def call(self, target, arguments, named):
        with self.turn:
            result, error = self.called(target, arguments, named)
        if error is not None:
            trouble.throw(self, error)
        return result

    def called(self, target, arguments, named):
        """(what it returned, None) or (None, the exception that it raised)."""
        message, originals = self.packed([arguments, named])
        if "do" not in target:
            self.request = json.dumps(message)
        if PREAMBLE_CLASSES and not self.calls:
            target = dict(target, classes=list(PREAMBLE_CLASSES))
        reply = self.exchange(json.dumps(dict(message, **target)) if target else self.request)
        if not self.calls:
            # From here on the program has a hand in how this process ends.
            say(self.voice, "begun")
        self.calls += 1
        try:
            if "result" in reply:
                news, originals = self.changes(message, reply["result"], originals)
                self.session, self.handed = Session(None, len(message["nodes"])), False
                [result], self.session.held = unpack(news, originals)
                if self.handed and originals and kept.keeps_its_own(sys._getframe()):
                    # Nor is anything of the test's changed while the program is asked for items.
                    own = unpack({"nodes": message["nodes"], "values": []})[1]
                    self.session.held[:len(own)] = own
                if "do" not in target:
                    self.results[:] = [result]
                return result, None
            if "after" in reply:
                unpack(*self.changes(message, reply["after"], originals))
            error = trouble.rebuilt(reply)
        except Exception as error:
            raise trouble.broken(self, error)
        return None, error

    def changes(self, sent, reply, originals):
        """The reply without the arguments that are as they were, and the containers that it is to change.

        Where the test works out from an argument what it expects, it keeps its own: these are none."""
        nodes = reply["nodes"]
        same = [now == then for now, then in zip(nodes, sent["nodes"])]
        if len(same) == len(originals) and not all(same) and kept.keeps_its_own(sys._getframe()):
            return reply, ()
        news = [None if is_same else node for node, is_same in zip(nodes, same)] + nodes[len(same):]
        return {"nodes": news, "values": reply["values"]}, originals


def say(voice, text):
    voice.write((PAYLOAD["nonce"] + text + "\n").encode("ascii"))
    voice.flush()


def words(value):
    """What the program says of itself, if it is text at all: it may have written the message by hand."""
    return plain_text(value) if type(value) is str else ""


def class_named(name):
    """The class of this dotted name that the preamble defines, if any."""
    found = PREAMBLE_CLASSES.get(name.partition(".")[0])
    for part in name.split(".")[1:]:
        found = vars(found).get(part) if isinstance(found, type) else None
    return found if isinstance(found, type) else None


def hand_out(value, kind, item):
    return remote.as_argument(value, kind, item)


def not_a_number():
    return bounds.Nan("nan")


def hand_back(index, name="", flavour="", specials=()):
    candidate_side.handed = True
    return remote.stand_in(index, name, flavour, specials)


def is_shared(name):
    return True


def raised_value(error):
    raise TypeError("a value of type " + type(error).__name__ + " can't be passed between program and tests")


def value_raised(reply):
    error = trouble.rebuilt(reply)
    del error.program_trace, error.program_raised
    return error


def fail(source, expected, got, message):
    error = Failed(source if message is None else message)
    error.expected, error.got = source if expected is None else expected, got
    raise error


def fail_comparison(source, operator, left, right, message):
    expected = brief(right, TEXT_CHARACTERS)
    fail(source, expected if operator == "==" else operator + " " + expected, brief(left, TEXT_CHARACTERS), message)


def text_of(node):
    """The source of a statement; as the test has it where Python, 3.8, can't print trees."""
    if hasattr(ast, "unparse"):
        return ast.unparse(node)
    return ast.get_source_segment(PAYLOAD["code"], node) or "assert"


def always_holds(test):
    """Whether an assertion can't fail whatever its parts are: `assert (f(1) == 2, "message")` is of a tuple."""
    if isinstance(test, ast.Tuple):
        return bool(test.elts)
    return isinstance(test, (ast.GeneratorExp, ast.Lambda)) or (
        isinstance(test, ast.Constant) and isinstance(test.value, (str, bytes)) and bool(test.value))


class Explain(ast.NodeTransformer):
    """Rewrites `assert left == right` so that a failure carries both values; each is evaluated once. What takes an
    exception of the program's says so."""

    OPERATORS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
                 ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}

    def visit_Assert(self, node):
        if always_holds(node.test):
            raise SyntaxError("line " + str(node.lineno) + " asserts what always holds: " + text_of(node)[:200])
        source = ast.Constant((getattr(node, "source", None) or text_of(node))[:TEXT_CHARACTERS])
        message = node.msg or ast.Constant(None)
        test = node.test
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


def run_tests(candidate):
    """The report of the test code; `cause` is empty where it passed."""
    first = candidate.receive()
    if "failed" in first:
        return {"cause": "load", "kind": words(first["failed"]), "raised": words(first.get("raised")),
                "trace": words(first.get("trace"))}
    names = {"__name__": "tests", "__fail__": fail, "__fail_comparison__": fail_comparison,
             "__taken__": lambda: candidate.pending and trouble.taken(candidate),
             "__taken_by_with__": lambda: candidate.pending and trouble.taken_by_with(candidate, sys._getframe(1))}
    exec(compiled_preamble(PAYLOAD["preamble"]), names)
    PREAMBLE_CLASSES.update(
        (name, kind) for name, kind in names.items() if isinstance(kind, type) and kind.__module__ == "tests")
    owner, dot, method = PAYLOAD["entry_point"].replace("().", ".").partition(".")
    names[owner] = trouble.Owner(candidate, method) if dot else candidate
    names[PAYLOAD["entry_point"]] = names["candidate"] = candidate
    code = PAYLOAD["code"]
    tree = ast.parse(code, "tests.py")
    if ("<" in code or ">" in code) and any(word in code for word in ("not ", "not(", "if ", "if(", "max(")):
        names.update(__violated__=bounds.violated, __largest__=bounds.largest)
        tree = bounds.Bound().visit(tree)
    tree = Explain().visit(tree)
    runs_suites = "unittest" in code
    if runs_suites:
        suites.watch()
    exec(compile(tree, "tests.py", "exec", dont_inherit=True), names)
    if runs_suites:
        suites.settle()
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
        error = trouble.swallowed(candidate) if candidate.pending else None
        if error is not None:
            report = trouble.of_program(error)
    except CandidateGone as error:
        report = {"cause": "gone", "trace": plain_text(error)}
    except Failed as error:
        got = trouble.last_result(candidate) if error.got is None else error.got
        report = {"cause": "assertion", "expected": error.expected, "got": got}
    except BaseException as error:
        if getattr(error, "program_trace", None) is not None:
            report = trouble.of_program(error)
        else:
            text = type(error).__name__ + ": " + plain_text(error)
            report = {"cause": "tests", "got": trouble.last_result(candidate), "trace": text[:TEXT_CHARACTERS]}
    if not report["cause"] and candidate.ordered_nan and not bounds.speaks_of_nan(PAYLOAD["code"]):
        report = {"cause": "assertion", "expected": "a number", "got": "nan"}
    if candidate.unpassable is not None:
        report = {"cause": "arguments", "trace": candidate.unpassable}
    if candidate.odd is not None:
        report = {"cause": "raised", "raised": "TypeError", "trace": candidate.odd}
    if candidate.gone is not None:
        report = {"cause": "gone", "trace": candidate.gone}
    report["calls"] = candidate.calls
    if report["cause"]:
        report["input"] = trouble.last_call(candidate)
    return report


def main():
    source, sink = open_channel()
    voice = os.fdopen(os.dup(2), "wb")
    os.dup2(0, 2)
    global candidate_side
    candidate_side = Candidate(source, sink, voice)
    say(voice, json.dumps(explained(candidate_side)))
    os._exit(0)
