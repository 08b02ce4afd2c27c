"""Chromium, driven over its own protocol through two pipes: enough to open a page, give it files and read it.

It never reaches a network: no address resolves, and everything that a page asks for is written down.

Chrome DevTools Protocol 1.3, --remote-debugging-pipe: JSON messages, each ended by a zero byte, on descriptors 3 and 4.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
# Descriptors 3 and 4 are ours to place before Chromium starts.
_LAUNCH = (
    "import os, sys; from fcntl import F_DUPFD, fcntl; r, w = (fcntl(int(n), F_DUPFD, 10) for n in sys.argv[1:3]);"
    " os.dup2(r, 3); os.dup2(w, 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


def chromium_program() -> str | None:
    """Where Chromium is, None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One page in one Chromium of its own."""

    def __init__(self, program: str, profile: Path, *flags: str) -> None:
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        command = [sys.executable, "-c", _LAUNCH, str(to_read), str(from_write), program, *_FLAGS, *flags]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, from_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(to_read)
        os.close(from_write)
        self._to, self._from = to_write, from_read
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.requests: list[str] = []
        self.errors: list[str] = []
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        target = next(item for item in self.call("Target.getTargets")["targetInfos"] if item["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End Chromium."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call one method and return its result; what happened meanwhile is noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium went away")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        loaded: dict[str, Any] = json.loads(message)
        return loaded

    def _note(self, event: dict[str, Any]) -> None:
        match event:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.requests.append(url)
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.errors.append(json.dumps(details)[:2000])
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": text}}}:
                self.errors.append(text)

    def open(self, url: str) -> None:
        """Open an address and wait until its script has run."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 60.0) -> Any:
        """Wait until the expression is true, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} did not come true; errors: {self.errors}")
            time.sleep(0.01)
        return value

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in a file input, as a person does; none clears it."""
        if not files:
            script = "e => { e.value = ''; e.dispatchEvent(new Event('change', {bubbles: true})) }"
            self.evaluate(f"({script})(document.querySelector({json.dumps(selector)}))")
            return
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        place = found["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=[str(file) for file in files], objectId=place)

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
