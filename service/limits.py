"""No request body grows past the limit, whether its length was announced or not, nor do all of them together."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.problems import Overloaded, TooLarge

MOST_AT_ONCE = 8
"""Largest bodies that may be in memory together."""

SMALL = 2**16
"""Bytes of a body that is taken even then."""


class BodyLimit:
    """ASGI middleware that answers 413 before a body of more than `max_bytes` is in memory, 503 before too many are."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self._held = 0
        """Bytes of all bodies whose requests are not answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        received = 0

        async def counted() -> Message:
            nonlocal received
            if int(announced.lstrip(b"0") or b"0") > self.max_bytes:
                raise self._too_large()
            message = await receive()
            length = len(message.get("body", b""))
            received += length
            self._held += length
            if received > self.max_bytes:
                raise self._too_large()
            if received > SMALL and self._held > MOST_AT_ONCE * self.max_bytes:
                metrics.overloaded.inc()
                raise Overloaded("Too much is being sent at once: send it again.", headers={"Retry-After": "1"})
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._held -= received

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A request body may have {self.max_bytes} bytes: send fewer or smaller images.")
