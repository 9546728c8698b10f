"""Errors as `application/problem+json` (RFC 9457): every one tells the caller what to change."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from contract.messages import ItemError, Problem

MEDIA_TYPE = "application/problem+json"
NO_JSON = (
    'The body should be a JSON object like {"images": […]}, or {"image": …} for a number, '
    "sent with Content-Type: application/json."
)

MOST_FAULTS = 16
"""That are listed; there may be a million of them."""


class ProblemError(HTTPException):
    """An error of the API; each kind is a subclass with a status, a title and, in `type`, a stable path."""

    status: ClassVar[HTTPStatus]
    title: ClassVar[str]
    example: ClassVar[str]
    """The detail where a request gives no other; the documentation shows it, too."""

    def __init__(
        self, detail: str = "", *, errors: list[ItemError] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(self.status, detail or self.example, headers)
        self.errors = errors

    @classmethod
    def path(cls) -> str:
        """The stable `type`."""
        return _path(cls.title)


class InvalidRequest(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request"
    example = "What was sent does not have the form that the call wants; the text says where."


class BlankImage(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Blank image"
    example = "There is nothing on the paper: send an image with a digit drawn on it."


class NoNumber(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "No number"
    example = "There is something on the paper, but no digit among it: send one line of digits."


class BrokenImage(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "Broken image"
    example = "This is no image of a known format: send PNG, JPEG, WebP, GIF, BMP, TIFF or PNM."


class TooLarge(ProblemError):
    status, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"
    example = "A request body may have 10485760 bytes: send fewer or smaller images."


class UnsupportedType(ProblemError):
    status, title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported type"
    example = "The body is packed by gzip: send it as it is."


class UnknownVersion(ProblemError):
    status, title = HTTPStatus.NOT_FOUND, "Unknown version"
    example = "The store has no version 99; GET /v1/models lists them."


class NoNumberReader(ProblemError):
    status, title = HTTPStatus.UNPROCESSABLE_ENTITY, "No number reader"
    example = "Version 4 reads single digits only: ask for another version."


class UnknownFile(ProblemError):
    status, title = HTTPStatus.NOT_FOUND, "Unknown file"
    example = "Version 1 has no map.png to show; it has README.md, confusion_matrix.png."


class WrongKey(ProblemError):
    status, title = HTTPStatus.UNAUTHORIZED, "Wrong key"
    example = "This call wants a key: send the header Authorization: Bearer KEY."


class TooSlow(ProblemError):
    status, title = HTTPStatus.REQUEST_TIMEOUT, "Too slow"
    example = "The request did not come whole in time: send it faster, or less of it."


class Malformed(ProblemError):
    status, title = HTTPStatus.BAD_REQUEST, "Malformed"
    example = "This is not HTTP/1.1 as its standard has it: let a library write the request."


class HeadTooLarge(ProblemError):
    status, title = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Head too large"
    example = "The path and the headers of a request are too long together, or too many: send fewer."


class InternalError(ProblemError):
    status, title = HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"
    example = "The fault is the service's; its log says more."


class NoModel(ProblemError):
    status, title = HTTPStatus.SERVICE_UNAVAILABLE, "No model"
    example = "The store has no version in models/digits: train one, or set DIGITS_MODEL_STORE."


class Overloaded(ProblemError):
    status, title = HTTPStatus.SERVICE_UNAVAILABLE, "Overloaded"
    example = "More requests are in flight than this service takes: send it again."


class ShuttingDown(ProblemError):
    status, title = HTTPStatus.SERVICE_UNAVAILABLE, "Shutting down"
    example = "The service is about to stop: send requests to another."


def faults(error: ValidationError) -> list[dict[str, Any]]:
    """What pydantic found, but for what was sent. Raises `InvalidRequest` where there is too much to be listed."""
    if (count := error.error_count()) > MOST_FAULTS:
        raise InvalidRequest(f"There are {count} faults in what was sent; /docs shows what the call wants.")
    return [dict(fault) for fault in error.errors(include_url=False, include_input=False)]


def invalid(faults: Sequence[dict[str, Any]]) -> InvalidRequest:
    """Of what pydantic found, the first, in words; for a batch, where."""
    items = _item_errors(faults)
    detail = f"images[{items[0].index}]: {items[0].detail}" if items else _sentence(faults[0]["loc"], faults[0])
    return InvalidRequest(detail, errors=items or None)


def openapi_responses(*kinds: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = by_status.setdefault(
            kind.status.value, {"model": Problem, "content": {MEDIA_TYPE: {"examples": {}}}, "description": kind.title}
        )
        if kind.title not in entry["description"]:
            entry["description"] += f"; {kind.title.lower()}"
        problem = Problem(type=kind.path(), title=kind.title, status=kind.status, detail=kind.example)
        entry["content"][MEDIA_TYPE]["examples"][kind.title] = {"value": problem.model_dump(exclude_none=True)}
    return by_status


def install(app: FastAPI) -> None:
    """Have every error that `app` answers with be a problem."""
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]  # Starlette wants any Exception
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]  # the same
    app.add_exception_handler(ClientDisconnect, _client_gone)


def problem_response(problem: ProblemError, path: str = "/") -> Response:
    """`problem` as an answer to a request for `path`."""
    return _response(path, problem.status, problem.title, problem.detail, problem.errors, problem.headers)


def _http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error, ProblemError):
        return problem_response(error, request.scope["path"])
    status, path = HTTPStatus(error.status_code), request.scope["path"]
    match status:
        case HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at {path}; /docs lists the calls."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.method} does not work at {path}; /docs lists the calls."
        case _:
            detail = error.detail
    return _response(path, status, status.phrase, detail, headers=error.headers)


def _validation_error(request: Request, error: RequestValidationError) -> Response:
    return problem_response(invalid(error.errors()), request.scope["path"])


def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; the log has it, as nginx would


def _response(
    path: str,
    status: HTTPStatus,
    title: str,
    detail: str,
    errors: list[ItemError] | None = None,
    headers: Any = None,
) -> Response:
    if path.startswith("/v2"):  # which has errors of its own form
        where = f"image {errors[0].index}: " if errors else ""
        return JSONResponse({"error": where + detail}, status, headers)
    problem = Problem(type=_path(title), title=title, status=status, detail=detail, errors=errors)
    return Response(problem.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def _path(title: str) -> str:
    return f"/problems/{title.lower().replace(' ', '-')}"


def _item_errors(faults: Iterable[dict[str, Any]]) -> list[ItemError]:
    """The faults that lie within single images: at most one, as the request's model stops at the first."""
    return [
        ItemError(index=fault["loc"][2], detail=_sentence(fault["loc"][4:], fault))
        for fault in faults
        if fault["loc"][:2] == ("body", "images") and len(fault["loc"]) > 2
    ]


def _sentence(location: Sequence[str | int], fault: dict[str, Any]) -> str:
    match location:
        case ("body",) if fault["type"] == "json_invalid":
            return f"The body is not JSON: {fault['ctx']['error']}."
        case ("body",):
            return NO_JSON
        case ("body", "image", "array", *place):
            return _sentence(place or location[:2], fault)
        case (int(row), int(column), *_):
            where = f"row {row}, column {column}: "
        case (int(row),):
            where = f"row {row}: "
        case _:
            where = "".join(f"{part}: " for part in location[1:])  # behind "body", "query" or "path"
    return f"{where}{fault['msg']}."
