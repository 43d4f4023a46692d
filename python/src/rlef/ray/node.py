"""What stands on each node: an actor that keeps one server there, and says where it is. Work never goes through it."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from rlef.errors import RlefError
from rlef.judge import Judge
from rlef.server import Server
from rlef.wire import Ask

__all__ = ["Node"]

# Seconds between looks at the server, and times in a row that it may fail to come up again before Ray is to start it elsewhere.
LOOKS = 0.5
STARTS = 3


class Node:
    """A server on this node, started again where it ends by itself. Made by Ray, as an actor."""

    def __init__(self, host: str, node: str, token: str, workers: int, version: int, options: dict[str, Any]) -> None:
        self._host, self._node, self._token, self._version = host, node, token, version
        self._workers, self._options = workers, options
        self._lock = threading.Lock()
        self._starts = 0
        self._draining = False
        self._server = self._started()
        threading.Thread(target=self._watch, name="rlef watches its server", daemon=True).start()

    def _started(self) -> Server:
        self._starts += 1
        return Server(host=self._host, token=self._token, workers=self._workers, **self._options)

    def _watch(self) -> None:
        failed = 0
        while True:
            time.sleep(LOOKS)
            with self._lock:
                if self._draining:
                    return
                if self._server.is_alive():
                    failed = 0
                    continue
                try:
                    self._server = self._started()
                except RlefError:
                    failed += 1
            if failed >= STARTS:
                # Not orderly, so that Ray starts this actor again, on another node where there is one.
                os._exit(1)

    def place(self) -> dict[str, Any] | None:
        """Where the server is; nothing while it takes nothing."""
        with self._lock:
            if self._draining or not self._server.is_alive():
                return None
            return {
                "key": f"{self._node}/{os.getpid()}/{self._starts}",
                "url": self._server.endpoint.url,
                "token": self._token,
                "workers": self._workers,
                "node": self._node,
                "version": self._version,
            }

    def work(self) -> float:
        """Programs that wait for a worker of the server's, or are with one."""
        with Judge(self._server.endpoint.url, token=self._token, patience=0.0) as judge:
            said = judge.text(Ask("GET", "/metrics"))
        numbers = dict(line.rsplit(" ", 1) for line in said.splitlines() if line and not line.startswith("#"))
        return float(numbers["rlef_waiting"]) + float(numbers["rlef_working"])

    def pid(self) -> int:
        """The server's process."""
        return self._server.process.pid

    def drain(self, seconds: float) -> None:
        """Takes nothing more, and returns when what is under way is answered."""
        with self._lock:
            self._draining = True
        self._server.drain(seconds)
