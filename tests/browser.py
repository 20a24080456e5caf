"""Chromium without a window, spoken to through two pipes: what a page holds, draws and asks the network for.

``LITESMITH_BROWSER`` names the program; else a Chromium or Chrome on PATH is taken.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
_TROUBLE = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")


def find_browser() -> str | None:
    """The path of a browser; None where there is none."""
    named = os.environ.get("LITESMITH_BROWSER")
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


class Page:
    """A page that was opened. requests: the addresses it asked for; trouble: errors, logs and dialogs."""

    def __init__(self, orders: int, answers: int) -> None:
        self.requests: list[str] = []
        self.trouble: list[dict[str, Any]] = []
        self._orders, self._answers = orders, answers
        self._received = b""
        self._number = 0
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, width: int = 1100) -> None:
        """Loads the page and lays it out in a window of that width."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self._call("Page.navigate", url=path.as_uri())
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._orders, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            data = os.read(self._answers, 65536)
            assert data, "the browser ended"
            self._received += data
        text, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message.get("method") in _TROUBLE:
            self.trouble.append(message["params"])
        return message


@contextmanager
def browse(program: str) -> Iterator[Page]:
    """An empty page of a browser that runs as long as the block."""
    read_orders, orders = _pipe()
    answers, write_answers = _pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # The shell gives the pipes the numbers that the browser expects them at.
        command = (
            f'exec "$0" --headless --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir="$1" '
            f"3<&{read_orders} 4>&{write_answers}"
        )
        process = subprocess.Popen(
            ["/bin/bash", "-c", command, program, home],
            pass_fds=(read_orders, write_answers),
            env=_environment(Path(program).parent, home),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_orders)
        os.close(write_answers)
        try:
            yield Page(orders, answers)
        finally:
            os.close(orders)
            os.close(answers)
            process.kill()
            process.wait()


def _pipe() -> tuple[int, int]:
    """Ends to read and to write, with numbers that none of the standard ones has."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _environment(folder: Path, home: str) -> dict[str, str]:
    """The browser's: with the libraries and fonts that lie beside it, where tools/browser.mjs unpacked it."""
    environment = {**os.environ, "HOME": home}
    if (folder / "fonts.conf").is_file():
        environment |= {"FONTCONFIG_FILE": str(folder / "fonts.conf"), "LD_LIBRARY_PATH": str(folder / "lib")}
    return environment
