"""Episodes on a pool: one node has each, and where it is lost, another is told what was said and goes on."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, TypeVar

from rlef.episode import Episode
from rlef.errors import InfrastructureError, ReplyLostError, RlefError
from rlef.judge import Judge
from rlef.results import Step

if TYPE_CHECKING:
    from rlef.ray.client import PoolClient
    from rlef.ray.dispatch import Member

__all__ = ["AsyncPoolEpisode", "PoolEpisode"]

# Nodes that an episode is begun on at most.
NODES = 4
Self = TypeVar("Self")


class OtherwiseError(InfrastructureError):
    """An episode that can't be repeated, which no other node will mend."""


class PoolEpisode:
    """As `rlef.Episode`. An episode is its problem and the answers that were given, so that any node can repeat it."""

    def __init__(self, pool: PoolClient, fields: dict[str, Any]) -> None:
        self._pool, self._fields = pool, fields
        self._steps: list[tuple[str, Step]] = []
        self._closed = False
        self._member, episode = self._opened()
        self._episode = episode
        self.id, self.problem_id, self.observation = episode.id, episode.problem_id, episode.observation

    def _opened(self) -> tuple[Member[Judge], Episode]:
        """Begins on a node that has least to do, and repeats there what was said."""

        def opens(judge: Judge) -> tuple[Episode, int | None]:
            episode = judge.episode(**self._fields)
            for completion, before in self._steps:
                again = episode.step(completion)
                if (again.observation, again.reward, again.done) != (before.observation, before.reward, before.done):
                    return episode, again.turn
            return episode, None

        for node in range(NODES):
            try:
                member, (episode, other) = self._pool.on_a_node(1, opens)
            except ReplyLostError:
                if node + 1 == NODES:
                    raise
                continue
            if other is not None:
                raise OtherwiseError(
                    f"turn {other} of an episode of {episode.problem_id} was judged otherwise when it was repeated on another"
                    " node, after the first was lost: nothing is known of it"
                )
            return member, episode
        raise AssertionError("the last node's error is raised")

    def step(self, completion: str) -> Step:
        """Answers, and hears what became of it. After an `InfrastructureError` the same answer may be given again."""
        for node in range(NODES):
            try:
                if node:
                    self._member, self._episode = self._opened()
                step: Step = self._pool.at(self._member, lambda _: self._episode.step(completion))
            except InfrastructureError as error:
                if isinstance(error, OtherwiseError) or node + 1 == NODES:
                    raise
            except RlefError as error:
                # A server that was started again, or has forgotten it: it knows no such episode.
                if error.kind != "not_found" or node + 1 == NODES:
                    raise
            else:
                self._steps.append((completion, step))
                return step
        raise AssertionError("the last node's error is raised")

    def close(self) -> None:
        """Forgets it."""
        if not self._closed:
            self._closed = True
            self._episode.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncPoolEpisode:
    """The same for an event loop."""

    def __init__(self, pool: PoolClient, episode: PoolEpisode) -> None:
        self._pool, self._episode = pool, episode
        self.id, self.problem_id, self.observation = episode.id, episode.problem_id, episode.observation

    async def step(self, completion: str) -> Step:
        """As `PoolEpisode.step`."""
        asked = self._pool.submit(functools.partial(self._episode.step, completion))
        return await asyncio.wrap_future(asked)

    async def close(self) -> None:
        """As `PoolEpisode.close`."""
        await asyncio.wrap_future(self._pool.submit(self._episode.close))

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
