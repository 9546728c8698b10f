"""The routes under /v1 and /health."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.artifact import CARD, ArtifactError, Manifest, NotNowError
from contract.messages import Health, ModelList, NumberRequest, NumberResponse, PredictRequest, PredictResponse
from service import metrics
from service.decoding import Decoder, Source
from service.examples import NUMBER, NUMBER_READ, PREDICT, PREDICTION
from service.model import Model
from service.numbers import read_number
from service.patience import Patience, TakesLongError
from service.problems import (
    NO_JSON,
    BlankImage,
    BrokenImage,
    InvalidRequest,
    NoModel,
    NoNumber,
    NoNumberReader,
    Overloaded,
    ProblemError,
    ShuttingDown,
    TooLarge,
    TooSlow,
    UnknownFile,
    UnknownVersion,
    UnsupportedType,
    faults,
    invalid,
    openapi_responses,
)
from service.reading import pictures_of, predictions
from service.registry import UnknownVersionError
from service.routing import (
    BYTES,
    QUICK_ROWS,
    DirectRoute,
    VersionNumber,
    VersionOrDefault,
    asked,
    at_once_or_apart,
    default_of,
    from_store,
    model_of,
    no_model,
    registry_of,
    require_few_parts,
    require_ready,
    require_unpacked,
    schema_reference,
    settings_of,
)
from service.settings import Settings

IMAGE_TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/x-portable-anymap",
)


router = APIRouter()
direct = APIRouter(route_class=DirectRoute)


class Query(BaseModel):
    """What may stand behind the question mark."""

    model_config = ConfigDict(extra="forbid")

    version: VersionNumber | None = Field(None, description="Ask this version; the default one answers else.")
    details: bool = Field(False, description="Add the 28×28 image that the network saw.")


def _documented(content: dict[str, Any], description: str) -> dict[str, Any]:
    """A prediction's parameters and body, for its OpenAPI page."""
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": schema.pop("description")}
        for name, schema in Query.model_json_schema()["properties"].items()
    ]
    body = {"required": True, "description": description, "content": content}
    return {"parameters": parameters, "requestBody": body}


def _answers(model: type[BaseModel], example: Any, *more: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    problems: tuple[type[ProblemError], ...] = (
        InvalidRequest,
        BlankImage,
        BrokenImage,
        TooLarge,
        TooSlow,
        UnknownVersion,
        NoModel,
        Overloaded,
        *more,
    )
    right = {"model": model, "content": {"application/json": {"example": example}}}
    return {200: right, **openapi_responses(*problems)}


FILES = dict.fromkeys(IMAGE_TYPES, BYTES)
IMAGE_FILE = "The bytes of one image file, as `curl --data-binary @7.png` sends them."


@direct.post(
    "/v1/predict",
    tags=["predictions"],
    summary="Read one or more digits",
    responses=_answers(PredictResponse, PREDICTION, UnsupportedType),
    openapi_extra=_documented(
        {"application/json": {"schema": schema_reference(PredictRequest), "examples": PREDICT}},
        "One or more images.",
    ),
)
async def predict(request: Request) -> Response:
    query, settings, model, body = await _received(request, _require_json)

    def work(patience: Patience) -> Response:
        images = _parsed(PredictRequest, body).images
        if len(images) > settings.max_images:
            raise TooLarge(f"A request may have {settings.max_images} images, this one has {len(images)}.")
        if len(images) > patience.images:
            raise TakesLongError
        return _read(images, model, query, settings, patience)

    return await at_once_or_apart(work, len(body), long=body.count(b"[") > QUICK_ROWS)


@direct.post(
    "/v1/predict/image",
    tags=["predictions"],
    summary="Read the digit in an image file",
    responses=_answers(PredictResponse, PREDICTION, UnsupportedType),
    openapi_extra=_documented(FILES, IMAGE_FILE),
)
async def predict_image(request: Request) -> Response:
    query, settings, model, body = await _received(request, _require_image)
    return await at_once_or_apart(partial(_read, [body], model, query, settings), len(body))


def _read(images: Sequence[Source], model: Model, query: Query, settings: Settings, patience: Patience) -> Response:
    decoder = Decoder(settings.max_image_pixels, settings.max_request_pixels, patience)
    return _json(predictions(pictures_of(images, decoder), model, details=query.details))


@direct.post(
    "/v1/numbers",
    tags=["predictions"],
    summary="Read a number of several digits",
    responses=_answers(NumberResponse, NUMBER_READ, NoNumber, NoNumberReader, UnsupportedType),
    openapi_extra=_documented(
        {"application/json": {"schema": schema_reference(NumberRequest), "examples": NUMBER}}, "One image of one line."
    ),
)
async def numbers(request: Request) -> Response:
    query, settings, model, body = await _received(request, _require_json)

    def work(patience: Patience) -> Response:
        return _read_number(_parsed(NumberRequest, body).image, model, query, settings, patience)

    return await at_once_or_apart(work, len(body), long=True)


@direct.post(
    "/v1/numbers/image",
    tags=["predictions"],
    summary="Read the number in an image file",
    responses=_answers(NumberResponse, NUMBER_READ, NoNumber, NoNumberReader, UnsupportedType),
    openapi_extra=_documented(FILES, IMAGE_FILE),
)
async def numbers_image(request: Request) -> Response:
    query, settings, model, body = await _received(request, _require_image)
    return await at_once_or_apart(partial(_read_number, body, model, query, settings), len(body), long=True)


def _read_number(image: Source, model: Model, query: Query, settings: Settings, patience: Patience) -> Response:
    grey = Decoder(settings.max_image_pixels, settings.max_request_pixels, patience).decode(image)
    return _json(read_number(grey, model, details=query.details).model_dump_json(exclude_none=True).encode())


async def _received(request: Request, require_kind: Callable[[Request], None]) -> tuple[Query, Settings, Model, bytes]:
    """What is asked, of whom, and the body; the body only once all else is right."""
    query = _query(request)
    require_kind(request)
    require_unpacked(request)
    model = await model_of(request, query.version)
    return query, settings_of(request), model, await request.body()


def _require_json(request: Request) -> None:
    if "json" not in request.headers.get("content-type", "application/json").lower():
        raise InvalidRequest(NO_JSON)


def _require_image(request: Request) -> None:
    kind = request.headers.get("content-type", "nothing")
    if not kind.lower().startswith("image/"):
        raise UnsupportedType(f"The Content-Type is {kind}; send the bytes of one image as image/png, image/jpeg, …")


def _json(answer: bytes) -> Response:
    return Response(answer, media_type="application/json")


Message = TypeVar("Message", bound=BaseModel)


def _parsed(message: type[Message], body: bytes) -> Message:
    require_few_parts(body)
    try:
        return message.model_validate_json(body)
    except ValidationError as error:
        raise _invalid("body", error) from error


def _query(request: Request) -> Query:
    if not request.scope["query_string"]:
        return NOTHING_ASKED
    given = request.query_params.multi_items()
    if len(given) > len(request.query_params):
        raise InvalidRequest("The query gives a parameter twice: give each once.")
    try:
        return Query.model_validate(dict(given))
    except ValidationError as error:
        raise _invalid("query", error) from error


NOTHING_ASKED = Query()


def _invalid(part: str, error: ValidationError) -> InvalidRequest:
    """The fault in the request's `part`."""
    return invalid([fault | {"loc": (part, *fault["loc"])} for fault in faults(error)])


Version = Annotated[VersionOrDefault, Path(description="A number, or `default`.", examples=["default"])]


@router.get(
    "/v1/models", tags=["models"], summary="List the versions in the store", responses=openapi_responses(Overloaded)
)
def list_models(request: Request) -> ModelList:
    return ModelList(models=registry_of(request).summaries())


@router.get(
    "/v1/models/{version}",
    tags=["models"],
    summary="The manifest of a version",
    responses=openapi_responses(UnknownVersion, InvalidRequest, NoModel, Overloaded),
)
def model_manifest(version: Version, request: Request) -> Manifest:
    registry = registry_of(request)
    return default_of(registry).manifest if version == "default" else asked(registry.manifest, version)


@router.get(
    "/v1/models/{version}/files/{name}",
    tags=["models"],
    summary="A picture or the model card of a version",
    response_class=Response,
    responses={
        200: {
            "content": {
                "image/png": BYTES,
                "text/markdown": {"schema": {"type": "string"}},
            },
            "description": "The file.",
        },
        **openapi_responses(UnknownVersion, UnknownFile, InvalidRequest, NoModel, Overloaded),
    },
)
async def model_file(
    version: Version, name: Annotated[str, Path(examples=["confusion_matrix.png"])], request: Request
) -> Response:
    found = model_manifest(version, request)
    shown = sorted(file for file in found.files if file == CARD or file.endswith(".png"))
    if name not in shown:
        raise UnknownFile(f"Version {found.version} has no {name} to show; it has {', '.join(shown)}.")
    try:
        content = await from_store(partial(registry_of(request).file, found.version, name))
    except NotNowError as error:
        raise no_model(f"{error}.") from error
    except (ArtifactError, UnknownVersionError) as error:
        raise UnknownFile(f"{error}.") from error
    return Response(content, media_type="text/markdown" if name == CARD else "image/png")


@router.get("/health/live", tags=["health"], summary="Whether the process answers")
async def live() -> Health:
    return Health(status="live")


@router.get(
    "/health/ready",
    tags=["health"],
    summary="Whether requests should be sent here",
    responses=openapi_responses(NoModel, ShuttingDown),
)
async def ready(request: Request) -> Health:
    require_ready(request)
    return Health(status="ready")


@router.get(
    "/metrics",
    tags=["health"],
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
)
def prometheus() -> Response:
    return metrics.exposition()
