"""The pages for people: drawing at `/`, the model at `/model`; plain files, which ask the API like any other client."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.routing import Mount
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")

FRESH = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "none"}
"""A browser asks whether a file has changed before it uses its copy: scripts and page are of one version."""


def install(app: FastAPI) -> None:
    """Add the pages and their files to `app`."""
    app.add_api_route("/", page("index.html"), include_in_schema=False)
    app.add_api_route("/model", page("model.html"), include_in_schema=False)
    app.mount("/static", _FILES, name="static")


def page(name: str, style: str = "'self'") -> Callable[[Request], Awaitable[Response]]:
    """The handler that gives a page of `STATIC`; `style` is whence its style may come."""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }

    async def give(request: Request) -> Response:
        response = await _FILES.get_response(name, request.scope)
        response.headers.update(headers)
        return response

    return give


class Files(StaticFiles):
    """A folder's. They are small: a wish for a part of one is passed over, as RFC 9110 allows (section 14.2)."""

    def __init__(self, directory: Path | str) -> None:
        super().__init__(directory=directory)
        self._route = Mount("/static", self)

    async def get_response(self, path: str, scope: Scope) -> Response:
        scope.setdefault("route", self._route)  # its name in the metrics
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
        return await super().get_response(path, scope)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(FRESH)
        return response


_FILES = Files(STATIC)
