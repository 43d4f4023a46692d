"""The judge as a pool over the nodes of a Ray cluster: Ray places and restarts, HTTP carries the work.

    with rlef.ray.JudgePool(problems=["contest:train"]) as pool:
        rewards = pool.rewards(items)

Ray is imported where it is used, so that a process that only asks needs no more of it than any worker has."""

from rlef.ray.pool import AsyncJudgePool, JudgePool
from rlef.ray.dispatch import Dispatcher, Load, Member, Place
from rlef.ray.episode import AsyncPoolEpisode, PoolEpisode
from rlef.ray.scale import Scale

__all__ = [
    "AsyncJudgePool",
    "AsyncPoolEpisode",
    "Dispatcher",
    "JudgePool",
    "Load",
    "Member",
    "Place",
    "PoolEpisode",
    "Scale",
]
