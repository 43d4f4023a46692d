"""A headless Chromium, driven over the DevTools protocol through two pipes: nothing but Python's own library."""

import base64
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]


class Browser:
    """One browser with one page."""

    def __init__(self):
        name = os.environ.get("RLEF_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
        if name is None:
            raise SystemExit("failed to find Chromium; install chromium, or name it in RLEF_CHROMIUM")
        self.profile = tempfile.TemporaryDirectory()
        to_read, self.to = os.pipe()
        self.of, to_write = os.pipe()
        # The browser reads commands from descriptor 3 and writes answers to 4.
        flags = ["--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={self.profile.name}"]
        start = 'read_from=$1; write_to=$2; shift 2; eval "exec 3<&$read_from 4>&$write_to"; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", start, "bash", str(to_read), str(to_write), name, *flags],
            pass_fds=[to_read, to_write],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.rest = b""
        self.numbers = itertools.count(1)
        self.faults = []
        self.loads = 0
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.profile.cleanup()

    def message(self):
        while b"\0" not in self.rest:
            if not select.select([self.of], [], [], 60)[0]:
                raise AssertionError("the browser says nothing")
            part = os.read(self.of, 1 << 16)
            if not part:
                raise SystemExit("the browser has ended")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        found = json.loads(text)
        method, told = found.get("method"), found.get("params", {})
        if method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(told["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.faults.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.faults.append(json.dumps(told["args"])[:500])
        return found

    def call(self, method, **params):
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.to, json.dumps(command).encode() + b"\0")
        while True:
            found = self.message()
            if found.get("id") == number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]

    def loaded(self, before, seconds=20):
        end = time.monotonic() + seconds
        while self.loads == before:
            if time.monotonic() > end:
                raise AssertionError("the page was not loaded")
            try:
                self.run("0")
            except RuntimeError:
                # One page has gone, and the next is not there yet.
                pass
            time.sleep(0.02)

    def open(self, address):
        before = self.loads
        self.call("Page.navigate", url=address)
        self.loaded(before)

    def run(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def key(self, name):
        """Presses a key, as a keyboard does."""
        special = {"Enter": ("Enter", "\r", 13), "Escape": ("Escape", "", 27), "Tab": ("Tab", "", 9)}
        key, text, code = special.get(name, (name, name, ord(name.upper()) if len(name) == 1 else 0))
        for kind in ["keyDown", "keyUp"]:
            params = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
            if kind == "keyDown" and text:
                params["text"] = text
            self.call("Input.dispatchKeyEvent", **params)

    def press(self, name):
        """Presses a key that leads to another page."""
        before = self.loads
        self.key(name)
        self.loaded(before)

    def look(self, width, height, dark):
        """How wide the page is, and whether the reader likes it dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
