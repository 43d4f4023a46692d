"""Episodes that were opened: for threads, and for an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from rlef import wire
from rlef.errors import ReplyLostError, RlefError
from rlef.results import Step
from rlef.wire import Ask

if TYPE_CHECKING:
    from rlef.judge import AsyncJudge, Judge

__all__ = ["AsyncEpisode", "Episode"]

Self = TypeVar("Self")


class Opened:
    """What both kinds know of their episode."""

    def __init__(self, episode_id: str, problem_id: str, observation: str) -> None:
        self.id, self.problem_id, self.observation = episode_id, problem_id, observation
        # Turns that the server is known to have taken.
        self._turns = 0

    def _step_ask(self, completion: str) -> Ask:
        # The server takes the answer of a turn once, however often it is sent.
        return Ask("POST", wire.path_of("episodes", self.id, "steps"), {"completion": completion, "turn": self._turns})

    def _close_ask(self) -> Ask:
        return Ask("DELETE", wire.path_of("episodes", self.id))

    def _stepped(self, said: Any) -> Step:
        step = Step.of(said)
        self._turns = step.turn
        return step


class Episode(Opened):
    """One play of one problem: `observation` is what the policy is told first."""

    def __init__(self, judge: Judge, episode_id: str, problem_id: str, observation: str) -> None:
        super().__init__(episode_id, problem_id, observation)
        self._judge = judge

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def step(self, completion: str) -> Step:
        """Answers, and hears what became of it. After an `InfrastructureError` the same answer may be given again: it is one
        step, whether or not the server had taken it before."""
        ask = self._step_ask(completion)
        try:
            said = self._judge.ask(ask)
        except ReplyLostError:
            said = self._judge.ask(ask)
        return self._stepped(said)

    def close(self) -> None:
        """Forgets it; one that is left open is forgotten in time, too."""
        try:
            self._judge.ask(self._close_ask())
        except RlefError:
            pass


class AsyncEpisode(Opened):
    """As `Episode`."""

    def __init__(self, judge: AsyncJudge, episode_id: str, problem_id: str, observation: str) -> None:
        super().__init__(episode_id, problem_id, observation)
        self._judge = judge

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def step(self, completion: str) -> Step:
        """As `Episode.step`."""
        ask = self._step_ask(completion)
        try:
            said = await self._judge.ask(ask)
        except ReplyLostError:
            said = await self._judge.ask(ask)
        return self._stepped(said)

    async def close(self) -> None:
        """As `Episode.close`."""
        try:
            await self._judge.ask(self._close_ask())
        except RlefError:
            pass
