"""Judges programs and plays coding episodes: a private server, or one at a URL.

    with rlef.Judge(problems=["contest:test"]) as judge:
        verdict = judge.judge(problem_id="...", completion="...")

What fails in the judge is an `InfrastructureError`, and never a reward."""

from rlef.advantage import turn_advantages
from rlef.episode import AsyncEpisode, Episode
from rlef.errors import InfrastructureError, ProblemError, ReplyLostError, RequestError, RlefError, StartError
from rlef.judge import AsyncJudge, Judge
from rlef.problem import problem_fields
from rlef.results import Failure, Step, Usage, Verdict
from rlef.server import Server
from rlef.process import shared, shared_async

__version__ = "0.1.0"

__all__ = [
    "AsyncEpisode",
    "AsyncJudge",
    "Episode",
    "Failure",
    "InfrastructureError",
    "Judge",
    "ProblemError",
    "ReplyLostError",
    "RequestError",
    "RlefError",
    "Server",
    "StartError",
    "Step",
    "Usage",
    "Verdict",
    "problem_fields",
    "shared",
    "shared_async",
    "turn_advantages",
]
