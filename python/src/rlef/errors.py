"""Why there is no verdict. None of these says anything of a program, and none may count as a reward."""

from __future__ import annotations

__all__ = ["InfrastructureError", "ProblemError", "ReplyLostError", "RequestError", "RlefError", "StartError"]


class RlefError(Exception):
    """All errors of this package. `kind` is the server's word for it."""

    def __init__(self, message: str, kind: str = "infrastructure") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        # Processes hand errors to each other.
        return (type(self), (str(self), self.kind))


class InfrastructureError(RlefError):
    """The judge, its sandbox, the way to it or its patience failed. Ask again later, or leave the sample out."""


class ReplyLostError(InfrastructureError):
    """A request was sent, twice where that does no harm, and no answer of the server's came back."""


class StartError(InfrastructureError):
    """A private server could not be started."""


class RequestError(RlefError, ValueError):
    """What was asked makes no sense to the judge. Asking again is of no use."""


class ProblemError(RequestError):
    """The problem can't be judged, whatever the program."""
