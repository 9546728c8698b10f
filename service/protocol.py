"""uvicorn's HTTP protocol, with limits that lie below the application: on requests in flight, and on slow senders."""

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service import metrics
from service.problems import Overloaded, TooSlow, problem_response
from service.settings import Settings

ALWAYS = (b"/health", b"/v2/health", b"/metrics")
"""What is answered however many requests are in flight."""

FAREWELL = 0.3
"""Seconds for which an idle connection stays open when the service stops: a request may be on its way."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: Settings = self.app_state["settings"]
        self._patience: asyncio.TimerHandle | None = None
        self._whole = False
        self._earlier: RequestResponseCycle | None = None
        self._leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._whole:
            self._stop_waiting()
        elif self._patience is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._whole = False
        self._earlier = self.cycle
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        crowded = len(self.tasks) >= self._settings.max_in_flight and not self.url.startswith(ALWAYS)
        self.app = _overloaded if crowded else self.config.loaded_app
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._whole = True
        super().on_message_complete()

    def shutdown(self) -> None:
        self._leaving = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(FAREWELL, super().shutdown)
        else:
            super().shutdown()

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self._settings.request_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """The request has not come whole in time: say so, if anything of it has come and no answer is under way."""
        if self.flow.read_paused:  # it is we who are slow
            self._wait()
            return
        earlier_answered = self._earlier is None or self._earlier.response_complete
        unanswered = self.cycle is self._earlier or not self.cycle.response_started
        if self.headers and earlier_answered and unanswered:
            self.transport.write(_TOO_SLOW)
        self.transport.close()


def _crowd(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    response = problem_response(Overloaded(Overloaded.example, headers={"Retry-After": "1"}), path)
    start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    return start, {"type": "http.response.body", "body": response.body}


_CROWD, _CROWD_V2 = _crowd("/v1"), _crowd("/v2")


async def _overloaded(scope: Scope, _: Receive, send: Send) -> None:
    """An ASGI application that does as little as can be."""
    metrics.overloaded.inc()
    start, body = _CROWD_V2 if scope["path"].startswith("/v2") else _CROWD
    await send(dict(start))
    await send(dict(body))


def _too_slow() -> bytes:
    response = problem_response(TooSlow(TooSlow.example))
    headers = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
    return b"HTTP/1.1 408 Request Timeout\r\n" + headers + b"connection: close\r\n\r\n" + bytes(response.body)


_TOO_SLOW = _too_slow()
