"""Asserted tests, the sandbox of the tests: runs the test code with a stand-in for the program's function that
makes every call through the pipe, and reports on standard error. The program never shares this interpreter."""
import ast
import builtins

COMPACT = True
TEXT_CHARACTERS = 2000
LARGEST_REPLY = 32 << 20


class CandidateGone(BaseException):
    """The program ended or sent something that is no reply."""


class Failed(AssertionError):
    """An assertion that did not hold, with what it compared."""


class Candidate:
    """The stand-in: sends arguments, updates them with what the program did to them, returns or raises."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.gone = None
        self.calls = 0
        self.request = None
        self.results = []

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

    def __call__(self, *arguments, **named):
        if self.gone is not None:
            raise CandidateGone(self.gone)
        message, originals = pack([arguments, named])
        self.request = json.dumps(message)
        try:
            self.sink.write(self.request.encode("ascii") + b"\n")
            self.sink.flush()
        except OSError:
            raise self.lost("end of output")
        reply = self.receive()
        self.calls += 1
        try:
            if "result" in reply:
                [result], _ = unpack(reply["result"], originals)
                self.results[:] = [result]
                return result
            if "after" in reply:
                unpack(reply["after"], originals)
            error = rebuilt(reply)
        except Exception as error:
            raise self.lost("broken reply: " + type(error).__name__)
        raise error

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


def rebuilt(reply):
    """The program's exception, as the nearest builtin class; its own name is kept."""
    base = Exception
    for name in reply["builtins"]:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            base = kind
            break
    name = words(reply["raised"])
    kind = base if name == base.__name__ else type(name, (base,), {})
    [arguments], _ = unpack(reply["arguments"])
    try:
        error = kind(*arguments)
    except Exception:
        error = Exception(*arguments)
    error.program_trace = words(reply["trace"])
    error.program_raised = name
    return error


def fail(source, expected, got, message):
    error = Failed(source if message is None else message)
    error.expected, error.got = source if expected is None else expected, got
    raise error


def fail_comparison(source, operator, left, right, message):
    expected = brief(right, TEXT_CHARACTERS)
    fail(source, expected if operator == "==" else operator + " " + expected, brief(left, TEXT_CHARACTERS), message)


class Explain(ast.NodeTransformer):
    """Rewrites `assert left == right` so that a failure carries both values; each is evaluated once."""

    OPERATORS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
                 ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}

    def visit_Assert(self, node):
        source = ast.Constant(ast.unparse(node)[:TEXT_CHARACTERS])
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


def run_tests(candidate):
    """The report of the test code; `cause` is empty where it passed."""
    first = candidate.receive()
    if "failed" in first:
        return {"cause": "load", "kind": words(first["failed"]), "raised": words(first.get("raised")),
                "trace": words(first.get("trace"))}
    names = {"__name__": "tests", "__fail__": fail, "__fail_comparison__": fail_comparison}
    exec(compiled_preamble(PAYLOAD["preamble"]), names)
    names[PAYLOAD["entry_point"]] = names["candidate"] = candidate
    tree = Explain().visit(ast.parse(PAYLOAD["code"], "tests.py"))
    exec(compile(tree, "tests.py", "exec", dont_inherit=True), names)
    return {"cause": ""}


def compiled_preamble(source):
    """The preamble alone; where it ends in a bare function header, with an empty body."""
    try:
        return compile(source, "preamble.py", "exec", dont_inherit=True)
    except SyntaxError:
        return compile(source + "\n    pass\n", "preamble.py", "exec", dont_inherit=True)


def explained(candidate):
    try:
        report = run_tests(candidate)
    except CandidateGone as error:
        report = {"cause": "gone", "trace": plain_text(error)}
    except Failed as error:
        got = candidate.last_result() if error.got is None else error.got
        report = {"cause": "assertion", "expected": error.expected, "got": got}
    except BaseException as error:
        trace = getattr(error, "program_trace", None)
        if trace is not None:
            report = {"cause": "raised", "raised": error.program_raised, "trace": trace}
        else:
            text = type(error).__name__ + ": " + plain_text(error)
            report = {"cause": "tests", "got": candidate.last_result(), "trace": text[:TEXT_CHARACTERS]}
    if candidate.gone is not None:
        report = {"cause": "gone", "trace": candidate.gone}
    report["calls"] = candidate.calls
    if report["cause"]:
        report["input"] = candidate.last_call()
    return report


def main():
    source, sink = open_channel()
    voice = os.fdopen(os.dup(2), "wb")
    os.dup2(0, 2)
    report = explained(Candidate(source, sink))
    voice.write((PAYLOAD["nonce"] + json.dumps(report) + "\n").encode("ascii"))
    voice.flush()
    os._exit(0)


main()
