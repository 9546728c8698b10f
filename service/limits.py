"""No request body grows past the limit, whether its length was announced or not, nor do all of them together."""

from anyio import CancelScope
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.problems import Overloaded, TooLarge

MOST_AT_ONCE = 8
"""Largest bodies that may be in memory together."""

SMALL = 2**16
"""Bytes of a body that is taken even then."""


class Coming:
    """A body that is on its way."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes."""
        self._given_up = False
        self._waiting: CancelScope | None = None

    async def next(self, receive: Receive) -> Message:
        """Raises `Overloaded` where it was given up."""
        if self.received <= SMALL:  # it is never given up
            message = await receive()
        else:
            with CancelScope() as self._waiting:
                message = await receive()
        if self._given_up:
            raise too_much()
        self.received += len(message.get("body", b""))
        return message

    def give_up(self) -> int:
        """Returns the bytes that go with it."""
        self._given_up = True
        if self._waiting is not None:
            self._waiting.cancel()
        bytes_, self.received = self.received, 0
        return bytes_


class BodyLimit:
    """ASGI middleware that answers 413 before a body of more than `max_bytes` is in memory.

    Where too many are, the one that began first makes room, of those that are on their way and not small; 503.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self._held = 0
        """Bytes of all bodies whose requests are not answered."""
        self._coming: dict[Coming, None] = {}
        """Those that are not small, the one that began first first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        coming = Coming()

        async def counted() -> Message:
            if int(announced.lstrip(b"0") or b"0") > self.max_bytes:
                raise self._too_large()
            before = coming.received
            message = await coming.next(receive)
            self._held += coming.received - before
            if coming.received > self.max_bytes:
                raise self._too_large()
            if coming.received > SMALL:
                self._make_room(coming)
            if not message.get("more_body", False):
                self._coming.pop(coming, None)
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._coming.pop(coming, None)
            self._held -= coming.received

    def _make_room(self, coming: Coming) -> None:
        """For what has come now; raises `Overloaded` where there is none to be had."""
        self._coming[coming] = None
        if self._held <= MOST_AT_ONCE * self.max_bytes:
            return
        first = next(iter(self._coming))
        if first is coming:
            raise too_much()
        del self._coming[first]
        self._held -= first.give_up()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A request body may have {self.max_bytes} bytes: send fewer or smaller images.")


def too_much(detail: str = "Too much is being sent at once: send it again.") -> Overloaded:
    """To be raised; it is counted."""
    metrics.overloaded.inc()
    return Overloaded(detail, headers={"Retry-After": "1"})
