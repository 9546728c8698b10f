"""uvicorn's HTTP protocol, with limits that lie below the application.

On requests in flight, on slow senders, on heads that do not end, and on those who ask and do not listen.
"""

import asyncio
import logging
import re
from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service import metrics
from service.express import MOST_HEADERS, Express, Job
from service.problems import HeadTooLarge, Malformed, Overloaded, ProblemError, TooSlow, problem_response
from service.settings import Settings

logger = logging.getLogger(__name__)

ALWAYS = (b"/health", b"/v2/health", b"/metrics")
"""What is answered however many requests are in flight."""

_OTHER = rb"(?!origin:|connection:|proxy-connection:|expect:|transfer-encoding:|content-length:)[^\r\n]*"
REFUSABLE = re.compile(
    rb"POST (?P<path>/v[12]/\S*) HTTP/1\.1\r\n(?:%b\r\n)*content-length: *(?P<length>[0-9]{1,9})(?:\r\n%b)*"
    % (_OTHER, _OTHER),
    re.IGNORECASE,
)
"""The head of a request that can be refused as it stands; of others the parser takes care."""

UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
"""The offer to go on in another protocol, which may be passed over (RFC 9110, section 7.8)."""

FRAMED = (b"content-length", b"transfer-encoding")
"""Headers of a request that has a body."""

SENDING = 4
"""Requests that may be half sent at a time, for each that may be in flight; of more, the first is given up."""

MOST_PIPELINED = 128
"""Requests that may wait on a connection for those before them; one piece of what is received may have thousands."""

LARGEST_HEAD = 2**16
"""Bytes of a request's first line and headers, or of trailers, beside the piece that they begin in."""

MOST_JOBS = 16
"""Requests that are answered in one go: the first of more would wait too long."""

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

    _sending: ClassVar[dict["Protocol", None]] = {}
    """Those whose requests are begun and not whole, the one that began first first: it is the callers who take long.

    The application knows of a request from when its head is there.
    """

    _given_up: ClassVar[set["Protocol"]] = set()
    """Those of which the rest will not come; the application learns of that a moment later."""

    _jobs: ClassVar[list[tuple["Protocol", Express, Job]]] = []
    """Requests that came since the event loop last looked at its connections, and go the short way."""

    _this_turn: ClassVar[int] = 0
    """How many these are, those that are answered included."""

    _quiet: ClassVar[bool] = False
    """Whether there was but one in the last turn that had any: then the next does not wait for others."""

    _headers: ClassVar[list[tuple[bytes, bytes]]] = []
    _header_lines: ClassVar[bytes] = b""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: Settings = self.app_state["settings"]
        self._express: Express | None = self.app_state["express"]
        self._patience: asyncio.TimerHandle | None = None
        self._whole = True
        """Whether no request is half sent."""
        self._hearing: asyncio.TimerHandle | None = None
        self.headed = False
        """Whether the request that came last has its head."""
        self._fault = _MALFORMED
        """What is wrong with what the parser refuses."""
        self._loose = 0
        """Bytes since a request began or anything of a body came: of a head, of trailers, or of nothing."""
        self._earlier: RequestResponseCycle | None = None
        self._leaving = False
        self._running = False
        """Whether the application has a request."""
        self._held = b""
        """The head of a request, until its body comes."""
        self.taken = False
        """Whether its request goes the short way, and is not answered yet."""
        self._answered_at = -inf
        """When the last answer went the short way, in the event loop's time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # who takes all but a few bytes is told from who listens, too
        self._be_patient()

    def data_received(self, data: bytes) -> None:
        if self.taken:  # here is more before that is answered
            self._answer_taken()
        head, self._held = self._held, b""
        if self._patience is not None and not head and self._idle():  # it is open since long, perhaps
            self._be_patient()
        data = head + data
        if not self._idle():
            self.received(data)
        elif self._crowded():
            if not self._sent_away(data):
                self.received(data)
        elif not (self._took(data) or (not head and self._keeps(data))):
            self.received(data)

    def _took(self, data: bytes) -> bool:
        """Whether `data` was one whole request that goes the short way.

        It waits for all others of this turn: in a row they take less time than each at its own, as the caches then hold
        what comes next.
        """
        if self._express is None or self._leaving or (job := self._express.take(data)) is None:
            return False
        self._end_patience()
        if not Protocol._this_turn:
            self.loop.call_soon(self._end_turn)
        Protocol._this_turn += 1
        Protocol._jobs.append((self, self._express, job))
        self.taken = True
        if Protocol._quiet or len(Protocol._jobs) >= MOST_JOBS:
            self._answer_taken()
        return True

    def _keeps(self, head: bytes) -> bool:
        """Whether `head` is kept until the body comes: most programs send them one after the other."""
        if self._express is None or self._leaving or not self._express.awaits(head):
            return False
        self._held = head
        self._unset_keepalive_if_required()
        if self._patience is None:
            self._be_patient()
        return True

    @classmethod
    def _end_turn(cls) -> None:
        Protocol._quiet, Protocol._this_turn = Protocol._this_turn == 1, 0
        cls._answer_taken()

    @staticmethod
    def _answer_taken() -> None:
        jobs, Protocol._jobs = Protocol._jobs, []
        answers = [express.answer(job, protocol.more_headers()) for protocol, express, job in jobs]
        for (protocol, express, job), answer in zip(jobs, answers, strict=True):
            try:
                protocol.finish(express, job, answer)
            except Exception:  # the others are to have theirs
                logger.exception("a request cannot be answered")
                protocol.transport.close()

    def finish(self, express: Express, job: Job, answer: bytes | None) -> None:
        """Send the `answer` to what was taken, or let it go the long way."""
        self.taken = False
        if answer is None:
            self.received(job.data)
        elif not self.transport.is_closing():
            self.transport.write(answer)
            self._expect_next()
            express.note(job)

    def received(self, data: bytes) -> None:
        """What goes the long way."""
        if self._whole and not self._loose:
            head, end, rest = data.partition(b"\r\n\r\n")
            if end:  # a head in pieces keeps its offer, and is refused if it has a body
                data = UPGRADE.sub(b"", head) + end + rest
        self._loose += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._give_first_up()
        if self._loose > LARGEST_HEAD:
            self.refuse(_HEAD_TOO_LARGE)
        elif self._patience is None and not (self._whole and (self.answering() or self.timeout_keep_alive_task)):
            self._be_patient()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's says nothing, which closes
        """Who has asked and will send no more gets the answer all the same. Returns whether it stays open for that."""
        if self.taken:
            self._answer_taken()
        if not (self._whole and self.answering()):
            return False
        self.cycle.keep_alive = False  # the last one's
        return True

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
        self._end_patience()
        self.expect_no_more()
        self._held = b""
        super().connection_lost(exc)

    def _crowded(self) -> bool:
        """Whether as many requests are in flight as may be, but for those whose callers let the service wait."""
        tasks, most = len(self.tasks) + Protocol._this_turn, self._settings.max_in_flight
        if tasks < most:
            return False
        deaf = sum(one.answering() for one in self._deaf if one not in self._sending)
        sending = sum(one.headed for one in self._sending)
        return tasks - deaf - sending - len(self._given_up) >= most

    def _give_first_up(self) -> None:
        """Of more half-sent requests than may be, the one that began first; this is not it."""
        if self in self._sending and len(self._sending) > SENDING * self._settings.max_in_flight:
            next(iter(self._sending)).refuse(_TOO_SLOW)

    def expect_no_more(self) -> None:
        """Of a request that is half sent."""
        if self._sending.pop(self, 0) is None and self._running:
            self._given_up.add(self)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._running = True
        try:
            await self.config.loaded_app(scope, receive, send)
        finally:
            self._running = False
            self._given_up.discard(self)

    def _sent_away(self, data: bytes) -> bool:
        """Whether `data` was one plain, whole request, and was refused without more ado: there may be very many."""
        head, _, body = data.partition(b"\r\n\r\n")
        plain = REFUSABLE.fullmatch(head)
        if not (plain and len(body) == int(plain["length"])):
            return False
        self._end_patience()
        metrics.overloaded.inc()
        self.transport.write(_SENT_AWAY_V2 if plain["path"].startswith(b"/v2") else _SENT_AWAY)
        self._expect_next()
        return True

    def _let_go(self) -> None:
        """What is kept goes the long way."""
        if held := self._held:
            self._held = b""
            self.received(held)

    def more_headers(self) -> bytes:
        """Those that stand on every answer: once a second uvicorn has others, with another date."""
        headers = self.server_state.default_headers
        if headers is not Protocol._headers:
            Protocol._headers, Protocol._header_lines = headers, _lines(headers)
        return Protocol._header_lines

    def _idle(self) -> bool:
        """Whether the next byte begins a request, and no other is being answered."""
        unread = self in self._deaf or self.transport.is_closing()
        return self._whole and not self._loose and not self.answering() and not unread

    def _expect_next(self) -> None:
        """After the answer to a request that the parser has not seen."""
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._close_in(self.timeout_keep_alive)

    def _close_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, if it is idle as long as it may be: a timer for every answer would cost too much."""
        if self.taken:  # its answer counts anew
            self._answer_taken()
        if self.answering():  # it went the long way after all, which has a timer of its own
            return
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._close_in(left)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self._whole = self.headed = False
        self._loose = 0
        self._earlier = self.cycle
        if self._earlier is None or self._earlier.response_complete:
            self._sending[self] = None
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of a head: trailers are nobody's to heed (RFC 9110, section 6.5.1), nor are spaces around a value."""
        if self.headed:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._fault = _HEAD_TOO_LARGE
            raise ValueError("too many headers")  # the parser's error, then
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError("too many requests at once")
        if self.parser.should_upgrade() and any(name in FRAMED for name, _ in self.headers):
            raise ValueError("it would be read as having no body")
        crowded = self._crowded() and not self.url.startswith(ALWAYS)
        self.app = self.app_state["overloaded"] if crowded else self._application
        super().on_headers_complete()
        self.headed = True
        if crowded:
            self._sending.pop(self, None)
        if self._leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._whole, self._loose = True, 0
        self._end_patience()
        self._sending.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._sending.pop(self, None)
        super().on_response_complete()
        next_one = not self.pipeline and self._earlier is not None and self._earlier.response_complete
        if next_one and not self._whole and (self.answering() or not self.headed):
            self._sending[self] = None
            self._give_first_up()

    def shutdown(self) -> None:
        self.loop.call_later(SETTLING, self._leave)

    def _leave(self) -> None:
        self._leaving = True
        if self.taken:
            self._answer_taken()
        self._let_go()
        if not self.answering():
            self.loop.call_later(FAREWELL, super().shutdown)
        else:
            super().shutdown()

    def answering(self) -> bool:
        return self.taken or (self.cycle is not None and not self.cycle.response_complete)

    def _be_patient(self) -> None:
        self._end_patience()
        self._patience = self.loop.call_later(self._settings.request_seconds, self._give_up)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """The request has not come whole in time."""
        if self.flow.read_paused:  # it is we who are slow
            self._be_patient()
            return
        self._let_go()
        self.refuse(_TOO_SLOW)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's own text
        if self.transport.is_closing():
            return
        if self.answering() and (self._whole or self.cycle is self._earlier):
            self.cycle.keep_alive = False  # what came before it is answered first
            self._loose = 0  # whatever comes now
            self.flow.pause_reading()
            return
        self.refuse(self._fault)

    def refuse(self, answers: tuple[bytes, bytes]) -> None:
        """Close the connection, with one of `answers` if a request is half sent and no other answer is under way."""
        self.expect_no_more()
        earlier_answered = self._earlier is None or self._earlier.response_complete
        unanswered = self.cycle is self._earlier or not self.cycle.response_started
        if not self._whole and earlier_answered and unanswered:
            self.transport.write(answers[self.url.startswith(b"/v2")])
        self.transport.close()


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """`headers` as HTTP/1.1 has them."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_CROWDED = Overloaded(headers={"Retry-After": "1"})


_CROWD, _CROWD_V2 = problem_response(_CROWDED), problem_response(_CROWDED, "/v2")


async def overloaded(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application that does as little as can be."""
    metrics.overloaded.inc()
    await (_CROWD_V2 if scope["path"].startswith("/v2") else _CROWD)(scope, receive, send)


def _raw(problem: ProblemError, path: str = "/", more: bytes = b"") -> bytes:
    """`problem` as an answer of HTTP/1.1."""
    response = problem_response(problem, path)
    headers = _lines(response.raw_headers)
    status = f"HTTP/1.1 {problem.status.value} {problem.status.phrase}\r\n".encode()
    return status + headers + more + b"\r\n" + bytes(response.body)


_SENT_AWAY, _SENT_AWAY_V2 = _raw(_CROWDED), _raw(_CROWDED, "/v2")


def _last(kind: type[ProblemError]) -> tuple[bytes, bytes]:
    """What is sent before a connection is closed, in the form of either API."""
    problem, more = kind(), b"connection: close\r\n"
    return _raw(problem, more=more), _raw(problem, "/v2", more=more)


_TOO_SLOW, _HEAD_TOO_LARGE, _MALFORMED = _last(TooSlow), _last(HeadTooLarge), _last(Malformed)
