import ast
import builtins
import sys
import warnings

source = sys.stdin.read()
found = []


def note(node, words):
    found.append((getattr(node, "lineno", 0), words))


with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        tree = compile(source, "program", "exec", ast.PyCF_ONLY_AST)
        compile(source, "program", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        print("0: does not compile:", type(error).__name__)
        sys.exit()
for warning in told:
    found.append((warning.lineno, str(warning.message)))

stored, loaded, imported = set(), set(), []
star = False
for node in ast.walk(tree):
    if isinstance(node, ast.Name):
        (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        stored.add(node.name)
    elif isinstance(node, ast.arg):
        stored.add(node.arg)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        stored.add(node.name)
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        stored.update(node.names)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for name in node.names:
            if name.name == "*":
                star = True
                note(node, "imports everything of " + (getattr(node, "module", None) or "."))
            else:
                given = name.asname or name.name.split(".")[0]
                stored.add(given)
                if getattr(node, "module", None) != "__future__":
                    imported.append((node, given))
    # Patterns of `match` give names, too.
    for field in ("name", "rest"):
        given = getattr(node, field, None)
        if type(node).__name__ in ("MatchAs", "MatchStar", "MatchMapping") and isinstance(given, str):
            stored.add(given)

exported = {
    item.value
    for node in ast.walk(tree)
    if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    for item in ast.walk(node.value)
    if isinstance(item, ast.Constant) and isinstance(item.value, str)
}
for node, given in imported:
    if given not in loaded and given not in exported:
        note(node, "imports " + given + " and does not use it")

known = stored | set(dir(builtins)) | {"__file__", "__name__", "__doc__", "__annotations__", "__builtins__", "__class__", "__module__", "__qualname__"}
seen = set()
for node in ast.walk(tree):
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not star and node.id not in known and node.id not in seen:
        seen.add(node.id)
        note(node, "uses " + node.id + ", which nothing defines")
    elif isinstance(node, ast.ExceptHandler) and node.type is None:
        note(node, "catches every exception without naming one")
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        for default in node.args.defaults + [value for value in node.args.kw_defaults if value]:
            if isinstance(default, (ast.List, ast.Dict, ast.Set)):
                note(default, "has a default that all calls share")
    elif isinstance(node, ast.Compare):
        for operator, right in zip(node.ops, node.comparators):
            if isinstance(operator, (ast.Eq, ast.NotEq)) and isinstance(right, ast.Constant) and right.value is None:
                note(node, "compares with None by equality")
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            for one, after in zip(block, block[1:]):
                if isinstance(one, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                    note(after, "can't be reached")
                    break

for line, words in sorted(set(found)):
    print(str(line) + ": " + words)
