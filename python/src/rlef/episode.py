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
        return Ask("POST", wire.path_of("episodes", self.id, "steps"), {"completion": completion}, again=False)

    def _standing_ask(self) -> Ask:
        return Ask("GET", wire.path_of("episodes", self.id))

    def _close_ask(self) -> Ask:
        return Ask("DELETE", wire.path_of("episodes", self.id))

    def _stepped(self, said: Any) -> Step:
        step = Step.of(said)
        self._turns = step.turn
        return step

    def _lost(self, error: ReplyLostError, standing: Any) -> ReplyLostError:
        """The error, with what the server says of the step whose answer was lost."""
        turns = standing.get("turn") if isinstance(standing, dict) else None
        if not isinstance(turns, int):
            words, taken = "whether the step was taken is not known", None
        elif turns > self._turns:
            words, taken = f"the step was taken as turn {turns}, and what came of it is not said again", True
            self._turns = turns
        else:
            words, taken = f"the step was not taken: the episode stands at turn {turns}", False
        return ReplyLostError(f"{error}; {words}", error.kind, taken)


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
        """Answers, and hears what became of it. After an `InfrastructureError` that the server itself answers with, the episode
        stays as it was. Where its answer was lost, `ReplyLostError.taken` says whether it had taken the step when asked at once:
        `False` where the episode stood as before, `None` where that was not heard, either."""
        try:
            said = self._judge.ask(self._step_ask(completion))
        except ReplyLostError as error:
            raise self._lost(error, self._judge.ask_once(self._standing_ask())) from error
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
        try:
            said = await self._judge.ask(self._step_ask(completion))
        except ReplyLostError as error:
            raise self._lost(error, await self._judge.ask_once(self._standing_ask())) from error
        return self._stepped(said)

    async def close(self) -> None:
        """As `Episode.close`."""
        try:
            await self._judge.ask(self._close_ask())
        except RlefError:
            pass
