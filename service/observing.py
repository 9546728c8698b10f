"""What is known of each request: its id, a line in the log, its share in the metrics."""

import logging
import re
import time
from contextvars import ContextVar
from random import getrandbits

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.problems import internal_error

logger = logging.getLogger("service.requests")

HEADER = b"x-request-id"
PROPER = re.compile(rb"[!-~]{1,128}")
"""An id that a caller may choose: visible ASCII."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered; `None` outside of one."""


class Observer:
    """ASGI middleware. The caller's `X-Request-ID`, or a new one, stands on the answer and in every line of the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        number = given if PROPER.fullmatch(given) else f"{getrandbits(128):032x}".encode()
        request_id.set(number.decode())
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, number)]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not status:
                await internal_error(scope["path"])(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(
                scope.get("route"), "path", "none"
            )  # a path of the caller's making would be one more series
            metrics.requests.labels(scope["method"], route, status).inc()
            metrics.request_seconds.labels(route).observe(seconds)
            line = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(1000 * seconds, 2)}
            logger.info("%(method)s %(path)s %(status)d", line, extra={"fields": line})
