"""`JudgePool`: a judge on every node of a Ray cluster that is meant for it, asked as one judge is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rlef.errors import InfrastructureError, StartError
from rlef.judge import Item, Result
from rlef.ray.client import PoolClient
from rlef.ray.cluster import Actors, cores_of_a_node, nodes_with, placed
from rlef.ray.dispatch import Place
from rlef.ray.episode import AsyncPoolEpisode, PoolEpisode
from rlef.ray.scale import Scale
from rlef.results import Verdict

__all__ = ["AsyncJudgePool", "JudgePool"]

# Seconds between looks at what servers have to do.
LOOKS = 5.0
# Seconds that a server has to answer what is under way, before another takes its place.
DRAIN = 60.0
Self = TypeVar("Self")


class JudgePool(PoolClient):
    """One `rlef-judge serve` a node, each kept by an actor. Ray places the actors and starts them again; requests go over HTTP to
    the node that has least to do, and what a node has lost is put to another one: each question has one answer.

    Whoever has it may pickle it: another process of the cluster asks the same servers and ends none."""

    def __init__(
        self,
        size: int | None = None,
        *,
        name: str = "judges",
        resource: str = "judge",
        cores: float | None = None,
        problems: Iterable[str | os.PathLike[str]] = (),
        isolation: str = "auto",
        python: str | os.PathLike[str] | None = None,
        cache: bool = True,
        arguments: Sequence[str] = (),
        detached: bool = False,
        batch: int = 16,
        patience: float = 600.0,
        start_patience: float = 300.0,
    ) -> None:
        """Starts `size` nodes, without it one on each that has the custom resource `resource`, and waits until they answer, or for
        `start_patience` seconds until one does. A server has `cores` workers, without it as many as the smallest such node has
        cores; Ray counts them as taken. `problems`, `isolation`, `python`, `cache` and `arguments` are those of `rlef.Judge`; files
        must be found on every node. The pool ends with the job that made it unless it is `detached`; then `shutdown` ends it."""
        if size is None:
            size = len(nodes_with(resource))
        self.cores = cores_of_a_node(resource) if cores is None else cores
        if size < 1:
            cores_of_a_node(resource)
            raise ValueError(f"expected at least one node, found {size}")
        self._actors = Actors(name, resource, self.cores, detached)
        super().__init__(self._actors.places, batch=batch, patience=patience)
        if self._actors.found():
            raise StartError(f"failed to start the pool {name!r}: there is one; JudgePool.attach({name!r}) asks it")
        self._token: str | None = secrets.token_urlsafe(32)
        self._version, self._start_patience = 0, start_patience
        self._options = options_of(problems, isolation, python, cache, arguments)
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._handles = {number: self._start(number) for number in range(size)}
        try:
            self._wait(list(self._handles), at_least=1)
        except StartError:
            self.shutdown()
            raise
        self.look()

    @classmethod
    def attach(cls: type[Self], name: str = "judges", *, batch: int = 16, patience: float = 600.0) -> Self:
        """The pool of this name that another process of the cluster has started."""
        pool: Any = cls.__new__(cls)
        pool.__setstate__({"name": name, "batch": batch, "patience": patience})
        return pool  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "batch": self._dispatcher.batch, "patience": self.patience}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._actors = Actors(state["name"], "", 0, detached=True)
        PoolClient.__init__(self, self._actors.places, batch=state["batch"], patience=state["patience"])
        self._token, self._version, self._start_patience = None, 0, 300.0
        self._options, self._handles = {}, {}
        self._changing, self._ended = threading.Lock(), threading.Event()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None and not self._actors.detached:
            self.shutdown()
        else:
            self.close()

    @property
    def name(self) -> str:
        """What `attach` finds it by."""
        return self._actors.name

    @property
    def size(self) -> int:
        """Nodes that it is to have, those that are awaited among them."""
        return len(self._handles) if self._token else len(self._actors.found())

    def episode(self, **fields: Any) -> PoolEpisode:
        """Opens an episode, as `rlef.Judge.episode`. Where its node is lost, another repeats it and goes on."""
        return PoolEpisode(self, fields)

    # How many nodes, and what they serve.

    def resize(self, size: int) -> None:
        """Has so many nodes. More are asked of Ray, which is what its autoscaler sees; fewer answer first what they have."""
        if size < 1:
            raise ValueError(f"expected at least one node, found {size}")
        with self._changed():
            for number in range(size):
                if number not in self._handles:
                    self._handles[number] = self._start(number)
            for number in sorted(self._handles, reverse=True)[: max(0, len(self._handles) - size)]:
                self._end(self._handles.pop(number), drain=True)
        self.look()

    def autoscale(self, scale: Scale, every: float = LOOKS) -> threading.Thread:
        """Resizes by what the servers have to do, until the pool is ended."""

        def watch() -> None:
            while not self._ended.wait(every):
                try:
                    self.resize(self.wanted(scale))
                except Exception:  # noqa: BLE001 - Ray's own errors while nodes come and go; it is looked at again.
                    continue

        thread = threading.Thread(target=watch, name="rlef judges scale", daemon=True)
        thread.start()
        return thread

    def wanted(self, scale: Scale) -> int:
        """The size that a scale wants, by what the servers say they have to do now."""
        import ray

        handles = dict(self._handles)
        places, _ = placed(handles)
        asked = [handles[number].work.remote() for number in places]
        said, _ = ray.wait(asked, num_returns=len(asked), timeout=LOOKS) if asked else ([], [])
        work = sum(answer for answer in map(number_of, said) if answer is not None)
        return scale.wanted(len(handles), len(said), sum(place.workers for place in places.values()), work)

    def upgrade(
        self,
        *,
        problems: Iterable[str | os.PathLike[str]] = (),
        isolation: str = "auto",
        python: str | os.PathLike[str] | None = None,
        cache: bool = True,
        arguments: Sequence[str] = (),
    ) -> None:
        """Has other servers in place of these, one node after the other: each answers what it has, while the others take what is
        new. Ends with an error at the first that doesn't come up; those after it are as they were."""
        with self._changed():
            self._options = options_of(problems, isolation, python, cache, arguments)
            self._version += 1
            for number in sorted(self._handles):
                self._end(self._handles[number], drain=True)
                self._handles[number] = self._start(number)
                self._wait([number], at_least=1)
                self.look()

    def shutdown(self) -> None:
        """Ends all of it, whoever has started it."""
        self._ended.set()
        self.close()
        for handle in (self._handles or self._actors.found()).values():
            self._end(handle, drain=False)
        self._handles = {}

    @contextlib.contextmanager
    def _changed(self) -> Iterator[None]:
        """Lets one thread change it. A process that has not started it learns from a node how it is started."""
        with self._changing:
            if self._token is None:
                import ray

                self._handles = self._actors.found()
                for number in placed(self._handles, LOOKS)[0]:
                    told = ray.get(self._handles[number].settings.remote())
                    self._token, self._version, self._options = told["token"], told["version"], told["options"]
                    self.cores, resource = told["cores"], told["resource"]
                    self._actors = Actors(self.name, resource, self.cores, detached=True)
                    self._look_for = self._actors.places
                    break
                else:
                    raise InfrastructureError(f"failed to change the pool {self.name!r}: none of its nodes answers")
            yield

    def _start(self, number: int) -> Any:
        assert self._token is not None
        return self._actors.start(number, self._token, self._version, self._options)

    def _end(self, handle: Any, *, drain: bool) -> None:
        import ray

        try:
            if drain:
                ray.get(handle.drain.remote(DRAIN), timeout=DRAIN + LOOKS)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
            pass  # It has no node, or none any more.
        self._actors.end(handle)

    def _wait(self, numbers: list[int], at_least: int) -> dict[int, Place]:
        """Waits until all of these answer, or for as long as is given until some do."""
        import ray

        until = time.monotonic() + self._start_patience
        while True:
            handles = {number: self._handles[number] for number in numbers}
            asked = [handle.place.remote() for handle in handles.values()]
            said, _ = ray.wait(asked, num_returns=len(asked), timeout=max(0.0, min(LOOKS, until - time.monotonic())))
            for word in said:
                try:
                    ray.get(word)
                except (ray.exceptions.ActorDiedError, ray.exceptions.RayTaskError) as error:
                    raise StartError(f"failed to start a server on a node: {error}") from error
                except ray.exceptions.RayError:
                    continue
            places, _ = placed(handles)
            late = time.monotonic() >= until
            if len(places) == len(numbers) or (late and len(places) >= at_least):
                return places
            if late:
                raise StartError(
                    f"no server of {len(numbers)} came up in {self._start_patience:.0f} s: each node needs {self.cores} free cores"
                    f" and the resource {self._actors.resource!r}"
                )
            time.sleep(0.1)


class AsyncJudgePool:
    """The same for an event loop, over a pool that was started or attached to. A call that is cancelled is no longer waited for."""

    def __init__(self, pool: JudgePool) -> None:
        self.pool = pool

    async def judge(self, **fields: Any) -> Verdict:
        """As `rlef.AsyncJudge.judge`."""
        return await asyncio.wrap_future(self.pool.submit(lambda: self.pool.judge(**fields)))

    async def batch(self, items: Iterable[Item], *, return_errors: bool = False) -> list[Verdict] | list[Result]:
        """As `rlef.AsyncJudge.batch`."""
        work = list(items)
        return await asyncio.to_thread(lambda: self.pool.batch(work, return_errors=return_errors))  # type: ignore[call-overload]

    async def rewards(self, items: Iterable[Item]) -> list[float | None]:
        """As `rlef.AsyncJudge.rewards`."""
        work = list(items)
        return await asyncio.to_thread(lambda: self.pool.rewards(work))

    async def episode(self, **fields: Any) -> AsyncPoolEpisode:
        """As `rlef.AsyncJudge.episode`."""
        opened = await asyncio.wrap_future(self.pool.submit(lambda: self.pool.episode(**fields)))
        return AsyncPoolEpisode(self.pool, opened)


def options_of(
    problems: Iterable[str | os.PathLike[str]],
    isolation: str,
    python: str | os.PathLike[str] | None,
    cache: bool,
    arguments: Sequence[str],
) -> dict[str, Any]:
    """What every node's server is started with."""
    files = [os.fspath(file) for file in problems]
    return {"problems": files, "isolation": isolation, "python": python, "cache": cache, "arguments": list(arguments)}


def number_of(word: Any) -> float | None:
    import ray

    try:
        return float(ray.get(word))
    except ray.exceptions.RayError:
        return None
