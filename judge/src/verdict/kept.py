"""Which arguments the test code keeps for itself, so that a program that changes them can't change what is expected.

`assert candidate(xs) == sorted(xs)` works out from `xs` what it expects: that must be the `xs` it passed. In
`candidate(xs)` and then `assert xs == [1, 2]` the test looks at what became of `xs`: that is the answer. Told apart by
the text of the test, in each function and by names: an argument is kept where something made of it stands beside
something that the program returned (as operands of one comparison or calculation, or as arguments of one call), unless a
later statement looks at the argument by itself. Compiled when a program changes an argument, or returned what can't be
passed."""
import collections

ProgramCall = collections.namedtuple("ProgramCall", "first last lines is_kept passes_returned")
Grouping = (ast.Compare, ast.Call, ast.BinOp, ast.Tuple)
# Of these, `(candidate(xs), list(xs))` may well be an answer with what became of its argument.
Views = ("list", "tuple", "len", "set", "dict", "str", "repr", "copy", "deepcopy")
Scopes = (ast.FunctionDef, ast.AsyncFunctionDef)
analysed = []


def keeps_its_own(frame):
    """Whether the call under way, made from this frame or one below it, is of an argument that the test keeps."""
    return under_way(frame, lambda call: call.is_kept)


def passes_returned(frame):
    """Whether the call under way is of something that holds, or is made of, what the program returned."""
    return under_way(frame, lambda call: call.passes_returned)


def under_way(frame, says):
    """What is said of the calls that may be the one under way."""
    if not analysed:
        analysed.append(analyse(PAYLOAD["code"]))
    calls, found, lazy = analysed[0], [], []
    while frame is not None:
        if frame.f_code.co_filename == "tests.py":
            found += [says(call) for call in calls if call.first <= frame.f_lineno <= call.last]
            first = frame.f_code.co_firstlineno
            lazy += [says(call) for call in calls if call.lines[0] <= first <= call.lines[1]]
        frame = frame.f_back
    # `map(candidate, xs)` is called where its items are asked for, which may be on another line.
    return any(found or lazy)


def key(node):
    """The dotted name of a place, or nothing."""
    while isinstance(node, (ast.Subscript, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = key(node.value)
        return None if base is None else base + "." + node.attr
    return None


class Scope:
    """One function of the test code, or what stands outside of all."""

    def __init__(self, body, programs):
        self.body, self.programs = body, programs
        self.calls, self.sources, self.returned = [], {}, set()
        nodes = [node for statement in body for node in walk(statement)]
        self.given = set()
        for node in nodes:
            if self.is_program_call(node):
                self.calls.append(node)
                self.given |= self.keys_given(node)
        for node in nodes:
            for target, value in bindings(node):
                for name in names_bound(target):
                    self.sources.setdefault(name, []).append(value)
        self.close()
        flagged, looked = self.flagged(nodes), self.looked_at()
        self.kept = [(call, bool(self.origins(self.keys_given(call)) & flagged)
                      and not self.origins(self.keys_given(call)) & looked) for call in self.calls]
        self.passing = [any(self.read(part)[0] for part in self.parts_given(call)) for call in self.calls]

    def is_program(self, node):
        return key(node) in self.programs

    def is_program_call(self, node):
        if not isinstance(node, ast.Call):
            return False
        return self.is_program(node.func) or any(map(self.is_program, node.args))

    def parts_given(self, call):
        return [one for one in call.args if not self.is_program(one)] + [one.value for one in call.keywords]

    def calls_program(self, node):
        return any(map(self.is_program_call, ast.walk(node)))

    def keys_given(self, call):
        return set().union(*[self.keys(part) for part in self.parts_given(call)])

    def keys(self, node):
        """Names that an expression reads."""
        found = set()
        todo = [node]
        while todo:
            node = todo.pop()
            name = key(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
            if name is not None:
                found.add(name)
            if not isinstance(node, ast.Lambda):
                todo += [child for child in ast.iter_child_nodes(node)]
        return {name for name in found if name not in self.programs and name != "self"}

    def close(self):
        """What is made of the arguments, what they come from, and what holds something that the program returned."""
        again = True
        while again:
            before = len(self.returned)
            self.returned |= {name for name, values in self.sources.items() if any(self.read(one)[0] for one in values)}
            again = before != len(self.returned)
        self.arguments = set(self.given)
        again = True
        while again:
            before = len(self.arguments)
            for name, values in self.sources.items():
                for returns, free in map(self.read, values):
                    if name in self.arguments:
                        self.arguments |= free
                    if not returns and self.arguments & free:
                        self.arguments.add(name)
            again = before != len(self.arguments)

    def read(self, node):
        """(whether it holds what the program returned, the names it reads beside those given to the program)."""
        if self.is_program_call(node):
            inner = [self.read(part)[0] for part in node.args]
            return True or any(inner), set()
        name = key(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        if name is not None and name in self.programs or name == "self":
            return False, set()
        found = (name in self.returned, {name} if name is not None else set())
        if isinstance(node, ast.Name):
            return found
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self.read_comprehension(node)
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            children.remove(node.func)
        if isinstance(node, ast.Subscript) and not self.calls_program(node.slice):
            # Which item it is does not make it another's.
            children.remove(node.slice)
        for child in children:
            returns, free = self.read(child)
            found = found[0] or returns, found[1] | free
        return found

    def read_comprehension(self, node):
        """The same of a comprehension: what it passes to the program item by item is given, too."""
        bound = {name for one in node.generators for name in names_bound(one.target)}
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner = [self.read(part) for part in parts]
        outer = [self.read(one.iter) for one in node.generators]
        free = set().union(*[one[1] for one in inner]) - bound
        if any(map(self.calls_program, parts)):
            return True, free
        return any(one[0] for one in inner + outer), free.union(*[one[1] for one in outer])

    def origins(self, names):
        """These names, and those that they are made of."""
        found, todo = set(), list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                for value in self.sources.get(name, ()):
                    todo += self.read(value)[1]
        return found

    def sides(self, node):
        """The parts of a node that stand beside one another: names of arguments alone, and whether others are returned."""
        if isinstance(node, ast.Compare):
            if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
                return set(), False
            parts = [node.left, *node.comparators]
            if all(isinstance(part, ast.Tuple) for part in parts):
                pairs = map(self.parted, zip(*[part.elts for part in parts]))
                return next((pair for pair in pairs if all(pair)), (set(), False))
        elif isinstance(node, ast.Tuple):
            # `(candidate(xs), sum(xs))` is an answer and what is expected.
            parts = [part for part in node.elts if self.read(part)[0] or self.works_out(part)]
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif self.is_program(node.func):
            return set(), False
        else:
            method = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            parts = method + [one for one in node.args if not self.is_program(one)]
            parts += [one.value for one in node.keywords]
            if self.is_program_call(node):
                return set(), False
        return self.parted(parts)

    def works_out(self, part):
        """Whether it is more than a view of an argument, or of the part of it that the answer names."""
        slices = [one.slice for one in ast.walk(part) if isinstance(one, ast.Subscript)]
        return isinstance(part, ast.Call) and not is_call_of(part, *Views) and not any(self.read(one)[0] for one in slices)

    def parted(self, parts):
        """Names of arguments that are read without anything returned, and whether anything returned is read without them."""
        alone, returned = set(), False
        for part in parts:
            returns, free = self.read(part)
            mine = free & self.arguments
            if returns and not mine:
                returned = True
            elif mine and not returns:
                alone |= mine
        return alone, returned

    def flagged(self, nodes):
        found = set()
        for node in nodes:
            if isinstance(node, Grouping):
                alone, returned = self.sides(node)
                if returned:
                    found |= self.origins(alone)
        return found

    def stands_beside(self, unit):
        groups = [node for node in walk(unit) if isinstance(node, Grouping)]
        return any(alone and returned for alone, returned in map(self.sides, groups))

    def looked_at(self):
        """Arguments that the test looks at by themselves after a call."""
        found = set()
        for statement in (one for top in self.body for one in walk(top)):
            if isinstance(statement, ast.Assert):
                todo = [statement.test]
            elif isinstance(statement, ast.Expr) and is_check(statement.value):
                todo = [statement.value]
            else:
                continue
            while todo:
                unit = todo.pop()
                if isinstance(unit, ast.BoolOp):
                    # `not xs or got[0] == min(xs)`: what holds for nothing only keeps the other part from failing.
                    if isinstance(unit.op, ast.And) or not any(map(self.stands_beside, unit.values)):
                        todo += unit.values
                    continue
                groups = [node for node in walk(unit) if isinstance(node, Grouping)]
                returns, free = self.read(unit)
                if self.stands_beside(unit) or self.is_program_call(unit) or is_call_of(unit, "isinstance"):
                    continue
                for call in self.calls:
                    if (call.lineno, call.col_offset) < (unit.lineno, unit.col_offset) or returns and call in groups:
                        found |= free & self.keys_given(call)
                        for name in free & self.arguments:
                            late = [value for value in self.sources.get(name, ()) if value.lineno >= call.lineno]
                            found |= set().union(*[self.read(value)[1] for value in late]) & self.keys_given(call)
        return found


def walk(node):
    """The nodes of a statement, without those of functions defined in it."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, Scopes + (ast.ClassDef,)):
            todo += ast.iter_child_nodes(node)


def is_call_of(node, *names):
    return isinstance(node, ast.Call) and (key(node.func) or "").rpartition(".")[2] in names


def is_check(node):
    """Whether it is a call that fails where something does not hold, by its name."""
    name = (key(node.func) or "").rpartition(".")[2].lower() if isinstance(node, ast.Call) else ""
    return any(word in name for word in ("assert", "check", "verify", "expect", "equal"))


def bindings(node):
    """(target, what it is bound to) of a node."""
    if isinstance(node, ast.Assign):
        return [pair for target in node.targets for pair in side_by_side(target, node.value)]
    if isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        return side_by_side(node.target, node.iter)
    return []


def side_by_side(target, value):
    """(target, what it is bound to): of tuples, `zip` and `enumerate` one by one."""
    name = key(value.func) if isinstance(value, ast.Call) else None
    targets = target.elts if isinstance(target, (ast.Tuple, ast.List)) else []
    if isinstance(value, ast.Tuple) and len(targets) == len(value.elts):
        return [pair for one in zip(targets, value.elts) for pair in side_by_side(*one)]
    if name == "zip" and len(targets) == len(value.args):
        return [pair for one in zip(targets, value.args) for pair in side_by_side(*one)]
    if name == "enumerate" and len(targets) == 2 and value.args:
        return side_by_side(targets[1], value.args[0])
    return [(target, value)]


def names_bound(target):
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for one in target.elts for name in names_bound(one)]
    name = key(target)
    return [] if name is None else [name]


def passes_on(function, programs):
    """Whether a function of the tests returns what the program returns, and nothing else."""
    returns = [node.value for statement in function.body for node in walk(statement) if isinstance(node, ast.Return)]
    return bool(returns) and all(isinstance(one, ast.Call) and key(one.func) in programs for one in returns)


def analyse(code):
    """Every call of the program."""
    tree = ast.parse(code)
    entry = PAYLOAD["entry_point"]
    programs = {"candidate", entry, entry.replace("().", "."), entry.rpartition(".")[2]}
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Scopes)}
    again = True
    while again:
        before = len(programs)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and (key(node.value) in programs or is_call_of(node.value, "partial")
                                                 and node.value.args and key(node.value.args[0]) in programs):
                programs.update(name for target in node.targets for name in names_bound(target))
            if isinstance(node, ast.FunctionDef) and passes_on(node, programs):
                programs.update((node.name, "self." + node.name))
            if isinstance(node, ast.Call) and key(node.func) in functions:
                for argument, parameter in zip(node.args, functions[key(node.func)].args.args):
                    if key(argument) in programs:
                        programs.add(parameter.arg)
        again = before != len(programs)
    last = max((getattr(node, "end_lineno", 0) or 0 for node in ast.walk(tree)), default=0)
    bodies = [(tree.body, (0, last))]
    bodies += [(node.body, (node.lineno, node.end_lineno)) for node in ast.walk(tree) if isinstance(node, Scopes)]
    bodies += [(node.body, (node.lineno, node.end_lineno)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    calls = []
    for body, lines in bodies:
        scope = Scope(body, programs)
        calls += [ProgramCall(call.lineno, call.end_lineno, lines, is_kept, passes)
                  for (call, is_kept), passes in zip(scope.kept, scope.passing)]
    return calls
