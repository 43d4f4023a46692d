"""A server of one's own: on a free port of this machine, with a token that nobody else has, gone when its parent is."""

from __future__ import annotations

import collections
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rlef import program
from rlef.errors import StartError
from rlef.wire import Endpoint

__all__ = ["Server"]

# Seconds that it may take to come up: WebAssembly compiles an interpreter the first time.
PATIENCE = 300.0
# Seconds that it may take to end by itself.
GRACE = 10.0
SAYS_WHERE = "listening on "


class Server:
    """`rlef-judge serve`, started. It watches this process and ends with it, however that ends."""

    def __init__(
        self,
        problems: Iterable[str | os.PathLike[str]] = (),
        *,
        workers: int = 0,
        isolation: str = "auto",
        python: str | os.PathLike[str] | None = None,
        cache: bool = True,
        arguments: Sequence[str] = (),
        patience: float = PATIENCE,
        host: str = "127.0.0.1",
        token: str | None = None,
    ) -> None:
        """Starts it at `host`, an address of this machine, with `token`, without one with a token of its own."""
        bind = f"[{host}]:0" if ":" in host else f"{host}:0"
        command = [program.path(), "serve", "--bind", bind, "--while-parent", str(os.getpid())]
        command += ["--workers", str(workers), "--isolation", isolation]
        if python is not None:
            command += ["--python", os.fspath(python)]
        if not cache:
            command.append("--no-cache")
        files = [os.fspath(file) for file in problems]
        if files:
            command += ["--problems", *files]
        self._owner = os.getpid()
        self._said: collections.deque[str] = collections.deque(maxlen=50)
        self._where: str | None = None
        self._heard = threading.Event()
        token = token or secrets.token_urlsafe(32)
        with tempfile.TemporaryDirectory(prefix="rlef-") as folder:
            file = Path(folder) / "token"
            file.touch(mode=0o600)
            file.write_text(token)
            command += ["--token-file", str(file), *arguments]
            try:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
            except OSError as error:
                raise StartError(f"failed to start {command[0]}: {error}") from error
            threading.Thread(target=self._listen, name="rlef-judge says", daemon=True).start()
            self._heard.wait(patience)
        if self._where is None:
            self.process.kill()
            self.process.wait()
            raise StartError(f"failed to start a private server: {self.words() or 'it said nothing'}")
        self.endpoint: Endpoint = Endpoint.of(self._where, token)

    def _listen(self) -> None:
        """Keeps the last lines that it says, so that it never waits for somebody to read them."""
        stream = self.process.stderr
        assert stream is not None
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                if self._where is None and line.startswith(SAYS_WHERE):
                    self._where = line.removeprefix(SAYS_WHERE)
                    self._heard.set()
                else:
                    self._said.append(line)
        self._heard.set()

    def words(self) -> str:
        """What it said last."""
        return "\n".join(self._said)

    def is_alive(self) -> bool:
        """Whether it runs. A process that was forked of the one that started it can't tell, and takes it that it does."""
        return os.getpid() != self._owner or self.process.poll() is None

    def drain(self, patience: float) -> None:
        """Has it take nothing more, and waits until it has answered what is under way and ended."""
        if os.getpid() != self._owner or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.close()

    def close(self) -> None:
        """Ends it; programs that run are ended with it. Of no effect in a process that did not start it."""
        if os.getpid() != self._owner or self.process.poll() is not None:
            return
        # Twice: what is under way is nobody's any more.
        for _ in range(2):
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
