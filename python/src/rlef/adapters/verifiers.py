"""verifiers (0.4): a taskset of the problems that a judge serves. A judge that failed is an error of the episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import verifiers.v1 as vf

from rlef.errors import InfrastructureError
from rlef.process import shared, shared_async

__all__ = ["RlefConfig", "RlefData", "RlefTask", "RlefTaskset"]


class RlefData(vf.TaskData):  # type: ignore[misc]
    """One problem."""

    problem_id: str
    problem_set: str | None = None


class RlefTask(vf.Task[RlefData]):  # type: ignore[misc]
    """Graded by the problem's tests."""

    @vf.reward  # type: ignore[untyped-decorator]
    async def solved(self, trace: Any) -> float:
        """1 or -1 by all tests. The share of tests passed is the metric `passed`, told here: a program is judged once."""
        verdict = await shared_async().judge(
            problem_id=self.data.problem_id,
            set=self.data.problem_set,
            completion=trace.last_reply,
            feedback="none",
        )
        if verdict.reward is None:
            raise InfrastructureError(f"nothing is known of the program: {verdict.verdict}", verdict.verdict)
        trace.record_metric("passed", verdict.passed / max(1, verdict.total))
        return verdict.reward


class RlefConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which of the problems."""

    problem_set: str | None = None


class RlefTaskset(vf.Taskset[RlefTask, RlefConfig]):  # type: ignore[misc]
    """The problems that are served, each with the prompt that RLEF's episodes begin with."""

    def load(self) -> Iterator[RlefTask]:
        judge = shared()
        for summary in judge.problems():
            if self.config.problem_set not in (None, summary["set"]):
                continue
            shown = judge.problem(summary["id"], summary["set"])
            yield RlefTask(
                RlefData(
                    id=f"{summary['set']}/{summary['id']}",
                    name=summary["id"],
                    prompt=shown["prompt"],
                    problem_id=summary["id"],
                    problem_set=summary["set"],
                )
            )
