"""verl's agent loop: an episode of RLEF. What was sampled is handed on as ids; feedback is appended, and masked."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import torch
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput

from rlef.adapters.verl import problem_of
from rlef.advantage import turns_of
from rlef.errors import InfrastructureError
from rlef.process import shared_async

__all__ = ["RlefAgentLoop", "TurnRewards", "placed"]

log = logging.getLogger(__name__)

TURNS = 3
# What an episode that ends unsolved is worth at its end.
FAILED = -1.0


def placed(rewards: list[float], mask: list[int]) -> list[float]:
    """Rewards of turns, each on the last token of its own; of a turn without a token that is left, on the last one before."""
    row, turns = [0.0] * len(mask), turns_of(mask)
    for number, reward in enumerate(rewards):
        if turns:
            row[turns[min(number, len(turns) - 1)][1] - 1] += reward
    return row


class TurnRewards(AgentLoopOutput):  # type: ignore[misc]
    """An output whose rewards lie where its turns end, rather than all on the last token."""

    turn_rewards: list[float] = []

    def as_dict(self) -> dict[str, Any]:
        output: dict[str, Any] = super().as_dict()
        output.pop("turn_rewards", None)
        row = placed(self.turn_rewards, output["response_mask"].tolist())
        output["rm_scores"] = torch.tensor(row, dtype=torch.float32)
        return output


class RlefAgentLoop(AgentLoopBase):  # type: ignore[misc]
    """Plays one episode: rows name their problem as `rlef.adapters.verl.problem_of` says. Turns are as many as
    `multi_turn.max_assistant_turns` says, else 3."""

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> Any:
        room = self.rollout_config.response_length
        turns = self.rollout_config.multi_turn.max_assistant_turns or TURNS
        try:
            episode = await shared_async().episode(**problem_of(row), turns=turns)
        except InfrastructureError as error:
            return lost(error)
        messages = list(row["raw_prompt"])
        ids: list[int] = await self.ct_build_initial_tokens(messages)
        mask: list[int] = []
        log_probs: list[float] | None = None
        metrics, request, played = AgentLoopMetrics(), uuid4().hex, 0
        rewards: list[float] | None = None
        extra: dict[str, Any] = {}
        async with episode:
            while True:
                said = await self.server_manager.generate(
                    request_id=request, prompt_ids=ids, sampling_params=sampling_params
                )
                extra = {**extra, **said.extra_fields}
                merged, mask, log_probs = await self.ct_merge_assistant_token(
                    ids, said.token_ids, mask, log_probs if mask else ([] if said.log_probs else None), said.log_probs
                )
                ids, played = merged.token_ids, played + 1
                text = self.tokenizer.decode(said.token_ids, skip_special_tokens=True)
                try:
                    step = await episode.step(text)
                except InfrastructureError as error:
                    return lost(error)
                rewards = None if step.rewards is None else list(step.rewards)
                if step.done:
                    break
                before = [*messages, {"role": "assistant", "content": text}]
                messages = [*before, {"role": "user", "content": step.observation}]
                merged, grown, more = await self.ct_merge_context_msg(before, messages, ids, mask, log_probs)
                if len(grown) >= room:
                    # No room for another answer: it ends here, and a public test fails.
                    rewards = None if rewards is None else [*rewards[:-1], FAILED]
                    break
                ids, mask, log_probs = merged.token_ids, grown, more
        if rewards is None:
            return lost(InfrastructureError("nothing is known of the program"))
        count = len(mask)
        return TurnRewards(
            prompt_ids=ids[: len(ids) - count],
            response_ids=ids[len(ids) - count :][:room],
            response_mask=mask[:room],
            response_logprobs=log_probs[:room] if log_probs else None,
            reward_score=sum(rewards),
            num_turns=2 * played,
            metrics=metrics,
            turn_rewards=rewards,
            extra_fields={
                **extra,
                "turn_scores": rewards,
                "tool_rewards": [],
                "reward_extra_info": {"score": sum(rewards), "solved": float(rewards[-1] > 0)},
            },
        )


def lost(error: InfrastructureError) -> list[Any]:
    """No output at all: verl leaves the episode out of its group."""
    log.warning("an episode is left out, for the judge failed: %s", error)
    return []
