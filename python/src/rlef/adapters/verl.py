"""verl (0.9): `compute_score`, the advantage estimator `rlef`, and the agent loop `rlef`, token in, token out.

`VERL_USE_EXTERNAL_MODULES=rlef.adapters.verl_plugin` has verl take all of it where it starts, in every worker. `compute_score`
alone needs no more than `reward.custom_reward_function.path=pkg://rlef.adapters.verl` and `name=compute_score`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from rlef.advantage import turn_advantages
from rlef.errors import InfrastructureError
from rlef.problem import problem_fields
from rlef.process import shared_async

__all__ = ["compute_score", "install", "problem_of", "rlef_advantage"]

NAME = "rlef"


def problem_of(row: dict[str, Any]) -> dict[str, Any]:
    """Which problem a row is of: its column `problem` or `problem_id`, the same in `extra_info`, else its ground truth."""
    extra = row.get("extra_info") or {}
    for place in (row, extra):
        for name in ("problem", "problem_id"):
            if place.get(name) is not None:
                return problem_fields(place[name])
    return problem_fields((row.get("reward_model") or {}).get("ground_truth"))


async def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: dict[str, Any] | None = None, **_: Any
) -> dict[str, Any]:
    """1 or -1 by all tests. verl has no place for a judge that failed: it is raised, which drops the prompt's group (or, in the
    old trainer, ends the step), and is never a score."""
    row = {"extra_info": extra_info, "reward_model": {"ground_truth": ground_truth}}
    verdict = await shared_async().judge(
        **problem_of(row), completion=solution_str, feedback="none", stop="first_failure"
    )
    if verdict.reward is None:
        raise InfrastructureError(f"nothing is known of the program: {verdict.verdict}", verdict.verdict)
    return {"score": verdict.reward, "acc": verdict.accepted, "verdict": verdict.verdict}


def rlef_advantage(
    token_level_rewards: Any, response_mask: Any, values: Any = None, config: Any = None, **_: Any
) -> tuple[Any, Any]:
    """RLEF's estimator over tensors: see `rlef.turn_advantages`. Without a critic the baseline is 0."""
    rewards, mask = token_level_rewards.tolist(), response_mask.tolist()
    baseline = None if values is None else values.tolist()
    advantages, returns = turn_advantages(rewards, mask, baseline)
    new = token_level_rewards.new_tensor
    return new(advantages), new(returns)


def install() -> None:
    """Tells verl of all three. Its registry of estimators hands over no values, so they are taken where it computes
    advantages: in `compute_advantage`, for this estimator alone."""
    core = importlib.import_module("verl.trainer.ppo.core_algos")
    core.register_adv_est(NAME)(rlef_advantage)
    trainer = importlib.import_module("verl.trainer.ppo.ray_trainer")
    old = trainer.compute_advantage
    if not hasattr(old, "of_rlef"):
        wrapped = with_values(old)
        setattr(trainer, "compute_advantage", wrapped)
        # Those that took it by name before.
        for module in list(sys.modules.values()):
            name = getattr(module, "__name__", "")
            if name.startswith("verl.") and getattr(module, "compute_advantage", None) is old:
                setattr(module, "compute_advantage", wrapped)
    agent_loop = importlib.import_module("verl.experimental.agent_loop.agent_loop")
    loop = importlib.import_module("rlef.adapters.verl_loop")
    agent_loop.register(NAME)(loop.RlefAgentLoop)


def with_values(compute_advantage: Callable[..., Any]) -> Callable[..., Any]:
    """`compute_advantage` as it is, but for the estimator `rlef`, which is given the critic's values."""

    def compute(data: Any, adv_estimator: Any, *args: Any, **kwargs: Any) -> Any:
        if str(getattr(adv_estimator, "value", adv_estimator)) != NAME:
            return compute_advantage(data, adv_estimator, *args, **kwargs)
        batch = data.batch
        values = batch["values"] if "values" in batch.keys() else None
        batch["advantages"], batch["returns"] = rlef_advantage(
            batch["token_level_rewards"], batch["response_mask"], values
        )
        return data

    compute.of_rlef = True  # type: ignore[attr-defined]
    return compute
