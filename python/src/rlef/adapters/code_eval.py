"""The call of Hugging Face's `code_eval` metric: pass@k of programs by test code, run where they can do no harm."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from math import prod
from typing import Any

from rlef.errors import InfrastructureError, RequestError, RlefError
from rlef.judge import Judge
from rlef.results import Verdict
from rlef.process import shared

__all__ = ["CodeEval", "pass_at_k"]


def pass_at_k(count: int, correct: int, k: int) -> float:
    """The chance that one of k programs, drawn of `count`, is among the correct ones (Chen et al. 2021)."""
    if count - correct < k:
        return 1.0
    return 1.0 - prod(1.0 - k / drawn for drawn in range(count - correct + 1, count + 1))


def function_of(reference: str) -> str:
    """The function that test code calls without defining it."""
    try:
        tree = ast.parse(reference)
    except SyntaxError as error:
        raise RequestError(f"a reference is no Python: {error}", "request") from None
    nodes = list(ast.walk(tree))
    defined = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    defined |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)} | set(dir(builtins))
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {(name.asname or name.name).split(".")[0] for name in node.names}
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    wanted = sorted(used - defined)
    if len(wanted) != 1:
        found = ", ".join(wanted) or "none"
        raise RequestError(f"expected a reference that calls one function of the program's, found {found}", "request")
    return wanted[0]


class CodeEval:
    """`CodeEval().compute(references=[...], predictions=[[...], ...], k=[1, 10])`, as `evaluate.load("code_eval")` gives it.
    A judge that failed raises an exception, because pass@k needs every verdict."""

    def __init__(self, judge: Judge | None = None) -> None:
        self.judge = judge

    def compute(
        self,
        references: Sequence[str],
        predictions: Sequence[Sequence[str]],
        k: Sequence[int] = (1, 10, 100),
        timeout: float = 3.0,
        **_: Any,
    ) -> tuple[dict[str, float], dict[int, list[tuple[int, dict[str, Any]]]]]:
        """pass@k for those k that there are programs enough for, and what became of each program."""
        limits = {"cpu_ms": int(timeout * 1000), "wall_ms": int(timeout * 3000)}
        items, places = [], []
        for task, (reference, programs) in enumerate(zip(references, predictions, strict=True)):
            test = {"kind": "asserted", "entry_point": function_of(reference), "code": reference}
            problem = {"id": f"task-{task}", "statement": "", "private_tests": [test], "limits": limits}
            for number, program in enumerate(programs):
                items.append({"problem": problem, "program": program, "feedback": "none"})
                places.append((task, number))
        results: dict[int, list[tuple[int, dict[str, Any]]]] = {task: [] for task in range(len(references))}
        for (task, number), said in zip(places, (self.judge or shared()).batch(items), strict=True):
            results[task].append((number, row_of(task, number, said)))
        return self.shares(results, k), results

    @staticmethod
    def shares(results: dict[int, list[tuple[int, dict[str, Any]]]], k: Sequence[int]) -> dict[str, float]:
        counts = [(len(rows), sum(row["passed"] for _, row in rows)) for rows in results.values()]
        enough = [one for one in k if counts and all(count >= one for count, _ in counts)]
        return {f"pass@{one}": sum(pass_at_k(*each, one) for each in counts) / len(counts) for one in enough}


def row_of(task: int, number: int, said: Verdict | RlefError) -> dict[str, Any]:
    if isinstance(said, RlefError):
        raise said
    if said.reward is None:
        raise InfrastructureError(f"nothing is known of program {number} of task {task}: {said.verdict}", said.verdict)
    words = {"accepted": "passed", "time_limit": "timed out"}.get(said.verdict, f"failed: {said.verdict}")
    return {"task_id": task, "passed": said.accepted, "result": words, "completion_id": number}
