"""SkyRL-Gym: an episode of RLEF as a `BaseTextEnv`, with a reward for each turn."""

from __future__ import annotations

from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from rlef.episode import Episode
from rlef.problem import problem_fields
from rlef.results import Step
from rlef.process import shared

__all__ = ["RlefEnv", "register"]

NAME = "rlef"


class RlefEnv(BaseTextEnv):  # type: ignore[misc]
    """The problem is `extras["problem"]`, else the ground truth of `extras["reward_spec"]`; turns are `extras["max_turns"]`, else
    3. A judge that failed, or that knows nothing of the program, is raised as `InfrastructureError`: there is no place for it
    in a step, and it is no reward."""

    def __init__(self, env_config: Any = None, extras: dict[str, Any] | None = None) -> None:
        super().__init__()
        extras = extras or {}
        label = extras.get("problem")
        if label is None:
            label = (extras.get("reward_spec") or {}).get("ground_truth")
        self.fields = problem_fields(label)
        self.max_turns = int(extras.get("max_turns") or 3)
        self.episode: Episode | None = None
        self.last: Step | None = None

    def init(self, prompt: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """Opens the episode. An empty prompt is taken from the problem."""
        self.episode = shared().episode(**self.fields, turns=self.max_turns)
        prompt = prompt or [{"role": "user", "content": self.episode.observation}]
        return prompt, {"problem_id": self.episode.problem_id}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Judges an answer by the public tests; the last by all."""
        if self.episode is None:
            raise RuntimeError("the environment has no episode: call init first")
        self.turns += 1
        self.last = step = self.episode.step(action)
        said = [] if step.done or step.observation is None else [{"role": "user", "content": step.observation}]
        return BaseTextEnvStepOutput(
            observations=said,
            reward=step.earned(),
            done=step.done,
            metadata={"verdict": step.judged.verdict, "passed": step.judged.passed},
        )

    def get_metrics(self) -> dict[str, Any]:
        """Whether it is solved, and in how many turns."""
        outcome = self.last.outcome if self.last else None
        return {"solved": float(bool(outcome and outcome.accepted)), "turns": self.turns}

    def close(self) -> None:
        """Forgets the episode."""
        if self.episode is not None:
            self.episode.close()


def register() -> None:
    """Makes it known as `rlef`."""
    from skyrl_gym.envs.registration import register as register_env

    register_env(id=NAME, entry_point="rlef.adapters.skyrl:RlefEnv")
