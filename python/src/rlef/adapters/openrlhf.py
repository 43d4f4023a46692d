"""OpenRLHF (0.11): an agent for `--train.agent_func_path`, which plays one episode of RLEF."""

from __future__ import annotations

from typing import Any

import torch
from openrlhf.utils.agent import AgentInstanceBase, MultiTurnAgentExecutor

from rlef.episode import AsyncEpisode
from rlef.problem import problem_fields
from rlef.process import shared_async

__all__ = ["AgentExecutor", "AgentInstance"]

TURNS = 3


class AgentInstance(AgentInstanceBase):  # type: ignore[misc]
    """The label of a row names its problem. A judge that failed, or that knows nothing of the program, is raised, and is no reward."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.episode: AsyncEpisode | None = None

    async def reset(self, states: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Opens the episode. What is observed is the prompt of the data set, to which its template was applied already."""
        self.episode = await shared_async().episode(**problem_fields(states["label"]), turns=TURNS)
        return {"observation": states["observation"]}

    async def step(self, state_dict: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Judges an answer by the public tests; the last by all."""
        if self.episode is None:
            raise RuntimeError("the agent has no episode: call reset first")
        step = await self.episode.step(state_dict["action_text"])
        if step.done:
            await self.episode.close()
        solved = bool(step.outcome and step.outcome.accepted)
        return {
            "rewards": torch.tensor(step.earned()),
            "scores": torch.tensor(float(solved)),
            "environment_feedback": "" if step.done else self.feedback(step.observation or ""),
            "done": step.done,
            "sampling_params": state_dict.get("sampling_params"),
            "extra_logs": {"turns": torch.tensor(float(step.turn)), "solved": torch.tensor(float(solved))},
        }

    def feedback(self, observation: str) -> str:
        """The text that stands between an answer and the next: the bare words. Override it with the model's own template."""
        return f"\n\n{observation}\n\n"


class AgentExecutor(MultiTurnAgentExecutor):  # type: ignore[misc]
    """What OpenRLHF looks for in the file."""

    def __init__(self) -> None:
        super().__init__(AgentInstance)
