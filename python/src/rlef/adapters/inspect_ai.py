"""inspect_ai (0.3): a scorer by a problem's tests. A judge that fails makes the sample an error, without a score."""

from __future__ import annotations

from typing import Any

from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, scorer, stderr

from rlef.errors import InfrastructureError
from rlef.judge import AsyncJudge
from rlef.problem import problem_fields
from rlef.process import shared_async

__all__ = ["passes_tests"]


@scorer(metrics=[accuracy(), stderr()])  # type: ignore[untyped-decorator]
def passes_tests(judge: AsyncJudge | None = None, metadata: str | None = None) -> Any:
    """`C` where the answer's program passes all tests, else `I`. The problem is named by the sample's target, or by this field
    of its metadata."""

    async def score(state: Any, target: Any) -> Any:
        label = target.text if metadata is None else state.metadata[metadata]
        asked = judge or shared_async()
        verdict = await asked.judge(**problem_fields(label), completion=state.output.completion)
        if verdict.reward is None:
            raise InfrastructureError(f"nothing is known of the program: {verdict.verdict}", verdict.verdict)
        return Score(
            value=CORRECT if verdict.accepted else INCORRECT,
            answer=state.output.completion,
            explanation=verdict.feedback or verdict.verdict,
            metadata={"verdict": verdict.verdict, "passed": verdict.passed, "total": verdict.total},
        )

    return score
