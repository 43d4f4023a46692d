"""One judge a process, for frameworks that call a function of ours without a place to keep anything.

`RLEF_URL` and `RLEF_TOKEN` say which server; without a URL a private one is started, with the problems that `RLEF_PROBLEMS`
names, separated by commas. `RLEF_POOL` names a pool of judges on a Ray cluster instead (`rlef.ray.JudgePool`)."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING, cast

from rlef.judge import AsyncJudge, Judge

if TYPE_CHECKING:
    from rlef.ray import JudgePool

__all__ = ["shared", "shared_async"]

_lock = threading.Lock()
# A pool is asked as a judge is.
_judge: Judge | JudgePool | None = None
_async_judge: AsyncJudge | None = None
_owner = 0


def shared() -> Judge:
    """The judge of this process."""
    global _judge, _async_judge, _owner
    with _lock:
        if _judge is None or _owner != os.getpid():
            url, pool = os.environ.get("RLEF_URL"), os.environ.get("RLEF_POOL")
            if pool:
                from rlef.ray import JudgePool

                _judge, _async_judge = JudgePool.attach(pool), None
            # A process that was forked asks its parent's server.
            elif isinstance(_judge, Judge):
                _judge, _async_judge = Judge(_judge.url, token=_judge.endpoint.token), None
            elif url:
                _judge = Judge(url, token=os.environ.get("RLEF_TOKEN"))
            else:
                names = os.environ.get("RLEF_PROBLEMS", "").split(",")
                _judge = Judge(problems=[name for name in names if name])
                atexit.register(_judge.close)
            _owner = os.getpid()
        return cast(Judge, _judge)


def shared_async() -> AsyncJudge:
    """The same server, for an event loop."""
    global _async_judge
    judge = shared()
    with _lock:
        if _async_judge is None:
            if isinstance(judge, Judge):
                _async_judge = AsyncJudge(judge.url, token=judge.endpoint.token)
            else:
                from rlef.ray import AsyncJudgePool

                _async_judge = cast(AsyncJudge, AsyncJudgePool(judge))
        return _async_judge
