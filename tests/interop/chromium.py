"""A headless Chromium, spoken to through its DevTools pipe; nothing but the standard library."""
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time


def find():
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)


class Page:
    def __init__(self, to_browser, from_browser):
        self._to, self._from, self._rest = to_browser, from_browser, b""
        self._numbers = itertools.count(1)
        self._session = None

    def open(self, url, width, height):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=url)

    def call(self, method, **params):
        """The result of a DevTools command."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _read(self):
        while b"\0" not in self._rest:
            more = os.read(self._from, 1 << 16)
            if not more:
                raise RuntimeError("Chromium has ended")
            self._rest += more
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def value(self, script):
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script, what, seconds=60):
        end = time.monotonic() + seconds
        while not self.value(script):
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not come within {seconds} s")
            time.sleep(0.05)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press_enter(self):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def screenshot(self, path, whole=False):
        """Of the window, or of the whole page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole))
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def _clip(self, whole):
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "scale": 1}}


@contextlib.contextmanager
def page(url, width=1180, height=860):
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()

    def use_pipes():  # Chromium reads from 3 and writes to 4
        for from_fd, to_fd in ((os.dup(command_read), 3), (os.dup(answer_write), 4)):
            os.dup2(from_fd, to_fd)

    # Chromium's children may write into the profile a moment longer than Chromium itself lives.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find(), "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"]
        command += ["--disable-dev-shm-usage", "--disable-extensions", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")
        browser = subprocess.Popen(command, preexec_fn=use_pipes, close_fds=False, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        os.close(command_read)
        os.close(answer_write)
        try:
            tab = Page(command_write, answer_read)
            tab.open(url, width, height)
            yield tab
        finally:
            browser.terminate()
            browser.wait(timeout=30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
            os.close(command_write)
            os.close(answer_read)
