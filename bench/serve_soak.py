#!/usr/bin/env python3
"""Many requests to a running server: is one lost, does its memory grow, how long do they take?

  serve_soak.py FOLDER [--requests 1000] [--connections 64] [--binary build/src/msmodelslim]

Completions and chats, streamed and in one piece, of many lengths, over connections that stay open; some clients leave in
the middle of an answer. Prints latencies, tokens per second and the server's memory after every quarter.
Exit 1 when an answer is lost or wrong, or when, with 1,000 requests or more, memory without the prefix cache (which has
a limit of its own) grows by more than 5 % (and 16 MB) from the second quarter on; before that it is still filling up.
"""
import argparse
import http.client
import json
import pathlib
import queue
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "interop"))
from serving import serve  # noqa: E402

WORDS = "the model reads a long text about the sea and answers in a few short words".split()


def rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def make_request(number, leave_share):
    rng = random.Random(number)
    text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 60)))
    body = {"max_tokens": rng.randint(1, 24), "stream": rng.random() < 0.5, "seed": number}
    body["temperature"] = rng.choice([0, 0.8])
    if rng.random() < 0.5:
        path = "/v1/chat/completions"
        body["messages"] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    else:
        path = "/v1/completions"
        body["prompt"] = text
    if body["stream"]:
        body["stream_options"] = {"include_usage": True}
    return path, body, body["stream"] and rng.random() < leave_share


def read_usage(response, streamed):
    """The usage of a whole answer."""
    text = response.read().decode()
    if response.status != 200:
        raise ValueError(f"status {response.status}: {text[:200]}")
    if not streamed:
        return json.loads(text)["usage"]
    events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    if events[-1] != "[DONE]":
        raise ValueError(f"a stream ended with {events[-1][:80]}")
    return json.loads(events[-2])["usage"]


class Soak:
    def __init__(self, port, leave_share):
        self.port, self.leave_share = port, leave_share
        self.lock = threading.Lock()
        self.latencies, self.lost, self.left, self.tokens = [], [], 0, 0

    def run(self, numbers, connections):
        waiting = queue.SimpleQueue()
        for number in numbers:
            waiting.put(number)
        threads = [threading.Thread(target=self.client, args=(waiting,)) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def client(self, waiting):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                break
            path, body, leave = make_request(number, self.leave_share)
            try:
                self.one(connection, path, body, leave)
            except (OSError, ValueError, http.client.HTTPException) as error:
                with self.lock:
                    self.lost.append(f"request {number}: {error!r}")
                connection.close()
        connection.close()

    def one(self, connection, path, body, leave):
        start = time.monotonic()
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if leave:
            response.read(40)
            connection.close()
            with self.lock:
                self.left += 1
            return
        usage = read_usage(response, body["stream"])
        if not 1 <= usage["completion_tokens"] <= body["max_tokens"]:
            raise ValueError(f"{usage} for max_tokens {body['max_tokens']}")
        with self.lock:
            self.latencies.append(time.monotonic() - start)
            self.tokens += usage["completion_tokens"]


def metric(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(f"msmodelslim_{name}{{"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--leave", type=float, default=0.1, help="share of streams whose client leaves (0.1)")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    args = parser.parse_args()
    with serve(args.binary, args.folder, "--max-model-len", "1024") as (process, port):
        soak = Soak(port, args.leave)
        start = time.monotonic()
        memory = []
        for quarter in range(4):
            soak.run(range(quarter * args.requests // 4, (quarter + 1) * args.requests // 4), args.connections)
            while metric(port, "requests_running") > 0:
                time.sleep(0.1)
            cache = metric(port, "prefix_cache_bytes") / 2**20
            memory.append(rss_mb(process.pid) - cache)
            print(f"after {(quarter + 1) * args.requests // 4} requests: {memory[-1]:.1f} MB and {cache:.1f} MB of prefix cache",
                  flush=True)
        seconds = time.monotonic() - start
    took = sorted(soak.latencies)
    print(f"answered {len(took)}, left by their clients {soak.left}, lost {len(soak.lost)}")
    print(f"{args.requests / seconds:.1f} requests/s, {soak.tokens / seconds:.0f} tokens/s")
    print("latency: " + ", ".join(f"p{p} {took[min(len(took) * p // 100, len(took) - 1)]:.2f} s" for p in (50, 90, 99)))
    for line in soak.lost[:5]:
        print(line)
    grown = memory[3] - memory[1]
    if args.requests >= 1000 and grown > max(16, memory[1] * 0.05):
        print(f"memory has grown by {grown:.1f} MB")
        return 1
    return 1 if soak.lost else 0


if __name__ == "__main__":
    sys.exit(main())
