"""Requests over sockets, kept open between them: from threads, and from an event loop. Whoever leaves closes his connection,
by which the server knows that nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Generic, TypeVar

from rlef.errors import ReplyLostError
from rlef.wire import Ask, Endpoint, Reply

__all__ = ["AsyncTransport", "Transport", "Unsent"]

# Connections that are kept between requests: some are asked on a new one each, so that all of them would only grow in number.
MOST_IDLE = 16
# Seconds that one is kept; a server of ours hangs up after a minute.
IDLE_SECONDS = 45.0

# Bytes of a line of an answer's head, and lines of it.
LONGEST_LINE = 1 << 16
MOST_LINES = 256
LOST = (OSError, http.client.HTTPException, EOFError, ValueError)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connection = TypeVar("Connection")


class Unsent(Exception):
    """The server was not reached, or hung up before it said anything: it may be asked again."""


def lost(endpoint: Endpoint, error: BaseException) -> ReplyLostError:
    return ReplyLostError(f"failed to get an answer from {endpoint.url}: {type(error).__name__}: {error}")


def seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None  # A date, which no server of ours sends.


class Idle(Generic[Connection]):
    """Connections that are kept, those used last at the end."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, Connection]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def take(self) -> Connection | None:
        """The one used last."""
        return self._kept.pop()[1] if self._kept else None

    def keep(self, connection: Connection) -> None:
        self._kept.append((time.monotonic(), connection))

    def surplus(self) -> list[Connection]:
        """Takes out those that are to be closed: kept for too long, or too many, the oldest first."""
        oldest = time.monotonic() - IDLE_SECONDS
        stale = sum(since < oldest for since, _ in self._kept)
        return self.all(max(stale, len(self._kept) - MOST_IDLE))

    def all(self, count: int | None = None) -> list[Connection]:
        """Takes out all, or the first of them."""
        count = len(self._kept) if count is None else count
        out, self._kept = self._kept[:count], self._kept[count:]
        return [connection for _, connection in out]


class Transport:
    """For threads: each request has a connection of its own for as long as it lasts."""

    def __init__(self, endpoint: Endpoint, timeout: float, client: str | None = None) -> None:
        self.endpoint, self.timeout = endpoint, timeout
        self.headers = endpoint.headers(client)
        self._lock = threading.Lock()
        self._idle: Idle[http.client.HTTPConnection] = Idle()
        self._asking: set[socket.socket] = set()
        self._owner = os.getpid()

    def _take(self, again: bool) -> http.client.HTTPConnection | None:
        """One that is kept, for what may be asked again."""
        with self._lock:
            if self._owner != os.getpid():
                # Forked: these are the parent's. Closing them here closes nothing of his.
                self._idle, self._asking, self._owner = Idle(), set(), os.getpid()
            surplus = self._idle.surplus()
            kept = self._idle.take() if again else None
        for connection in surplus:
            connection.close()
        return kept

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._idle.keep(connection)
            surplus = self._idle.surplus()
        for other in surplus:
            other.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.endpoint.tls else http.client.HTTPConnection
        connection = kind(self.endpoint.host, self.endpoint.port, timeout=self.timeout)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            raise Unsent from error
        return connection

    def send(self, ask: Ask) -> Reply:
        """One request; on a connection that was kept and has been closed meanwhile, on a new one again."""
        kept = self._take(ask.again)
        if kept is not None:
            try:
                return self._send(kept, ask)
            except TimeoutError as error:
                raise lost(self.endpoint, error) from error
            except LOST:
                pass
        try:
            return self._send(self._connect(), ask)
        except LOST as error:
            raise lost(self.endpoint, error) from error

    def _send(self, connection: http.client.HTTPConnection, ask: Ask) -> Reply:
        keep, sock = False, connection.sock
        with self._lock:
            self._asking.add(sock)
        try:
            content = ask.content() if ask.body is not None else None
            connection.request(ask.method, self.endpoint.prefix + ask.path, content, self.headers)
            response = connection.getresponse()
            body = response.read()
            keep = not response.will_close
            return Reply(response.status, seconds(response.headers.get("Retry-After")), body)
        finally:
            with self._lock:
                self._asking.discard(sock)
            if keep:
                self._keep(connection)
            else:
                connection.close()

    def abandon(self) -> None:
        """Gives up what is under way: its callers hear that no answer came. For a server that is known to be gone, of whose
        machine nothing would ever be heard."""
        with self._lock:
            for sock in self._asking:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes what is kept open."""
        with self._lock:
            idle = self._idle.all()
        for connection in idle:
            connection.close()


class AsyncTransport:
    """For one event loop. A request that is cancelled closes its connection."""

    def __init__(self, endpoint: Endpoint, timeout: float, client: str | None = None) -> None:
        self.endpoint, self.timeout = endpoint, timeout
        self.headers = endpoint.headers(client)
        self._idle: Idle[Stream] = Idle()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _take(self, again: bool) -> Stream | None:
        """As `Transport._take`."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Of a loop that is over.
            self._idle, self._loop = Idle(), loop
        hang_up(self._idle.surplus())
        while again and (kept := self._idle.take()) is not None:
            if not kept[0].at_eof() and not kept[1].is_closing():
                return kept
            hang_up([kept])
        return None

    def _keep(self, stream: Stream) -> None:
        self._idle.keep(stream)
        hang_up(self._idle.surplus())

    async def _connect(self) -> Stream:
        context = ssl.create_default_context() if self.endpoint.tls else None
        try:
            return await asyncio.open_connection(
                self.endpoint.host, self.endpoint.port, ssl=context, limit=LONGEST_LINE
            )
        except OSError as error:
            raise Unsent from error

    async def send(self, ask: Ask) -> Reply:
        """As `Transport.send`."""
        try:
            return await asyncio.wait_for(self._sent(ask), self.timeout)
        except asyncio.TimeoutError as error:
            raise lost(self.endpoint, error) from error

    async def _sent(self, ask: Ask) -> Reply:
        kept = self._take(ask.again)
        if kept is not None:
            try:
                return await self._send(kept, ask)
            except LOST:
                pass
        try:
            return await self._send(await self._connect(), ask)
        except LOST as error:
            raise lost(self.endpoint, error) from error

    async def _send(self, stream: Stream, ask: Ask) -> Reply:
        reader, writer = stream
        keep = False
        try:
            content = ask.content()
            host = self.endpoint.url.split("://", 1)[1].split("/", 1)[0]
            head = {"Host": host, **self.headers, "Content-Length": str(len(content))}
            lines = [f"{ask.method} {self.endpoint.prefix}{ask.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in head.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
            await writer.drain()
            status, headers = await read_head(reader)
            body, whole = await read_body(reader, headers)
            keep = whole and headers.get("connection", "").lower() != "close"
            return Reply(status, seconds(headers.get("retry-after")), body)
        finally:
            if keep:
                self._keep(stream)
            else:
                writer.close()

    def close(self) -> None:
        """Closes what is kept open."""
        hang_up(self._idle.all())


def hang_up(streams: list[Stream]) -> None:
    for _, writer in streams:
        try:
            writer.close()
        except RuntimeError:
            pass  # Its loop is over, and its socket with it.


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        words = (await read_line(reader)).split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1."):
            raise ValueError("an answer that is none of HTTP")
        status, headers = int(words[1]), {}
        for _ in range(MOST_LINES):
            line = await read_line(reader)
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        else:
            raise ValueError("an answer with too many headers")
        if status >= 200:
            return status, headers


async def read_line(reader: asyncio.StreamReader) -> str:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the connection was closed")
    return line.decode("latin-1").rstrip("\r\n")


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """The body, and whether the connection can be used again after it."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts = []
        while size := int((await read_line(reader)).split(";", 1)[0], 16):
            parts.append(await reader.readexactly(size))
            await read_line(reader)
        while await read_line(reader):
            pass
        return b"".join(parts), True
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"])), True
    return await reader.read(), False

