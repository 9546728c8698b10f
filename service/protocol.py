"""uvicorn's HTTP protocol, with limits that lie below the application.

On requests in flight, on slow senders, on heads that do not end, and on those who ask and do not listen.
"""

import asyncio
import re
from functools import lru_cache
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service import metrics
from service.express import Express
from service.problems import HeadTooLarge, Overloaded, ProblemError, TooSlow, problem_response
from service.settings import Settings

ALWAYS = (b"/health", b"/v2/health", b"/metrics")
"""What is answered however many requests are in flight."""

_OTHER = rb"(?!connection:|proxy-connection:|expect:|transfer-encoding:|content-length:)[^\r\n]*"
PLAIN = re.compile(
    rb"POST (?P<path>/v[12]/\S*) HTTP/1\.1\r\n(?:%b\r\n)*content-length: *(?P<length>[0-9]{1,9})(?:\r\n%b)*"
    % (_OTHER, _OTHER),
    re.IGNORECASE,
)
"""The head of a request that can be refused as it stands; of others the parser takes care."""

LARGEST_HEAD = 2**16
"""Bytes of a request's first line and headers, or of trailers, beside the piece that they begin in."""

SETTLING = 0.3
"""Seconds from when a worker stops to listen until it closes connections: by then the others do not listen either.

A caller who is sent away and calls again at once would come into the line of one who is about to stop.
"""

FAREWELL = 0.3
"""Seconds for which an idle connection stays open when the service stops: a request may be on its way."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _deaf: ClassVar[set["Protocol"]] = set()
    """Those whose callers do not take what has been answered."""

    _this_turn: ClassVar[int] = 0
    """Requests that came since the event loop last looked at its connections, and went the short way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: Settings = self.app_state["settings"]
        self._express: Express | None = self.app_state["express"]
        self._patience: asyncio.TimerHandle | None = None
        self._whole = True
        """Whether no request is half sent."""
        self._hearing: asyncio.TimerHandle | None = None
        self._loose = 0
        """Bytes since a request began or anything of a body came: of a head, of trailers, or of nothing."""
        self._earlier: RequestResponseCycle | None = None
        self._leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._idle() and (self._sent_away(data) if self._crowded() else self._answered(data)):
            return
        self._loose += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._loose > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
        elif self._patience is None and not (self._whole and (self.answering() or self.timeout_keep_alive_task)):
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deaf.add(self)
        self._hearing = self.loop.call_later(self._settings.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._hear()
        super().resume_writing()

    def _hear(self) -> None:
        self._deaf.discard(self)
        if self._hearing is not None:
            self._hearing.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hear()
        self._stop_waiting()
        super().connection_lost(exc)

    def _crowded(self) -> bool:
        """Whether as many requests are in flight as may be, but for those whose answer is not taken."""
        tasks, most = len(self.tasks) + Protocol._this_turn, self._settings.max_in_flight
        return tasks >= most and tasks - sum(one.answering() for one in self._deaf) >= most

    def _sent_away(self, data: bytes) -> bool:
        """Whether `data` was one plain, whole request, and was refused without more ado: there may be very many."""
        head, _, body = data.partition(b"\r\n\r\n")
        plain = PLAIN.fullmatch(head)
        if not (plain and len(body) == int(plain["length"])):
            return False
        metrics.overloaded.inc()
        self._answer(_SENT_AWAY_V2 if plain["path"].startswith(b"/v2") else _SENT_AWAY)
        return True

    def _answered(self, data: bytes) -> bool:
        """Whether `data` was one whole request that could go the short way."""
        if self._express is None or self._leaving:
            return False
        answer = self._express.answer(data, _lines(tuple(self.server_state.default_headers)))
        if answer is None:
            return False
        if not Protocol._this_turn:
            self.loop.call_soon(self._end_turn)
        Protocol._this_turn += 1
        self._answer(answer)
        return True

    @staticmethod
    def _end_turn() -> None:
        Protocol._this_turn = 0

    def _idle(self) -> bool:
        """Whether the next byte begins a request, and no other is being answered."""
        unread = self in self._deaf or self.transport.is_closing()
        return self._whole and not self._loose and not self.answering() and not unread

    def _answer(self, answer: bytes) -> None:
        """Send `answer` to a request that the parser has not seen."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self.transport.write(answer)

    def on_message_begin(self) -> None:
        self._whole = False
        self._loose = 0
        self._earlier = self.cycle
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        crowded = self._crowded() and not self.url.startswith(ALWAYS)
        self.app = _overloaded if crowded else self.config.loaded_app
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._whole, self._loose = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def shutdown(self) -> None:
        self.loop.call_later(SETTLING, self._leave)

    def _leave(self) -> None:
        self._leaving = True
        if not self.answering():
            self.loop.call_later(FAREWELL, super().shutdown)
        else:
            super().shutdown()

    def answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self._settings.request_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """The request has not come whole in time."""
        if self.flow.read_paused:  # it is we who are slow
            self._wait()
            return
        v2 = not self._whole and self.url.startswith(b"/v2")
        self._refuse(_TOO_SLOW_V2 if v2 else _TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """Close the connection, with an `answer` if a request is half sent and no other answer is under way."""
        earlier_answered = self._earlier is None or self._earlier.response_complete
        unanswered = self.cycle is self._earlier or not self.cycle.response_started
        if not self._whole and earlier_answered and unanswered:
            self.transport.write(answer)
        self.transport.close()


@lru_cache(maxsize=2)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """`headers` as HTTP/1.1 has them; the date stays for a second."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_CROWDED = Overloaded(Overloaded.example, headers={"Retry-After": "1"})


def _crowd(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    response = problem_response(_CROWDED, path)
    start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    return start, {"type": "http.response.body", "body": response.body}


_CROWD, _CROWD_V2 = _crowd("/v1"), _crowd("/v2")


async def _overloaded(scope: Scope, _: Receive, send: Send) -> None:
    """An ASGI application that does as little as can be."""
    metrics.overloaded.inc()
    start, body = _CROWD_V2 if scope["path"].startswith("/v2") else _CROWD
    await send(dict(start))
    await send(dict(body))


def _raw(problem: ProblemError, path: str = "/", more: bytes = b"") -> bytes:
    """`problem` as an answer of HTTP/1.1."""
    response = problem_response(problem, path)
    headers = _lines(tuple(response.raw_headers))
    status = f"HTTP/1.1 {problem.status.value} {problem.status.phrase}\r\n".encode()
    return status + headers + more + b"\r\n" + bytes(response.body)


_SENT_AWAY, _SENT_AWAY_V2 = _raw(_CROWDED), _raw(_CROWDED, "/v2")
_TOO_SLOW, _TOO_SLOW_V2 = (_raw(TooSlow(TooSlow.example), path, more=b"connection: close\r\n") for path in ("/", "/v2"))
_HEAD_TOO_LARGE = _raw(HeadTooLarge(HeadTooLarge.example), more=b"connection: close\r\n")
