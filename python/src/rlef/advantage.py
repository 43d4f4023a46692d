"""Advantages by turns, as RLEF has them (arXiv 2410.02089, section 2.2): the return of a turn is the sum of the rewards from it
to the last, its value is read where it begins, and all its tokens have the same advantage. Plain numbers, no framework."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

__all__ = ["turn_advantages", "turns_of"]

Row = list[float]


def turns_of(mask: Sequence[float]) -> list[tuple[int, int]]:
    """Where each turn begins and ends: the runs of tokens that the policy wrote."""
    turns, start = [], None
    for place, own in enumerate(mask):
        if own and start is None:
            start = place
        elif not own and start is not None:
            turns.append((start, place))
            start = None
    if start is not None:
        turns.append((start, len(mask)))
    return turns


def turn_advantages(
    rewards: Sequence[Sequence[float]],
    mask: Sequence[Sequence[float]],
    values: Sequence[Sequence[float]] | None = None,
    *,
    normalise: bool = True,
) -> tuple[list[Row], list[Row]]:
    """Advantages and returns of each token of each row, 0 where the policy wrote none.

    `rewards` lie on the tokens that they were given for, or on any up to the next turn; `mask` says which tokens are the
    policy's; `values` are what the critic says before each token, none for a baseline of 0. With `normalise` the advantages of
    all turns together are brought to mean 0 and (biased) deviation 1."""
    spans, raw, sums = [], [], []
    for row, own in enumerate(mask):
        turns = turns_of(own)
        rest = 0.0
        found: list[tuple[float, float]] = []
        for number in range(len(turns) - 1, -1, -1):
            start = turns[number][0] if number else 0
            end = turns[number + 1][0] if number + 1 < len(turns) else len(own)
            rest += sum(rewards[row][start:end])
            value = 0.0 if values is None else values[row][turns[number][0]]
            found.append((rest - value, rest))
        found.reverse()
        spans += [(row, start, end) for start, end in turns]
        raw += [advantage for advantage, _ in found]
        sums += [total for _, total in found]
    if normalise and raw:
        mean = sum(raw) / len(raw)
        deviation = sqrt(sum((one - mean) ** 2 for one in raw) / len(raw))
        raw = [(one - mean) / (deviation + 1e-8) for one in raw]
    advantages = [[0.0] * len(own) for own in mask]
    returns = [[0.0] * len(own) for own in mask]
    for (row, start, end), advantage, total in zip(spans, raw, sums, strict=True):
        advantages[row][start:end] = [advantage] * (end - start)
        returns[row][start:end] = [total] * (end - start)
    return advantages, returns
