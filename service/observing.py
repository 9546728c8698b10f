"""What is known of each request: its id, a line in the log, its share in the metrics."""

import json
import logging
import re
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from random import getrandbits

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import later, metrics
from service.problems import InternalError, ShuttingDown, problem_response

logger = logging.getLogger("service.requests")

HEADER = b"x-request-id"
PROPER = re.compile(rb"[!-~]{1,128}")
"""An id that a caller may choose: visible ASCII."""

LONGEST_PATH = 120
"""Signs of a path that stand in the log, twice, of twelve bytes each at most: longer lines would be torn."""

NO_ROUTE = "none"
"""The path of a request that fits none: paths of callers' making would each be one more series."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered; `None` outside of one."""


class Observer:
    """ASGI middleware. The caller's `X-Request-ID`, or a new one, stands on the answer and in every line of the log."""

    def __init__(self, app: ASGIApp, around: Callable[[ASGIApp], ASGIApp] | None = None) -> None:
        """`around` is put around the answer to a request that fails, as that comes from outside of `app`."""
        self.app = app
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        own = given if PROPER.fullmatch(given) else new_id()
        request_id.set(own.decode())
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, own)]
            await send(message)

        async def instead(answer: ASGIApp) -> None:
            if not status:
                await (self._around(answer) if self._around else answer)(scope, receive, watched)

        try:
            await self.app(scope, receive, watched)
        except CancelledError:  # the time to shut down is over
            await instead(problem_response(ShuttingDown(), scope["path"]))
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"][:LONGEST_PATH])
            await instead(problem_response(InternalError(), scope["path"]))
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            answered(scope["method"], scope["path"], route, status, time.perf_counter() - started, own.decode())


def new_id() -> bytes:
    """An id for a request that has none."""
    return b"%032x" % getrandbits(128)


def answered(method: str, path: str, route: str, status: int, seconds: float, request: str) -> None:
    """Have a request put into the log and the metrics."""
    later.do(_put, (method, path[:LONGEST_PATH], route, status, seconds, request, int(time.time())))


def _put(entry: tuple[str, str, str, int, float, str, int]) -> None:
    method, path, route, status, seconds, request, second = entry
    requests, request_seconds = _counters(method, route, status)
    requests.inc()
    request_seconds.observe(seconds)
    if logger.isEnabledFor(logging.INFO):
        line = _known_line if path == route else _line  # paths of callers' making would fill the memory
        before, behind = line(method, path, status)
        text = request if request.isalnum() else json.dumps(request)[1:-1]
        _lines.append(f'{before}{stamp(second)}{behind}, "request_id": "{text}", "ms": {1000 * seconds:.2f}}}\n')


@lru_cache(maxsize=1000)
def _counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return metrics.requests.labels(method, route, status), metrics.request_seconds.labels(route)


MOST_LINES = 10_000
"""That wait to be written; where nobody takes them, the oldest are lost."""

_lines: deque[str] = deque(maxlen=MOST_LINES)
"""Of the log, that are still to be written."""


def _line(method: str, path: str, status: int) -> tuple[str, str]:
    """What stands before and behind the time; as a formatter would write it, at a fifth of the cost."""
    line = {
        "time": "",
        "level": "INFO",
        "logger": logger.name,
        "message": f"{method} {path} {status}",
        "method": method,
        "path": path,
        "status": status,
    }
    before, behind = json.dumps(line).removesuffix("}").split('""', 1)
    return f'{before}"', f'"{behind}'


_known_line = lru_cache(maxsize=1000)(_line)


@lru_cache(maxsize=2)
def stamp(second: int) -> str:
    """Of local time, as ISO 8601 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))


def add(line: str) -> None:
    """To the log, behind the requests before it."""
    later.do(_lines.append, line)


def lines() -> str:
    """Those of the log that gathered since the last call."""
    later.settle()
    return "".join(_lines.popleft() for _ in range(len(_lines)))
