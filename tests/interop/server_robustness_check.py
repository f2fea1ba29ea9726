#!/usr/bin/env python3
"""Does a running server bear bad clients?  (development only)

  server_robustness_check.py FOLDER [--binary build/src/msmodelslim]

Malformed HTTP, huge bodies, slow and silent clients, clients that leave, 1,000 idle connections, prompts that are too long,
a shutdown with an answer under way. After each the server must answer as before. Only the standard library.
"""
import argparse
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

from serving import free_port, serve, wait_until_healthy

HOST = "127.0.0.1"
OPTIONS = ["--served-model-name", "m", "--max-model-len", "1024"]
MALFORMED = [
    b"\x00\x01\x02\x03\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200 + b"\r\n\r\n",  # TLS
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
]


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def complete(port, **fields):
    body = json.dumps({"model": "m", "prompt": "Hello", "max_tokens": 4, "temperature": 0, **fields})
    status, answer = ask(port, "POST", "/v1/completions", body)
    return status, json.loads(answer)


def connect(port, data=b""):
    client = socket.create_connection((HOST, port), timeout=30)
    if data:
        client.sendall(data)
    return client


def read_all(client):
    pieces = []
    try:
        while piece := client.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def running(port):
    lines = ask(port, "GET", "/metrics")[1].decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith("msmodelslim_requests_running{"))


def wait_until_idle(port, seconds=10):
    end = time.monotonic() + seconds
    while running(port):
        assert time.monotonic() < end, "an answer that nobody wants goes on"
        time.sleep(0.02)


def check_malformed(port):
    for data in MALFORMED:
        answer = read_all(connect(port, data))
        assert answer.startswith(b"HTTP/1.1 4"), (data, answer[:80])
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"prompt": 1e999}', b"[" * 100000):
        status, answer = ask(port, "POST", "/v1/completions", body)
        assert status == 400 and json.loads(answer)["error"]["code"] == 400, (body[:20], status, answer[:80])
    assert ask(port, "DELETE", "/v1/completions")[0] == 405
    assert ask(port, "GET", "/../../etc/passwd")[0] == 404


def check_huge(port):
    size = 64 << 20
    client = connect(port, b"POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    try:
        for _ in range(size >> 20):
            client.sendall(b"x" * (1 << 20))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert b" 413 " in read_all(client)[:20]
    client = connect(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 200000 + b"\r\n\r\n")
    assert b" 413 " in read_all(client)[:20]


def check_long_prompts(port):
    for prompt in ("word " * 5000, "a" * (20 << 20), [1] * 5000):
        start = time.monotonic()
        status, answer = complete(port, prompt=prompt)
        assert status == 400 and "maximum context length" in answer["error"]["message"], answer
        assert time.monotonic() - start < 5
    assert complete(port, max_tokens=10**6)[0] == 400
    assert complete(port, prompt=["a"] * 2000)[0] == 400


def check_slow(port):
    slow = [connect(port, b"POST /v1/completions HTTP/1.1\r\nContent-Length: 1000\r\n") for _ in range(50)]
    for i in range(3):
        for client in slow:
            client.sendall(b"X-%d: y\r\n" % i)
        assert complete(port)[0] == 200
    for client in slow:
        client.close()


def check_leaving(port):
    stream = {"prompt": "Once upon a time", "max_tokens": 1000, "ignore_eos": True, "n": 4}
    for streamed in (True, False):
        body = json.dumps({**stream, "stream": streamed}).encode()
        client = connect(port, b"POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        if streamed:
            assert b"200 OK" in client.recv(100)
        while running(port) < 4:
            time.sleep(0.01)
        client.close()
        wait_until_idle(port)


def check_idle_connections(port, count=1000):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    idle = [connect(port) for _ in range(count)]
    start = time.monotonic()
    assert complete(port)[0] == 200
    assert time.monotonic() - start < 10
    for client in idle[:: count // 10]:  # they are not forgotten, either
        client.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    for client in idle:
        client.close()


def check_shutdown(binary, folder):
    """A signal lets answers under way come to their end, takes no new connections, and ends the server."""
    port = free_port()
    process = subprocess.Popen([binary, "serve", folder, "--port", str(port), *OPTIONS])
    try:
        wait_until_healthy(process, port)
        body = json.dumps({"prompt": "Once", "max_tokens": 60, "ignore_eos": True, "stream": True}).encode()
        client = connect(port, b"POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert b"200 OK" in client.recv(100)
        idle = connect(port)
        process.send_signal(signal.SIGTERM)
        assert read_all(idle) == b""
        try:
            connect(port)
            raise AssertionError("a server that shuts down took a connection")
        except ConnectionRefusedError:
            pass
        assert b"data: [DONE]" in read_all(client)
        assert process.wait(timeout=30) == 0
    finally:
        if process.poll() is None:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    args = parser.parse_args()
    with serve(args.binary, args.folder, *OPTIONS) as (process, port):
        expected = complete(port)[1]["choices"]
        checks = (check_malformed, check_huge, check_long_prompts, check_slow, check_leaving, check_idle_connections)
        for check in checks:
            check(port)
            assert process.poll() is None, f"{check.__name__} has ended the server"
            assert complete(port)[1]["choices"] == expected, f"after {check.__name__} answers differ"
            print(f"{check.__name__}: good", flush=True)
        assert len(os.listdir(f"/proc/{process.pid}/fd")) < 100, "connections are left open"
    check_shutdown(args.binary, args.folder)
    print("check_shutdown: good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
