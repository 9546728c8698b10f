"""Errors as `application/problem+json` (RFC 9457): every one tells the caller what to change."""

import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from contract.messages import ItemError, Problem

MEDIA_TYPE = "application/problem+json"
NO_JSON = 'The body should be a JSON object like {"images": […]}, sent with Content-Type: application/json.'

logger = logging.getLogger("service.problems")


class ProblemError(HTTPException):
    """An error of the API; each kind is a subclass with a status, a title and, in `type`, a stable path."""

    status: ClassVar[HTTPStatus]
    title: ClassVar[str]

    def __init__(
        self, detail: str, *, errors: list[ItemError] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(self.status, detail, headers)
        self.errors = errors


class InvalidRequest(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request"


class BlankImage(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Blank image"


class BrokenImage(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Broken image"


class TooLarge(ProblemError):
    status, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"


class UnsupportedType(ProblemError):
    status, title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported type"


class UnknownVersion(ProblemError):
    status, title = HTTPStatus.NOT_FOUND, "Unknown version"


class UnknownFile(ProblemError):
    status, title = HTTPStatus.NOT_FOUND, "Unknown file"


class NoModel(ProblemError):
    status, title = HTTPStatus.SERVICE_UNAVAILABLE, "No model"


def openapi_responses(*kinds: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = by_status.setdefault(
            kind.status.value, {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": kind.title}
        )
        if kind.title not in entry["description"]:
            entry["description"] += f"; {kind.title.lower()}"
    return by_status


def install(app: FastAPI) -> None:
    """Have every error that `app` answers with be a problem, in its OpenAPI page too."""
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]  # Starlette wants any Exception
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]  # the same
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _unexpected_error)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        page = generate()
        for operations in page["paths"].values():
            for operation in operations.values():
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if MEDIA_TYPE in content and "application/json" in content:
                        content[MEDIA_TYPE] = content.pop("application/json")  # FastAPI knows no other for a model
        return page

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error, ProblemError):
        return _response(error.status, error.title, error.detail, error.errors, error.headers)
    status, path = HTTPStatus(error.status_code), request.url.path
    match status:
        case HTTPStatus.BAD_REQUEST:  # so FastAPI says that it cannot read a body
            return _response(InvalidRequest.status, InvalidRequest.title, NO_JSON)
        case HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at {path}; /docs lists the calls."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.method} does not work at {path}; /docs lists the calls."
        case _:
            detail = error.detail
    return _response(status, status.phrase, detail, headers=error.headers)


def _validation_error(_: Request, error: RequestValidationError) -> Response:
    faults = list(error.errors())
    items = _item_errors(faults)
    detail = f"images[{items[0].index}]: {items[0].detail}" if items else _sentence(faults[0]["loc"], faults[0])
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, InvalidRequest.title, detail, items or None)


def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; the log has it, as nginx would


def _unexpected_error(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(status, "Internal error", "The fault is the service's; its log says more.")


def _response(
    status: HTTPStatus,
    title: str,
    detail: str,
    errors: list[ItemError] | None = None,
    headers: Any = None,
) -> Response:
    kind = f"/problems/{title.lower().replace(' ', '-')}"
    problem = Problem(type=kind, title=title, status=status, detail=detail, errors=errors)
    return Response(problem.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def _item_errors(faults: Iterable[dict[str, Any]]) -> list[ItemError]:
    """The faults that lie within single images: at most one, as the request's model stops at the first."""
    return [
        ItemError(index=fault["loc"][2], detail=_sentence(fault["loc"][4:], fault))
        for fault in faults
        if fault["loc"][:2] == ("body", "images") and len(fault["loc"]) > 2
    ]


def _sentence(location: Sequence[str | int], fault: dict[str, Any]) -> str:
    match location:
        case ("body", int(place)):  # only broken JSON is told by its place in the text
            return f"The body is not JSON, from character {place} on: {fault['ctx']['error']}."
        case ("body",):
            return NO_JSON
        case (int(row), int(column), *_):
            where = f"row {row}, column {column}: "
        case (int(row),):
            where = f"row {row}: "
        case _:
            where = "".join(f"{part}: " for part in location if part not in ("body", "query", "path"))
    return f"{where}{fault['msg']}."
