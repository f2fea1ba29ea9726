"""A `msmodelslim serve` for a check: started on a free port, ended with it."""
import contextlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(process, port, seconds=120):
    for _ in range(seconds * 10):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError("the server does not answer")


@contextlib.contextmanager
def serve(binary, folder, *options, port=None):
    """Gives the process and its port. The server must end by itself after SIGTERM, with exit code 0."""
    port = port or free_port()
    process = subprocess.Popen([binary, "serve", folder, "--port", str(port), *options])
    try:
        wait_until_healthy(process, port)
        yield process, port
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, "the server did not end well"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
