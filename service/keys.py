"""API keys: `Authorization: Bearer KEY`, where keys are set."""

import hmac
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import WrongKey, problem_response

GUARDED = ("/v1", "/v2", "/metrics")
"""What is asked for a key; health, the page, its files and the documentation are open."""

OPEN = "/v2/health/"


class KeyCheck:
    """ASGI middleware that answers 401 to a request for what is guarded, with no key or a wrong one."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(GUARDED) and not scope["path"].startswith(OPEN):
            scheme, _, key = next((v for name, v in scope["headers"] if name == b"authorization"), b"").partition(b" ")
            # Every key is compared, each in constant time: the time tells nothing.
            known = [hmac.compare_digest(key.strip(), one) for one in self.keys]
            if scheme.lower() != b"bearer" or not any(known):
                problem = WrongKey(
                    WrongKey.example,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await problem_response(problem, scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)
