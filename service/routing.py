"""What the routes of both APIs share."""

import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from contract.artifact import NotNowError
from service.limits import too_much
from service.model import Model
from service.patience import AT_ONCE, ENDLESS, SHORT, Patience, TakesLongError
from service.problems import NoModel, ProblemError, ShuttingDown, TooLarge, UnknownVersion, UnsupportedType
from service.registry import PATIENCE, NoModelError, Registry, UnknownVersionError
from service.settings import Settings

Result = TypeVar("Result")

QUICK_BYTES, QUICK_ROWS = 2**16, 1000
"""Of a request that is small."""

MOST_ROWS, MOST_OBJECTS = 100_000, 1000
"""Of all arrays in a request, and of objects: each is a list or a dict of Python's, even where it is empty."""

LARGE = CapacityLimiter(2)
"""Large requests that are worked on at once: an image of 25 megapixels takes some 300 MB meanwhile."""

MOST_WAITING = 30
"""Large ones that wait for that: half of the places in flight are left to small ones, by default."""

SMALL = CapacityLimiter(2)
"""Small ones that take some milliseconds."""

FROM_STORE = CapacityLimiter(4)
"""Requests that read from the store at once: one that hangs keeps no more threads."""


def require_few_parts(body: bytes) -> None:
    """Raises `TooLarge`."""
    if body.count(b"[") > MOST_ROWS:
        raise TooLarge(f"The arrays of a request may have {MOST_ROWS} rows together: send an image file.")
    if body.count(b"{") > MOST_OBJECTS:
        raise TooLarge(f"A request may have {MOST_OBJECTS} objects: images are strings or arrays.")


PLAINLY = re.compile("[1-9][0-9]{,99}", re.ASCII)
"""A version as it is written, not +1, 1_0, 01 or 1.0, which would pass for whole numbers."""


def _written_plainly(version: object) -> object:
    """Raises `PydanticCustomError`."""
    if isinstance(version, str) and not PLAINLY.fullmatch(version):
        raise PydanticCustomError("version", "a version is a whole number, counting up from 1")
    return version


def _number_or_default(version: str) -> str:
    """Raises `PydanticCustomError`."""
    if version != "default" and not PLAINLY.fullmatch(version):
        raise PydanticCustomError("version", "a version is a whole number, counting up from 1, or default")
    return version


VersionNumber = Annotated[int, Field(ge=1), BeforeValidator(_written_plainly)]
VERSION: TypeAdapter[int] = TypeAdapter(VersionNumber)
VersionOrDefault = Annotated[VersionNumber | Literal["default"], BeforeValidator(_number_or_default)]


class DirectRoute(APIRoute):
    """For an endpoint that takes a request and gives a response: FastAPI documents it and stays out of its way.

    What FastAPI does for other endpoints, to fill their parameters and check their answers, takes longer than to read a
    digit.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


BYTES = {"schema": {"type": "string", "format": "binary"}}
"""Documents a body that is no text."""


def schema_reference(model: type[BaseModel]) -> dict[str, str]:
    """Of a model that a direct route documents: `documentation` puts it where this points."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def registry_of(request: Request) -> Registry:
    registry: Registry = request.state.registry
    return registry


def settings_of(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


async def at_once_or_apart(work: Callable[[Patience], Response], size: int, *, long: bool = False) -> Response:
    """The answer of `work` on `size` bytes, which is given a patience and raises `TakesLongError` where it needs more.

    What takes milliseconds, as all does that is `long`, is kept out of the event loop; and out of the way of small
    requests, what is large.
    """
    if size <= QUICK_BYTES:
        if not long:
            with suppress(TakesLongError):
                return work(AT_ONCE)
        with suppress(TakesLongError):
            return await apart(partial(work, SHORT), SMALL)
    return await apart(partial(work, ENDLESS), LARGE)


async def apart(work: Callable[[], Result], room: CapacityLimiter) -> Result:
    """Do `work` in a thread, where it holds up no other request; few at a time, for the memory's sake.

    Raises as it does, and `Overloaded` where too many large ones wait for that.
    """
    if room is LARGE and room.statistics().tasks_waiting >= MOST_WAITING:
        raise too_much("Too many large requests are waiting: send it again, or smaller images.")
    try:
        return await to_thread.run_sync(work, limiter=room)
    except (ProblemError, TakesLongError) as refusal:
        # A traceback would keep, in a circle, all that the thread had read.
        raise refusal.with_traceback(None) from refusal.__cause__


def require_unpacked(request: Request) -> None:
    """Raises `UnsupportedType`."""
    packing = request.headers.get("content-encoding", "").strip().lower()
    if packing not in ("", "identity"):
        raise UnsupportedType(
            f"The body is packed by {packing}: send it as it is.", headers={"Accept-Encoding": "identity"}
        )


async def model_of(request: Request, version: int | None) -> Model:
    """The default version, or the named one. Raises `NoModel`, `UnknownVersion`."""
    registry = registry_of(request)
    if version is None:
        return default_of(registry)
    if (model := registry.loaded(version)) is not None:
        return model
    asked(registry.manifest, version)  # who asks for an unknown one need not wait
    return await from_store(partial(asked, registry.get, version))


async def from_store(work: Callable[[], Result]) -> Result:
    """What `work` gives, done in a thread. Raises `NoModel` where others wait for the store already."""
    borrower = object()
    try:
        with fail_after(PATIENCE):
            await FROM_STORE.acquire_on_behalf_of(borrower)
    except TimeoutError:
        raise no_model("The store takes its time.") from None
    try:
        return await run_in_threadpool(work)
    finally:
        FROM_STORE.release_on_behalf_of(borrower)


def no_model(detail: str) -> NoModel:
    """There may be one soon: the store is looked at every two seconds, by default."""
    return NoModel(detail, headers={"Retry-After": "2"})


def default_of(registry: Registry) -> Model:
    """Raises `NoModel`."""
    try:
        return registry.default()
    except NoModelError as error:
        raise no_model(str(error)) from error


def asked(of: Callable[[int], Result], version: int) -> Result:
    """What a registry's method says `of` a version. Raises `UnknownVersion`, `NoModel`."""
    try:
        return of(version)
    except UnknownVersionError as error:
        raise UnknownVersion(str(error)) from error
    except NotNowError as error:
        raise no_model(f"{error}.") from error


def require_ready(request: Request) -> None:
    """Raises `NoModel`, `ShuttingDown`."""
    require_staying(request)
    default_of(registry_of(request))


def require_staying(request: Request) -> None:
    """Raises `ShuttingDown`."""
    if request.state.stopping.begun:
        raise ShuttingDown
