"""References of a set → programs of which most are wrong: one operator, number, comparison or result is changed."""

import ast
import random

SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Div: ast.FloorDiv,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}


def places(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in SWAPPED:
            yield node, "op"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
            yield node, "ops"
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield node, "value"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node, "return"


def mutant(source, draw):
    """One change to a source, or nothing where there is no place for one."""
    tree = ast.parse(source)
    found = list(places(tree))
    if not found:
        return None
    node, what = draw.choice(found)
    if what == "op":
        node.op = SWAPPED[type(node.op)]()
    elif what == "ops":
        node.ops[0] = SWAPPED[type(node.ops[0])]()
    elif what == "value":
        node.value += draw.choice([-1, 1])
    else:
        wrap = draw.choice(["list", "tuple", "str", "float", "int", "bool"])
        node.value = ast.Call(func=ast.Name(id=wrap, ctx=ast.Load()), args=[node.value], keywords=[])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def programs(source, draw: random.Random, count):
    """The source itself and some mutants that are different from it."""
    yield source
    plain = ast.unparse(ast.parse(source)) + "\n"
    for _ in range(count):
        changed = mutant(source, draw)
        if changed and changed != plain:
            yield changed
