"""What the judge says, as values. `raw` is the whole answer, also what a later version may add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlef.errors import InfrastructureError

__all__ = ["Failure", "Step", "Usage", "Verdict"]

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """What it cost: CPU and wall milliseconds of all tests, instructions burnt under WebAssembly, and what ran it."""

    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    fuel: int | None = None
    isolation: str | None = None

    @classmethod
    def of(cls, said: Json) -> Usage:
        return cls(said["cpu_ms"], said["wall_ms"], said.get("fuel"), said.get("isolation"))


@dataclass(frozen=True, slots=True)
class Failure:
    """A failing test. Of a private test of a served problem only the first three are known."""

    test: int
    public: bool
    verdict: str
    input: str | None = None
    expected: str | None = None
    got: str | None = None
    trace: str | None = None

    @classmethod
    def of(cls, said: Json) -> Failure:
        more = (said.get(name) for name in ("input", "expected", "got", "trace"))
        return cls(said["test"], said["public"], said["verdict"], *more)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a program. `reward` is 1 or -1, and `None` where nothing is known of the program; `found` is how an
    answer's program was found (`rule`, and which `block` `of` how many); `scores` are those of judges beside the tests."""

    problem_id: str
    verdict: str
    accepted: bool
    passed: int
    total: int
    first_failure: Failure | None
    feedback: str | None
    reward: float | None
    found: Json | None
    scores: tuple[Json, ...]
    usage: Usage
    raw: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, said: Json, problem_id: str | None = None) -> Verdict:
        failure = said.get("first_failure")
        return cls(
            problem_id=said.get("problem_id", problem_id or ""),
            verdict=said["verdict"],
            accepted=said["accepted"],
            passed=said["passed"],
            total=said["total"],
            first_failure=Failure.of(failure) if failure else None,
            feedback=said.get("feedback"),
            reward=said.get("reward"),
            found=said.get("program"),
            scores=tuple(said.get("scores") or ()),
            usage=Usage.of(said["usage"]),
            raw=said,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a turn's answer. `observation` is what is said next, `None` once it is over; `judged` is by the public
    tests, `outcome`, once it is over, by all. `rewards` are those of all turns so far, `None` where the episode must not be
    learnt from."""

    turn: int
    turns: int
    done: bool
    stop_reason: str | None
    observation: str | None
    reward: float | None
    rewards: tuple[float, ...] | None
    judged: Verdict
    outcome: Verdict | None
    raw: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, said: Json) -> Step:
        problem_id, outcome, rewards = said["problem_id"], said.get("outcome"), said.get("rewards")
        return cls(
            turn=said["turn"],
            turns=said["turns"],
            done=said["done"],
            stop_reason=said.get("stop_reason"),
            observation=said.get("observation"),
            reward=said.get("reward"),
            rewards=None if rewards is None else tuple(rewards),
            judged=Verdict.of(said["judged"], problem_id),
            outcome=Verdict.of(outcome, problem_id) if outcome else None,
            raw=said,
        )

    def earned(self) -> float:
        """The turn's reward, for whoever has no place for `None`: raises `InfrastructureError` where the episode must not be
        learnt from."""
        if self.reward is None or self.rewards is None:
            verdict = (self.outcome or self.judged).verdict
            raise InfrastructureError(f"nothing is known of the program: {verdict}", verdict)
        return self.reward
