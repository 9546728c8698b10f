"""Requests without an end, every answer of which is looked at."""

import asyncio
import json
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from typing import NamedTuple

import httptools
import numpy as np
from numpy.typing import NDArray

from proofs.promise import BrokenPromiseError, require


class Right(NamedTuple):
    """An answer that says 7."""

    sent: float
    """`time.monotonic()`; at a given rate, when it was due."""
    seconds: float
    version: int


class Load:
    """A 7 is sent over `connections` kept connections: as fast as it is answered, or `rate` times a second in all.

    A connection that the other side closes is opened anew; one that it refuses is not a request. A context manager.
    """

    def __init__(self, port: int, image: bytes, connections: int = 16, rate: float | None = None) -> None:
        self.right: list[Right] = []
        self.wrong: Counter[str] = Counter()
        """Answers that say anything but a 7."""
        self.lost = 0
        """Requests on an open connection that were never answered."""
        self.port, self.connections, self.rate = port, connections, rate
        head = (
            f"POST /v1/predict/image HTTP/1.1\r\nHost: proof\r\nContent-Type: image/png\r\nContent-Length: {len(image)}"
        )
        self.request = f"{head}\r\n\r\n".encode() + image
        self.ended = False
        self.idle: deque[_Connection] = deque()
        self.waiting: deque[float] = deque()
        """When those were due for which no connection is free."""
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True
        self._thread.join(40)
        if self._thread.is_alive():
            raise BrokenPromiseError("a request was not answered for 40 s")
        if self._fault is not None:
            raise self._fault

    def times(self, first: float = 0, last: float = np.inf) -> NDArray[np.float64]:
        """Milliseconds of the right answers to what was sent between two moments."""
        return 1000 * np.array([one.seconds for one in list(self.right) if first <= one.sent < last])

    def require_all_right(self) -> None:
        require(len(self.right) > 0, "nothing was answered")
        require(not self.wrong and not self.lost, f"{self.lost} requests lost, wrong answers: {dict(self.wrong)}")

    def free(self, connection: "_Connection") -> None:
        if self.ended:
            connection.transport.close()
        elif self.rate is None:
            connection.send(time.monotonic())
        elif self.waiting:
            connection.send(self.waiting.popleft())
        else:
            self.idle.append(connection)

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as fault:  # for the thread that waits for this one
            self._fault = fault

    async def _run(self) -> None:
        keepers = [asyncio.create_task(self._keep_open()) for _ in range(self.connections)]
        if self.rate is not None:
            await self._pace(self.rate)
        await asyncio.gather(*keepers)

    async def _keep_open(self) -> None:
        """One connection, again and again."""
        loop = asyncio.get_running_loop()
        while not self.ended:
            try:
                _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            while not connection.closed.is_set():
                if self.ended and connection.waits_since is None:
                    connection.transport.close()
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(connection.closed.wait(), 0.2)

    async def _pace(self, rate: float) -> None:
        started, due = time.monotonic(), 0
        while not self.ended:
            while due < (time.monotonic() - started) * rate:
                moment = started + due / rate
                if self.idle:
                    self.idle.popleft().send(moment)
                else:
                    self.waiting.append(moment)
                due += 1
            await asyncio.sleep(0.002)


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self.load = load
        self.waits_since: float | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.load.free(self)

    def send(self, due: float) -> None:
        if self.transport.is_closing():
            return
        self.waits_since = due
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        load, since = self.load, self.waits_since
        assert since is not None
        status = self.parser.get_status_code()
        answer = json.loads(self.body) if status == 200 else {}
        if status == 200 and answer["predictions"][0]["digit"] == 7:
            load.right.append(Right(since, time.monotonic() - since, answer["model"]["version"]))
        else:
            load.wrong[f"{status} {self.body[:200].decode(errors='replace')}"] += 1
        self.body, self.waits_since = b"", None
        if self.parser.should_keep_alive():
            load.free(self)
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if self.waits_since is not None:
            self.load.lost += 1
        if self in self.load.idle:
            self.load.idle.remove(self)
        self.closed.set()
