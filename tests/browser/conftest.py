"""A headless Chromium, spoken to through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import asyncio
import base64
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SECONDS = 60
"""The longest that anything here is waited for."""


class Tab:
    """One page in the browser: what it loads, says and shows."""

    def __init__(self, loop, socket):
        self._loop, self._socket, self._number = loop, socket, 0
        self.events = []

    def call(self, method, **parameters):
        """The answer to one command; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._loop.run_until_complete(self._socket.send_json(message))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        """Returns when an event has come since the last page was opened."""
        while not self.of(method):
            self.events.append(self._receive())

    def of(self, method):
        return [event["params"] for event in self.events if event.get("method") == method]

    def open(self, path, *, width, height=1000, dark=False):
        self.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 800
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def run(self, script):
        """The value of an expression, as JSON has it."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key, code):
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            shown = {"text": text} if kind == "keyDown" and text else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **shown)

    def picture(self, path):
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def _receive(self):
        return self._loop.run_until_complete(self._socket.receive_json(timeout=SECONDS))


@pytest.fixture(scope="session")
def chromium():
    """The path of an installed Chromium."""
    from baler_vae.errors import MissingProgram
    from baler_vae.report.pdf import browser_path

    try:
        return browser_path()
    except MissingProgram as error:
        pytest.skip(error.what)


@pytest.fixture(scope="session")
def devtools(chromium, tmp_path_factory):
    """The address of a running Chromium, that is ended at last."""
    profile = tmp_path_factory.mktemp("profile")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    quiet = ["--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"]
    command = [chromium, "--headless", *sandbox, *quiet, "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{_port(process, profile / 'DevToolsActivePort')}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)


def _port(process: subprocess.Popen, file: Path) -> int:
    last = time.monotonic() + SECONDS
    while time.monotonic() < last:
        assert process.poll() is None, f"Chromium ended with status {process.returncode}"
        if file.exists() and file.read_text().count("\n") == 1:
            return int(file.read_text().split()[0])
        time.sleep(0.1)
    raise TimeoutError(f"Chromium opened no port within {SECONDS} s")


@pytest.fixture
def tab(devtools):
    """A new tab, closed after the test."""
    import aiohttp

    loop = asyncio.new_event_loop()

    async def opened():
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        async with session.put(f"{devtools}/json/new?about:blank") as answer:
            target = await answer.json()
        socket = await session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        return session, socket

    async def closed(session, socket):
        await socket.close()
        await session.close()

    session, socket = loop.run_until_complete(opened())
    try:
        yield Tab(loop, socket)
    finally:
        loop.run_until_complete(closed(session, socket))
        loop.close()
