"""OpenEnv (0.10): its own client, connected to a judge's episodes."""

from __future__ import annotations

from typing import Any

from openenv.core.generic_client import GenericEnvClient

from rlef.judge import Judge
from rlef.problem import problem_fields
from rlef.process import shared

__all__ = ["Client", "client"]


class Client(GenericEnvClient):  # type: ignore[misc]
    """`reset(problem=...)` begins an episode, `step("an answer")` takes a turn."""

    def _step_payload(self, action: Any) -> dict[str, Any]:
        return {"completion": action} if isinstance(action, str) else dict(action)

    async def _reset_async(self, problem: Any = None, **how: Any) -> Any:
        # Without a problem, one of those that are served, by `seed`.
        fields = {} if problem is None else problem_fields(problem)
        return await super()._reset_async(**fields, **how)


def client(judge: Judge | None = None, **options: Any) -> Client:
    """A client of this judge, or of the process's own."""
    return Client(base_url=(judge or shared()).url_with_token, **options)
