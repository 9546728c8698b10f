"""API keys: `Authorization: Bearer KEY`, where keys are set."""

import hmac
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import WrongKey, problem_response

GUARDED = ("/v1", "/v2", "/metrics")
"""What is asked for a key; health, the page, its files and the documentation are open."""

OPEN = "/v2/health/"


def guarded(path: str) -> bool:
    return path.startswith(GUARDED) and not path.startswith(OPEN)


class Keys:
    """Those that a request may bring."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]
        self.needed = bool(keys)

    def know(self, authorization: bytes) -> bool:
        """Whether the header names one of them, or there are none. Each is compared in constant time."""
        scheme, _, key = authorization.partition(b" ")
        known = [hmac.compare_digest(key.strip(), one) for one in self._keys]
        return not self.needed or (scheme.lower() == b"bearer" and any(known))


class KeyCheck:
    """ASGI middleware that answers 401 to a request for what is guarded, with no key or a wrong one."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and guarded(scope["path"]):
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not self.keys.know(given):
                problem = WrongKey(headers={"WWW-Authenticate": "Bearer"})
                await problem_response(problem, scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)
