"""A load generator: raw HTTP/1.1 over kept connections, in a process of its own.

    python -m benchmarks.load --port 8000 --request FILE --connections 32 --seconds 5 [--rate 30000 [--random]]

`FILE` holds one whole request. Without a rate every connection sends as soon as it is answered (a closed loop). With
one, requests are due at even distances, or at random ones as in a Poisson process, whether or not the server keeps up
(an open loop), and their time counts from when they were due, and beside that from when a connection was free to send
them. Prints one JSON object.
"""

import argparse
import asyncio
import json
import math
import time
from collections import deque
from pathlib import Path

import httptools
import numpy as np
import uvloop


class Connection(asyncio.Protocol):
    """Sends what is due, one request at a time."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.due = self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.run.free(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.run.answered(self.due, self.sent, self.parser.get_status_code())
        if self.parser.should_keep_alive():
            self.run.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.run.lost()

    def send(self, due: float) -> None:
        self.due, self.sent = due, time.perf_counter()
        self.transport.write(self.run.request)  # type: ignore[attr-defined]  # it is a socket's


class Run:
    """One measurement."""

    def __init__(self, request: bytes, rate: float | None, *, random: bool) -> None:
        self.request = request
        self.random = random
        self.rate = rate
        self.idle: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.times: dict[int, list[tuple[float, float]]] = {}
        self.dropped = 0
        self.ended = False

    def free(self, connection: Connection) -> None:
        if self.ended:
            return
        if self.rate is None:
            connection.send(time.perf_counter())
        elif self.waiting:
            connection.send(self.waiting.popleft())
        else:
            self.idle.append(connection)

    def answered(self, due: float, sent: float, status: int) -> None:
        now = time.perf_counter()
        self.times.setdefault(status, []).append((now - due, now - sent))

    def lost(self) -> None:
        self.dropped += not self.ended

    async def pace(self, rate: float, seconds: float) -> None:
        """Have requests be due."""
        count = int(rate * seconds)
        gaps = np.random.default_rng(0).exponential(1 / rate, count) if self.random else np.full(count, 1 / rate)
        due = deque((time.perf_counter() + np.cumsum(gaps)).tolist())
        while due:
            while due and due[0] <= time.perf_counter():
                moment = due.popleft()
                if self.idle:
                    self.idle.popleft().send(moment)
                else:
                    self.waiting.append(moment)
            while len(self.waiting) > rate:  # a client would have given up after a second
                self.waiting.popleft()
            await asyncio.sleep(0.001)


async def measure(
    port: int, request: bytes, connections: int, seconds: float, rate: float | None, *, random: bool
) -> dict[str, object]:
    run = Run(request, rate, random=random)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    started = time.perf_counter()
    await (asyncio.sleep(seconds) if rate is None else run.pace(rate, seconds))
    elapsed = time.perf_counter() - started
    run.ended = True
    due, sent = 1000 * np.array(run.times.get(200, [(math.nan, math.nan)])).T
    return {
        "per_second": len(run.times.get(200, [])) / elapsed,
        "statuses": {str(status): len(times) for status, times in run.times.items()},
        "dropped": run.dropped,
        "p50_ms": float(np.median(due)),
        "p99_ms": float(np.quantile(due, 0.99)),
        "p99_sent_ms": float(np.quantile(sent, 0.99)),
        "sent_ms": np.quantile(sent, np.linspace(0.0005, 0.9995, 1000)).tolist(),  # of each thousandth the middle
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--request", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()
    request = args.request.read_bytes()
    found = uvloop.run(measure(args.port, request, args.connections, args.seconds, args.rate, random=args.random))
    print(json.dumps(found))  # noqa: T201  # what it is for


if __name__ == "__main__":
    main()
