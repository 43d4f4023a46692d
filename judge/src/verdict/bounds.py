"""Conditions of the tests that bound a number, so that no NaN meets them by being neither smaller nor larger than
anything. Shares the names of tester.py; compiled where the test code has an order and something that turns it round, or
where the program returned a NaN."""
import operator as operators
import re

SPEAKS_OF_NAN = re.compile(r"(?i)(?<![a-z])(is_?)?nan|isfinite|is_?na(?![a-z])|is_?null|notnull")


def speaks_of_nan(code):
    """Whether the test code may have asked for one."""
    return SPEAKS_OF_NAN.search(code) is not None


class Nan(float):
    """A NaN that the program returned, or what became of it: it is told when somebody asks for its order."""


def noting(name):
    plain = getattr(float, name)

    def compare(self, other):
        answer = plain(self, other)
        if answer is not NotImplemented:
            candidate_side.ordered_nan = True
        return answer

    return compare


def staying(name):
    plain = getattr(float, name)

    def compute(self, *others):
        number = plain(self, *others)
        return Nan(number) if type(number) is float and number != number else number

    return compute


for one in ("lt", "le", "gt", "ge"):
    setattr(Nan, "__" + one + "__", noting("__" + one + "__"))
for one in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Nan, "__" + one + "__", staying("__" + one + "__"))
    setattr(Nan, "__r" + one + "__", staying("__r" + one + "__"))
for one in ("abs", "neg", "pos", "round"):
    setattr(Nan, "__" + one + "__", staying("__" + one + "__"))


def is_nan(value):
    return isinstance(value, (float, complex)) and value != value


def violated(left, operator, right):
    """Whether an order holds that must not; one with a NaN never holds, and that is no success."""
    return is_nan(left) or is_nan(right) or getattr(operators, operator)(left, right)


def largest(*values, **named):
    """max(), which loses no NaN."""
    values = list(values[0] if len(values) == 1 else values)
    return next(filter(is_nan, values), None) if any(map(is_nan, values)) else max(values, **named)


class Bound(ast.NodeTransformer):
    """Rewrites what must not hold, `not x > y` and `if x > y: raise`, and the largest of several numbers."""

    ORDERS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}

    def visit_Assert(self, node):
        node.source = text_of(node)
        node.test = self.bounded(node.test)
        return node

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
