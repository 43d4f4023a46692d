"""Which node is given what: the one with the least to do for each of its workers, none that has just failed, and none more than
its share. Knows threads; knows neither Ray nor HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["Dispatcher", "Load", "Member", "Place"]

# Seconds that a node rests after a failure, doubled with each that follows it.
REST = 0.2
LONGEST_REST = 10.0
# Programs that a node is given at once: so many batches, or so many for each worker, whichever is more.
BATCHES = 2
PROGRAMS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's server is. `key` is another for each server that was ever started there, `node` is Ray's name of the node,
    `version` is of what the pool was told to serve."""

    key: str
    url: str
    token: str | None
    workers: int
    node: str = ""
    version: int = 0


class Closing(Protocol):
    """What is kept of a node: connections to its server."""

    def abandon(self) -> None:
        """Gives up what is under way there."""

    def close(self) -> None:
        """Closes what is kept open."""


Judge = TypeVar("Judge", bound=Closing)


class Member(Generic[Judge]):
    """A node, and what is known of it here."""

    def __init__(self, place: Place, judge: Judge) -> None:
        self.place, self.judge = place, judge
        # Programs that it has been given and has not answered.
        self.flying = 0
        self.answered = 0
        # Failures since it last answered, and until when it is left alone.
        self.failures = 0
        self.rests_until = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one node has to do, as its callers see it here."""

    place: Place
    flying: int
    answered: int
    failures: int


class Dispatcher(Generic[Judge]):
    """The nodes that are known. Any thread may ask."""

    def __init__(self, connect: Callable[[Place], Judge], batch: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.batch = batch
        self._connect, self._clock = connect, clock
        self._members: dict[str, Member[Judge]] = {}
        self._changed = threading.Condition()

    def update(self, places: Sequence[Place]) -> None:
        """Takes these for all nodes that there are. What is under way on one that is gone is given up."""
        with self._changed:
            there = {place.key: place for place in places}
            gone = [self._members.pop(key) for key in list(self._members) if key not in there]
            for key, place in there.items():
                if key not in self._members:
                    self._members[key] = Member(place, self._connect(place))
            self._changed.notify_all()
        for member in gone:
            member.judge.abandon()
            member.judge.close()

    def close(self) -> None:
        """Knows no node any more."""
        self.update([])

    def places(self) -> list[Place]:
        """Where nodes are."""
        with self._changed:
            return [member.place for member in self._members.values()]

    def loads(self) -> list[Load]:
        """What each has to do."""
        with self._changed:
            return [Load(one.place, one.flying, one.answered, one.failures) for one in self._members.values()]

    def size(self, count: int) -> int:
        """Programs of one request, where so many are asked together: no node should wait for another's end."""
        with self._changed:
            workers = sum(member.place.workers for member in self._members.values())
        return max(1, min(self.batch, -(-count // max(1, workers))))

    def take(self, count: int, avoid: Collection[str] = (), patience: float = 0.0) -> Member[Judge] | None:
        """The node to give `count` programs to, counted as given; none where all are full or rest for as long as that. Those to
        `avoid` are taken where there is no other."""
        until = self._clock() + patience
        with self._changed:
            while True:
                chosen = self._best(count, avoid) or self._best(count, ())
                if chosen is not None:
                    chosen.flying += count
                    return chosen
                now = self._clock()
                if now >= until:
                    return None
                # One that rests says nothing when it has rested enough.
                resting = [one.rests_until for one in self._members.values() if one.rests_until > now]
                self._changed.wait(max(0.001, min([until, now + 1.0, *resting]) - now))

    def _best(self, count: int, avoid: Collection[str]) -> Member[Judge] | None:
        now = self._clock()
        able = [
            member
            for member in self._members.values()
            if member.place.key not in avoid
            and member.rests_until <= now
            and (member.flying == 0 or member.flying + count <= self._share(member))
        ]
        return min(able, key=lambda one: (one.flying / one.place.workers, one.failures, one.answered), default=None)

    def _share(self, member: Member[Judge]) -> int:
        return max(BATCHES * self.batch, PROGRAMS * member.place.workers)

    def give(self, member: Member[Judge], count: int) -> None:
        """Counts these as given to a node that was not chosen here."""
        with self._changed:
            member.flying += count

    def back(self, member: Member[Judge], count: int, *, answered: int, failed: bool) -> None:
        """What became of `count` programs that a node was given: how many it answered, and whether it failed as a whole, after
        which it rests."""
        with self._changed:
            member.flying -= count
            member.answered += answered
            if failed:
                member.failures += 1
                pause = min(LONGEST_REST, REST * 2 ** min(member.failures - 1, 8))
                member.rests_until = self._clock() + pause
            else:
                member.failures = 0
            self._changed.notify_all()
