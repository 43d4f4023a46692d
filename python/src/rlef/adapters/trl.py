"""TRL (1.16): a reward function, and a rollout of several turns in which feedback is not learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rlef.episode import Episode
from rlef.errors import InfrastructureError
from rlef.judge import Judge
from rlef.problem import problem_fields
from rlef.results import Step
from rlef.process import shared

__all__ = ["reward", "rollout"]

# Key under which a rollout hands its rewards to the reward function.
REWARD = "rlef_reward"

# What an episode that ends unsolved is worth at its end.
FAILED = -1.0

# Ids of prompts → for each the ids of an answer and their log-probabilities.
Generate = Callable[[list[list[int]], Any], list[tuple[list[int], list[float]]]]


def text_of(completion: Any) -> str:
    """What was said, of a text or of messages."""
    return completion if isinstance(completion, str) else "".join(message["content"] or "" for message in completion)


def reward(judge: Judge | None = None, column: str = "problem") -> Callable[..., list[float | None]]:
    """A reward function: 1 or -1 by the problem in this column of the data set, `None`, which TRL leaves out of the group's
    mean, where the judge failed. What a rollout has judged is not judged again."""

    def rlef_reward(prompts: Any, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        if REWARD in columns:
            return list(columns[REWARD])
        items = [
            {**problem_fields(label), "completion": text_of(said), "feedback": "none", "stop": "first_failure"}
            for said, label in zip(completions, columns[column], strict=True)
        ]
        return (judge or shared()).rewards(items)

    return rlef_reward


class Play:
    """One episode by token ids: the prompt's, and what followed, of which the mask says what the policy wrote."""

    def __init__(self, episode: Episode | None, prompt_ids: list[int]) -> None:
        self.episode, self.prompt_ids = episode, prompt_ids
        self.ids: list[int] = []
        self.log_probs: list[float] = []
        self.mask: list[int] = []
        self.reward: float | None = None

    def add(self, ids: list[int], log_probs: list[float], own: int) -> None:
        self.ids += ids
        self.log_probs += log_probs
        self.mask += [own] * len(ids)


def rollout(
    generate: Generate,
    problem_of: Callable[[Any], Any],
    *,
    judge: Judge | None = None,
    turns: int = 3,
    style: str = "full",
    max_completion_tokens: int = 4096,
    between: Callable[[Any, str, int | None], list[int]] | None = None,
    first: Callable[[Any, Any], list[int]] | None = None,
    threads: int = 16,
) -> Callable[[list[Any], Any], dict[str, Any]]:
    """A `rollout_func`. `generate(ids of prompts, trainer)` samples; `problem_of(prompt)` names the problem of a prompt, as a
    data set's row would. `between(tokenizer, feedback, last id)` gives the ids that stand between an answer and the next,
    `first(tokenizer, prompt)` those of a prompt; without them the tokenizer's chat template does. Ids that were sampled are never written anew from text."""
    between, first = between or feedback_ids, first or prompt_ids

    def opened(prompt: Any, trainer: Any) -> Play:
        ids = first(trainer.processing_class, prompt)
        try:
            label = problem_of(prompt)
            return Play((judge or shared()).episode(**problem_fields(label), turns=turns, style=style), ids)
        except InfrastructureError:
            return Play(None, ids)

    def rollout_func(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        tokenizer = trainer.processing_class
        with ThreadPoolExecutor(threads) as pool:
            plays = list(pool.map(lambda prompt: opened(prompt, trainer), prompts))
            # Who lost the judge is sampled once, for the trainer wants an answer of everybody.
            going = plays
            while going:
                said = generate([play.prompt_ids + play.ids for play in going], trainer)
                for play, (ids, log_probs) in zip(going, said, strict=True):
                    play.add(list(ids), list(log_probs), 1)
                texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids, _ in said]
                steps = list(pool.map(step, going, texts))
                going = [play for play, taken in zip(going, steps, strict=True) if goes_on(play, taken, tokenizer)]
            for play in plays:
                if play.episode is not None:
                    play.episode.close()
        return {
            "prompt_ids": [play.prompt_ids for play in plays],
            "completion_ids": [play.ids for play in plays],
            "logprobs": [play.log_probs for play in plays],
            "env_mask": [play.mask for play in plays],
            REWARD: [play.reward for play in plays],
        }

    def goes_on(play: Play, taken: Step | None, tokenizer: Any) -> bool:
        if taken is None:
            return False
        if taken.done:
            play.reward = None if taken.rewards is None else sum(taken.rewards)
            return False
        ids = between(tokenizer, taken.observation or "", play.ids[-1] if play.ids else None)
        if len(play.ids) + len(ids) >= max_completion_tokens:
            # No room for another answer: it ends here, and a public test fails.
            play.reward = None if taken.rewards is None else sum(taken.rewards[:-1]) + FAILED
            return False
        play.add(ids, [0.0] * len(ids), 0)
        return True

    return rollout_func


def step(play: Play, text: str) -> Step | None:
    if play.episode is None:
        return None
    try:
        return play.episode.step(text)
    except InfrastructureError:
        play.reward = None
        return None


def prompt_ids(tokenizer: Any, prompt: Any) -> list[int]:
    """Ids of a first message."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    return list(ids)


def feedback_ids(tokenizer: Any, feedback: str, last: int | None) -> list[int]:
    """Ids of a message in the middle: what the template puts behind an answer's words, the end of the answer among it unless
    it was sampled itself, as `last`."""
    before = [{"role": "user", "content": "x"}]
    begun = tokenizer.apply_chat_template(before, add_generation_prompt=True, tokenize=False) + "y"
    said = [*before, {"role": "assistant", "content": "y"}, {"role": "user", "content": feedback}]
    whole = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    if not whole.startswith(begun):
        raise ValueError("this chat template rewrites what was said before; give rollout(between=...) the ids itself")
    ids = list(tokenizer.encode(whole[len(begun) :], add_special_tokens=False))
    return ids[1:] if ids and ids[0] == last else ids
