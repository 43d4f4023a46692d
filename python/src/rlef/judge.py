"""`Judge` for threads, `AsyncJudge` for an event loop: the same questions, the same answers."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, overload
from urllib.parse import quote

from rlef import wire
from rlef.episode import AsyncEpisode, Episode
from rlef.errors import InfrastructureError, RlefError
from rlef.http import AsyncTransport, Transport, Unsent
from rlef.results import Verdict
from rlef.server import Server
from rlef.wire import Ask, Endpoint

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AsyncJudge", "Judge", "Options"]

# Programs of one request.
TOGETHER = 256
# Times that a server is looked for that can't be reached.
ATTEMPTS = 5
LONGEST_PAUSE = 10.0

Item = Mapping[str, Any]
Result = Verdict | RlefError
Self = TypeVar("Self")


class Options(TypedDict, total=False):
    """What a judge may be told besides its URL."""

    token: str | None
    problems: Iterable[str | os.PathLike[str]]
    workers: int
    isolation: str
    python: str | os.PathLike[str] | None
    cache: bool
    arguments: Sequence[str]
    timeout: float
    patience: float
    client: str | None


class Questions:
    """What both can be asked, and with what patience."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        problems: Iterable[str | os.PathLike[str]] = (),
        workers: int = 0,
        isolation: str = "auto",
        python: str | os.PathLike[str] | None = None,
        cache: bool = True,
        arguments: Sequence[str] = (),
        timeout: float = 1800.0,
        patience: float = 600.0,
        client: str | None = None,
    ) -> None:
        """Connects to the server at `url`, or starts one of its own: with `problems`, files or names as
        `rlef-judge serve --problems` takes them, `workers` programs side by side (0: one a core), `isolation` of process, wasm
        or auto, the interpreter `python` for Python programs, and other `arguments` of `serve`.

        A request is waited for `timeout` seconds; a server that is busy is asked again for `patience` seconds. `client` names
        whoever asks, so that others with the same token have their turn."""
        self._server: Server | None = None
        self.endpoint: Endpoint
        if url is None:
            self._server = Server(
                problems, workers=workers, isolation=isolation, python=python, cache=cache, arguments=arguments
            )
            self.endpoint = self._server.endpoint
        else:
            if list(problems):
                raise ValueError("a server that runs already has the problems that it was started with; leave them out")
            self.endpoint = Endpoint.of(url, token)
        self._timeout, self._patience, self._client = timeout, patience, client

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.endpoint.url

    @property
    def url_with_token(self) -> str:
        """The same with the token as its password, for clients of other servers that this one stands in for."""
        return self.endpoint.basic_url()

    def __getstate__(self) -> dict[str, Any]:
        # Another process asks the same server, and doesn't end it.
        return {
            "endpoint": self.endpoint,
            "_timeout": self._timeout,
            "_patience": self._patience,
            "_client": self._client,
            "_server": None,
        }

    def _gone(self) -> InfrastructureError | None:
        """Why there is nobody to be asked again."""
        if self._server is None or self._server.is_alive():
            return None
        return InfrastructureError(f"the private server has ended: {self._server.words()}")

    def _lost(self, error: Unsent) -> InfrastructureError:
        return InfrastructureError(f"failed to reach {self.url}: {error.__cause__}")


class Pauses:
    """How long to wait before a question is asked again, and whether at all."""

    def __init__(self, patience: float) -> None:
        self.until = time.monotonic() + patience
        self.attempts = 0

    def after(self, wanted: float | None = None) -> float | None:
        """Seconds until the next attempt; nothing where patience is at its end."""
        self.attempts += 1
        pause = min(LONGEST_PAUSE, 0.1 * 2 ** min(self.attempts, 8))
        pause = max(pause, wanted or 0.0) * random.uniform(0.75, 1.25)
        return pause if time.monotonic() + pause < self.until else None


def judge_ask(fields: Item) -> Ask:
    return Ask("POST", "/v1/judge", wire.item(**fields))


def batch_ask(items: Sequence[Item]) -> Ask:
    return Ask("POST", "/v1/judge/batch", {"items": [wire.item(**one) for one in items]})


def problem_ask(problem_id: str, problem_set: str | None) -> Ask:
    query = "" if problem_set is None else f"?set={quote(problem_set, safe='')}"
    return Ask("GET", wire.path_of("problems", problem_id) + query)


def verdicts(said: Mapping[str, Any], count: int) -> list[Result]:
    return [one if isinstance(one, RlefError) else Verdict.of(one) for one in wire.results(said, count)]


def checked(results: list[Result]) -> list[Verdict]:
    """All verdicts, or the first error that there is in their place."""
    for place, one in enumerate(results):
        if isinstance(one, RlefError):
            raise type(one)(f"item {place}: {one}", one.kind)
    return [one for one in results if isinstance(one, Verdict)]


def reward_of(result: Result) -> float | None:
    """A reward, `None` where nothing is known of the program; what makes no sense is raised."""
    if isinstance(result, InfrastructureError):
        return None
    if isinstance(result, RlefError):
        raise result
    return result.reward


class Judge(Questions):
    """Judges programs and plays episodes. Any thread may ask; close it, or use it in a `with`."""

    def __init__(self, url: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(url, **options)
        self._transport = Transport(self.endpoint, self._timeout, self._client)

    __init__.__doc__ = Questions.__init__.__doc__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._transport = Transport(self.endpoint, self._timeout, self._client)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends a private server, and closes connections."""
        self._transport.close()
        if self._server is not None:
            self._server.close()

    def ask(self, ask: Ask) -> Any:
        """An answer to a question; a busy server is asked again, one that can't be reached a few times."""
        pauses = Pauses(self._patience)
        while True:
            wanted: float | None = None
            try:
                reply = self._transport.send(ask)
                wanted = reply.retry_after
                return wire.answered(reply)
            except Unsent as error:
                failed: RlefError = self._lost(error)
                again = pauses.attempts < ATTEMPTS
            except RlefError as error:
                failed, again = error, wire.waits(error, ask)
            pause = pauses.after(wanted) if again else None
            if pause is None or self._gone():
                raise (self._gone() or failed)
            time.sleep(pause)

    def text(self, ask: Ask) -> str:
        """An answer that is no JSON, asked for once."""
        try:
            reply = self._transport.send(ask)
        except Unsent as error:
            raise self._lost(error) from error
        if reply.status != 200:
            wire.answered(reply)
        return reply.body.decode()

    def abandon(self) -> None:
        """Gives up what is under way, of a server that is known to be gone: whoever waits hears that no answer came."""
        self._transport.abandon()

    def judge(self, **fields: Any) -> Verdict:
        """The verdict on one program: `problem_id` or a whole `problem`, `program`, its bare source, or `completion`, an answer
        that is searched for it; and `set`, `language`, `scope`, `stop`, `feedback` as POST /v1/judge takes them."""
        return Verdict.of(self.ask(judge_ask(fields)))

    @overload
    def batch(self, items: Iterable[Item], *, return_errors: Literal[False] = False) -> list[Verdict]: ...
    @overload
    def batch(self, items: Iterable[Item], *, return_errors: Literal[True]) -> list[Result]: ...
    def batch(self, items: Iterable[Item], *, return_errors: bool = False) -> list[Verdict] | list[Result]:
        """Verdicts on many, in their order; each item is what `judge` takes. An error among them is raised, or stands in its
        place with `return_errors`."""
        results: list[Result] = []
        for part in wire.chunks(items, TOGETHER):
            try:
                results += verdicts(self.ask(batch_ask(part)), len(part))
            except InfrastructureError as error:
                if not return_errors:
                    raise
                results += [error] * len(part)
        return results if return_errors else checked(results)

    def rewards(self, items: Iterable[Item]) -> list[float | None]:
        """Rewards of many, in their order: 1, -1, or `None` where the judge failed and nothing is known of the program."""
        return [reward_of(one) for one in self.batch(items, return_errors=True)]

    def episode(self, **fields: Any) -> Episode:
        """Opens an episode: `problem_id` or `problem`, and `set`, `turns`, `style`, `feedback` as POST /v1/episodes takes them."""
        said = self.ask(Ask("POST", "/v1/episodes", wire.item(**fields), again=False))
        return Episode(self, said["episode_id"], said["problem_id"], said["observation"])

    def problems(self) -> Iterator[Mapping[str, Any]]:
        """Summaries of the problems that are served."""
        offset = 0
        while True:
            said = self.ask(Ask("GET", f"/v1/problems?offset={offset}&limit=1000"))
            yield from said["problems"]
            offset += len(said["problems"])
            if offset >= said["total"] or not said["problems"]:
                return

    def problem(self, problem_id: str, problem_set: str | None = None) -> Mapping[str, Any]:
        """One problem, without what only grades; `prompt` is the first message of an episode."""
        return self.ask(problem_ask(problem_id, problem_set))  # type: ignore[no-any-return]

    def languages(self) -> list[Mapping[str, Any]]:
        """What there is for each language."""
        return self.ask(Ask("GET", "/v1/languages"))["languages"]  # type: ignore[no-any-return]

    def protections(self) -> Mapping[str, Any]:
        """What stands between programs and the machine."""
        return self.ask(Ask("GET", "/v1/protections"))  # type: ignore[no-any-return]

    def version(self) -> Mapping[str, Any]:
        """What the server is."""
        return self.ask(Ask("GET", "/v1/version"))  # type: ignore[no-any-return]


class AsyncJudge(Questions):
    """The same for an event loop. Close it, or use it in an `async with`."""

    def __init__(self, url: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(url, **options)
        self._transport = AsyncTransport(self.endpoint, self._timeout, self._client)

    __init__.__doc__ = Questions.__init__.__doc__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._transport = AsyncTransport(self.endpoint, self._timeout, self._client)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends a private server, and closes connections."""
        self._transport.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.close)

    async def ask(self, ask: Ask) -> Any:
        """As `Judge.ask`."""
        pauses = Pauses(self._patience)
        while True:
            wanted: float | None = None
            try:
                reply = await self._transport.send(ask)
                wanted = reply.retry_after
                return wire.answered(reply)
            except Unsent as error:
                failed: RlefError = self._lost(error)
                again = pauses.attempts < ATTEMPTS
            except RlefError as error:
                failed, again = error, wire.waits(error, ask)
            pause = pauses.after(wanted) if again else None
            if pause is None or self._gone():
                raise (self._gone() or failed)
            await asyncio.sleep(pause)

    async def judge(self, **fields: Any) -> Verdict:
        """As `Judge.judge`."""
        return Verdict.of(await self.ask(judge_ask(fields)))

    @overload
    async def batch(self, items: Iterable[Item], *, return_errors: Literal[False] = False) -> list[Verdict]: ...
    @overload
    async def batch(self, items: Iterable[Item], *, return_errors: Literal[True]) -> list[Result]: ...
    async def batch(self, items: Iterable[Item], *, return_errors: bool = False) -> list[Verdict] | list[Result]:
        """As `Judge.batch`."""
        results: list[Result] = []
        for part in wire.chunks(items, TOGETHER):
            try:
                results += verdicts(await self.ask(batch_ask(part)), len(part))
            except InfrastructureError as error:
                if not return_errors:
                    raise
                results += [error] * len(part)
        return results if return_errors else checked(results)

    async def rewards(self, items: Iterable[Item]) -> list[float | None]:
        """As `Judge.rewards`."""
        return [reward_of(one) for one in await self.batch(items, return_errors=True)]

    async def episode(self, **fields: Any) -> AsyncEpisode:
        """As `Judge.episode`."""
        said = await self.ask(Ask("POST", "/v1/episodes", wire.item(**fields), again=False))
        return AsyncEpisode(self, said["episode_id"], said["problem_id"], said["observation"])

    async def problems(self) -> list[Mapping[str, Any]]:
        """Summaries of the problems that are served."""
        found: list[Mapping[str, Any]] = []
        while True:
            said = await self.ask(Ask("GET", f"/v1/problems?offset={len(found)}&limit=1000"))
            found += said["problems"]
            if len(found) >= said["total"] or not said["problems"]:
                return found

    async def problem(self, problem_id: str, problem_set: str | None = None) -> Mapping[str, Any]:
        """As `Judge.problem`."""
        return await self.ask(problem_ask(problem_id, problem_set))  # type: ignore[no-any-return]
