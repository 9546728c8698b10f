"""No request body grows past the limit, whether its length was announced or not."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import TooLarge


class BodyLimit:
    """ASGI middleware that answers 413 before a body of more than `max_bytes` is in memory."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

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
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A request body may have {self.max_bytes} bytes: send fewer or smaller images.")
