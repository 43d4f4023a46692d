"""Questions to a pool: batches to the nodes that have least to do, and what a node has lost to another one. Each question has one
answer, whatever became of the nodes that it was put to. Knows no Ray: where nodes are is told to it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, overload

from rlef import wire
from rlef.errors import InfrastructureError, ReplyLostError, RlefError
from rlef.judge import Item, Judge, Result, batch_ask, checked, reward_of, verdicts
from rlef.ray.dispatch import Dispatcher, Load, Member, Place
from rlef.results import Verdict

__all__ = ["PoolClient"]

# Answers that a program is given up after, where each was that the judge failed; and nodes that may be lost with it. What brings
# down every server that it is put to must not go round for ever.
TRIES = 3
LOSSES = 5
# Requests of one process that are under way at once.
THREADS = 128
# Seconds between looks for nodes, while there is work.
LOOKS = 1.0


class PoolClient:
    """The judge's questions, put to many nodes. Any thread may ask."""

    def __init__(
        self, look: Callable[[], Sequence[Place]], *, batch: int = 16, patience: float = 600.0, timeout: float = 1800.0
    ) -> None:
        """`look` says where nodes are. A request holds `batch` programs at most; a question is put again to other nodes for
        `patience` seconds, and one node is waited for for `timeout` seconds."""
        if batch < 1:
            raise ValueError(f"expected a batch of at least 1, found {batch}")
        self.patience, self._look_for = patience, look
        # A node that is busy or gone is left for another one: waiting is done here.
        self._dispatcher: Dispatcher[Judge] = Dispatcher(
            lambda place: Judge(place.url, token=place.token, patience=0.0, timeout=timeout), batch
        )
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._asking = 0
        self._watching = False
        self._looking = threading.Lock()
        self._looked = 0.0

    # Where nodes are.

    def look(self) -> list[Place]:
        """Looks where nodes are, and says it."""
        asked = time.monotonic()
        with self._looking:
            # Whoever waited for another's look has its result.
            if self._looked < asked:
                self._dispatcher.update(list(self._look_for()))
                self._looked = time.monotonic()
            return self._dispatcher.places()

    def loads(self) -> list[Load]:
        """What this process has put to each node, and what came of it."""
        return self._dispatcher.loads()

    def _watch(self) -> None:
        """Looks again while anything is under way, so that what a lost node has is given up."""
        while True:
            time.sleep(LOOKS)
            with self._lock:
                if self._asking == 0:
                    self._watching = False
                    return
            try:
                self.look()
            except Exception:  # noqa: BLE001 - Ray's own errors; what was known stays, and it is asked again.
                continue

    def __enter__(self) -> PoolClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up what is under way, and closes connections."""
        self._dispatcher.close()
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    # What is asked.

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Has a thread of the pool's do it."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="rlef judges")
            return self._threads.submit(work)

    def judge(self, **fields: Any) -> Verdict:
        """The verdict on one program, as `rlef.Judge.judge`."""
        return checked(self.answers([fields]))[0]

    @overload
    def batch(self, items: Iterable[Item], *, return_errors: Literal[False] = False) -> list[Verdict]: ...
    @overload
    def batch(self, items: Iterable[Item], *, return_errors: Literal[True]) -> list[Result]: ...
    def batch(self, items: Iterable[Item], *, return_errors: bool = False) -> list[Verdict] | list[Result]:
        """Verdicts on many, in their order, as `rlef.Judge.batch`."""
        work = list(items)
        self._ready()
        parts = wire.chunks(work, self._dispatcher.size(len(work)))
        asked = [self.submit(lambda part=part: self.answers(part)) for part in parts]  # type: ignore[misc]
        results: list[Result] = [one for part in asked for one in part.result()]
        return results if return_errors else checked(results)

    def rewards(self, items: Iterable[Item]) -> list[float | None]:
        """Rewards of many, in their order: 1, -1, or `None` where nothing is known of the program."""
        return [reward_of(one) for one in self.batch(items, return_errors=True)]

    def ask(self, ask: wire.Ask) -> Any:
        """One node's answer to a question that any could be asked."""
        return self.on_a_node(1, lambda judge: judge.ask(ask))[1]

    def problem(self, problem_id: str, problem_set: str | None = None) -> Mapping[str, Any]:
        """As `rlef.Judge.problem`."""
        return self.on_a_node(1, lambda judge: judge.problem(problem_id, problem_set))[1]  # type: ignore[no-any-return]

    def problems(self) -> Iterable[Mapping[str, Any]]:
        """As `rlef.Judge.problems`."""
        return self.on_a_node(1, lambda judge: list(judge.problems()))[1]  # type: ignore[no-any-return]

    @property
    def url_with_token(self) -> str:
        """The URL, with the token as its password, of the node that has least to do: for clients that keep one connection."""
        return self.on_a_node(1, lambda judge: judge.url_with_token)[1]  # type: ignore[no-any-return]

    # How it is asked.

    def _ready(self) -> None:
        if not self._dispatcher.places():
            self.look()

    def answers(self, items: Sequence[Item]) -> list[Result]:
        """One answer to each, in their order, all asked together of one node, and those that it has lost of another."""
        results: list[Result] = [InfrastructureError("nobody was asked")] * len(items)
        until = time.monotonic() + self.patience
        left = list(range(len(items)))
        tries, losses = [0] * len(items), 0
        avoid: set[str] = set()
        while left:
            together = left
            try:
                member, said = self.on_a_node(
                    len(together),
                    lambda judge: verdicts(judge.ask(batch_ask([items[at] for at in together])), len(together)),
                    until=until,
                    avoid=avoid,
                )
            except ReplyLostError as error:
                losses += 1
                if losses >= LOSSES and len(together) > 1:
                    # One of them brings servers down: the others have nothing to do with it.
                    for at in together:
                        results[at] = self.answers([items[at]])[0]
                    return results
                if losses < LOSSES:
                    continue
                lost = InfrastructureError(f"{losses} nodes were lost while they had it, the last so: {error}")
                for at in together:
                    results[at] = lost
                return results
            except RlefError as error:
                for at in together:
                    results[at] = error
                return results
            left = []
            for at, one in zip(together, said, strict=True):
                results[at], tries[at] = one, tries[at] + 1
                if isinstance(one, InfrastructureError) and tries[at] < TRIES and time.monotonic() < until:
                    left.append(at)
            avoid.add(member.place.key)
        return results

    def on_a_node(
        self,
        count: int,
        asks: Callable[[Judge], Any],
        *,
        until: float | None = None,
        avoid: Iterable[str] = (),
    ) -> tuple[Member[Judge], Any]:
        """What a node answers that has room for `count` programs. One that is busy, draining or can't be reached is left for
        another until patience is at its end; a `ReplyLostError` of one that was asked is raised."""
        until = time.monotonic() + self.patience if until is None else until
        shunned = set(avoid)
        with self._under_way():
            self._ready()
            while True:
                member = self._taken(count, shunned, until)
                try:
                    return member, self._asked(member, count, asks)
                except ReplyLostError:
                    raise
                except InfrastructureError as error:
                    shunned.add(member.place.key)
                    if time.monotonic() >= until:
                        raise InfrastructureError(f"no node answered in time, the last so: {error}", error.kind) from error

    def at(self, member: Member[Judge], asks: Callable[[Judge], Any]) -> Any:
        """What this node answers and no other can."""
        with self._under_way():
            self._dispatcher.give(member, 1)
            return self._asked(member, 1, asks)

    def _asked(self, member: Member[Judge], count: int, asks: Callable[[Judge], Any]) -> Any:
        """An answer of a node that `count` programs are counted as given to."""
        answered, failed = 0, True
        try:
            said = asks(member.judge)
            given = said if isinstance(said, list) else []
            answered = sum(not isinstance(one, RlefError) for one in given)
            failed = bool(given) and all(isinstance(one, InfrastructureError) for one in given)
            return said
        except InfrastructureError:
            # Perhaps it is gone: the next to want a node looks first.
            self._looked = 0.0
            raise
        except RlefError:
            failed = False
            raise
        finally:
            self._dispatcher.back(member, count, answered=answered, failed=failed)

    def _taken(self, count: int, avoid: set[str], until: float) -> Member[Judge]:
        while True:
            left = until - time.monotonic()
            member = self._dispatcher.take(count, avoid, min(max(0.0, left), LOOKS))
            if member is not None:
                return member
            if left <= 0:
                nodes = len(self._dispatcher.places())
                raise InfrastructureError(f"none of the pool's {nodes} nodes had room in time", "busy")
            # Perhaps there are others by now.
            if time.monotonic() - self._looked >= LOOKS / 2:
                self.look()

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        """Has somebody look for nodes as long as it lasts."""
        with self._lock:
            self._asking += 1
            start, self._watching = not self._watching, True
        if start:
            threading.Thread(target=self._watch, name="rlef judges watch", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
