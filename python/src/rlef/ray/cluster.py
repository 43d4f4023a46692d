"""The pool's actors: where Ray puts them, how they are found again, replaced and ended. Each has a name, so that any process of
the cluster finds them without asking the one that made them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rlef.errors import StartError
from rlef.ray.dispatch import Place
from rlef.ray.node import Node

__all__ = ["Actors", "cores_of_a_node", "nodes_with"]

NAMESPACE = "rlef"
# Seconds that an actor has to say where it is.
WORD = 1.0
# Seconds to wait until the name of an actor that was ended is free again.
NAME = 30.0
# Requests that an actor answers side by side. None of them is a program's.
SIDE_BY_SIDE = 16


def nodes_with(resource: str) -> list[Mapping[str, Any]]:
    """The nodes that are alive and have this resource."""
    import ray

    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get(resource, 0) >= 1]


def cores_of_a_node(resource: str) -> float:
    """Cores of the smallest node with the resource."""
    cores = [float(node["Resources"].get("CPU", 0)) for node in nodes_with(resource)]
    if not cores:
        raise StartError(
            f"failed to find a node with the resource {resource!r}: start Ray's nodes that shall judge with"
            f" --resources '{{\"{resource}\": 1}}', or say how many cores each will have (cores=N), and they are awaited"
        )
    return min(cores)


class Actors:
    """The actors of one pool, by number."""

    def __init__(self, name: str, resource: str, cores: float, detached: bool) -> None:
        self.name, self.resource, self.cores, self.detached = name, resource, cores, detached
        self._known: dict[int, Place] = {}

    def called(self, number: int) -> str:
        return f"judge/{self.name}/{number}"

    def found(self) -> dict[int, Any]:
        """Those that there are, whether or not they have found a node."""
        import ray

        start, handles = f"judge/{self.name}/", {}
        for one in ray.util.list_named_actors(all_namespaces=True):
            if one["namespace"] == NAMESPACE and one["name"].startswith(start):
                try:
                    handles[int(one["name"].removeprefix(start))] = ray.get_actor(one["name"], NAMESPACE)
                except ValueError:
                    continue  # Ended since.
        return handles

    def places(self) -> list[Place]:
        """Where those are that take work. One that says nothing in time stays where it was for as long as Ray takes its node for
        alive: on a loaded machine an actor may be slow to speak, and its server is none the worse."""
        import ray

        handles = self.found()
        places, silent = placed(handles)
        if silent:
            alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            for number in silent:
                before = self._known.get(number)
                if before is not None and before.node in alive:
                    places[number] = before
        self._known = places
        return list(places.values())

    def start(self, number: int, token: str, version: int, options: dict[str, Any]) -> Any:
        """Asks Ray for one. It has as many cores as its node gives to programs, so that no trainer is put on them, and no node
        has two."""
        import ray

        made = ray.remote(RayNode).options(
            name=self.called(number),
            namespace=NAMESPACE,
            num_cpus=self.cores,
            resources={self.resource: 1},
            scheduling_strategy="SPREAD",
            max_restarts=-1,
            max_concurrency=SIDE_BY_SIDE,
            lifetime="detached" if self.detached else None,
        )
        until = time.monotonic() + NAME
        while True:
            try:
                return made.remote(token, self.cores, self.resource, version, options)
            except ValueError as error:
                # One of this name was ended a moment ago.
                if time.monotonic() >= until:
                    raise StartError(f"failed to start {self.called(number)}: {error}") from error
                time.sleep(0.2)

    def end(self, handle: Any) -> None:
        """Ends one, and its server with it."""
        import ray

        ray.kill(handle, no_restart=True)


class RayNode(Node):
    """A `Node` that finds out where Ray has put it."""

    def __init__(self, token: str, cores: float, resource: str, version: int, options: dict[str, Any]) -> None:
        import ray

        host, node = ray.util.get_node_ip_address(), ray.get_runtime_context().get_node_id()
        self._settings = {"token": token, "cores": cores, "resource": resource, "version": version, "options": options}
        super().__init__(host, node, token, max(1, int(cores)), version, options)

    def settings(self) -> dict[str, Any]:
        """How the pool starts its nodes."""
        return self._settings


def placed(handles: Mapping[int, Any], patience: float = WORD) -> tuple[dict[int, Place], set[int]]:
    """Where those are that take work, and those that say nothing in time: one that finds no node never does."""
    import ray

    asked = {handle.place.remote(): number for number, handle in handles.items()}
    if not asked:
        return {}, set()
    said, silent = ray.wait(list(asked), num_returns=len(asked), timeout=patience)
    places = {}
    for word in said:
        try:
            found = ray.get(word)
        except ray.exceptions.RayError:
            continue  # Its node is lost, or it is being started again.
        if found is not None:
            places[asked[word]] = Place(**found)
    return places, {asked[word] for word in silent}
