"""Questions as the server takes them, and its answers as values or errors. Knows no sockets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from rlef.errors import InfrastructureError, ProblemError, ReplyLostError, RequestError, RlefError

__all__ = ["Ask", "Endpoint", "Reply", "answered", "error_of", "item", "waits"]

# What becomes better by waiting.
BUSY = frozenset({"busy", "share", "draining"})
# What says nothing of the question either.
LOST = BUSY | {"infrastructure", "deadline", "slow"}
# Without a word of the server's: a proxy's, which may have asked it.
BUSY_STATUS = frozenset({502, 503})
LOST_STATUS = frozenset({408, 504})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and what is shown to it."""

    host: str
    port: int
    tls: bool
    prefix: str
    token: str | None

    @classmethod
    def of(cls, url: str, token: str | None = None) -> Endpoint:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"expected a URL as http://host:8080, found {url!r}", "request")
        tls = parts.scheme == "https"
        inside = unquote(parts.password) if parts.password else None
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname, port, tls, parts.path.rstrip("/"), token or inside)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.prefix}"

    def headers(self, client: str | None = None) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if client:
            headers["X-Rlef-Client"] = client
        return headers

    def basic_url(self) -> str:
        """The URL with the token as its password, as clients of other servers take it."""
        if not self.token:
            return self.url
        return self.url.replace("://", f"://rlef:{quote(self.token, safe='')}@", 1)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. One that may be sent `again` changes nothing by coming twice."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    again: bool = True

    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    retry_after: float | None
    body: bytes


def item(**fields: Any) -> dict[str, Any]:
    """One program and what it is judged by, without what was not said."""
    return {name: value for name, value in fields.items() if value is not None}


def path_of(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def error_of(error: Mapping[str, Any]) -> RlefError:
    """What a field `error` of the server's says."""
    kind, message = str(error.get("kind")), str(error.get("message"))
    if kind in LOST or error.get("infrastructure"):
        return InfrastructureError(message, kind)
    return (ProblemError if kind == "problem" else RequestError)(message, kind)


def answered(reply: Reply) -> Any:
    """The answer, or the error that it is."""
    try:
        said = json.loads(reply.body) if reply.body else None
    except ValueError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        raise error_of(said["error"])
    if reply.status == 200 and said is not None:
        return said
    words = reply.body[:200].decode("utf-8", "replace")
    message = f"HTTP status {reply.status}, which is no answer of rlef: {words}"
    if reply.status == 429:
        raise InfrastructureError(message, "busy")
    if reply.status in BUSY_STATUS:
        raise ReplyLostError(message, "busy")
    if reply.status >= 500 or reply.status == 200 or reply.status in LOST_STATUS:
        raise ReplyLostError(message)
    raise RequestError(message, "request")


def waits(error: RlefError, ask: Ask) -> bool:
    """Whether asking the same again later is what the server wants, and does no harm."""
    return error.kind in BUSY and (ask.again or not isinstance(error, ReplyLostError))


def results(said: Mapping[str, Any], count: int) -> list[Mapping[str, Any] | RlefError]:
    """Those of a batch, in its order."""
    found = said["results"]
    if len(found) != count:
        raise InfrastructureError(f"{len(found)} results came of {count} programs")
    return [error_of(one["error"]) if "error" in one else one for one in found]


def chunks(items: Iterable[Mapping[str, Any]], size: int) -> list[Sequence[Mapping[str, Any]]]:
    everything = list(items)
    return [everything[at : at + size] for at in range(0, len(everything), size)]
