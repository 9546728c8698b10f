"""The routes under /v1 and /health."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from contract.artifact import CARD, ArtifactError, Manifest
from contract.messages import Health, ModelList, PredictRequest, PredictResponse
from service.decoding import Decoder
from service.examples import PREDICT
from service.model import Model
from service.problems import (
    BlankImage,
    BrokenImage,
    InvalidRequest,
    NoModel,
    TooLarge,
    UnknownFile,
    UnknownVersion,
    UnsupportedType,
    openapi_responses,
)
from service.reading import read
from service.registry import NoModelError, Registry, UnknownVersionError
from service.settings import Settings

router = APIRouter()

IMAGE_TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/x-portable-anymap",
)
PREDICTION_PROBLEMS = openapi_responses(
    InvalidRequest, BlankImage, BrokenImage, TooLarge, UnsupportedType, UnknownVersion, NoModel
)


# Dependencies are async because FastAPI sends others through its thread pool, which costs more than they do.
async def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _decoder(settings: "SettingsDependency") -> Decoder:
    return Decoder(settings.max_image_pixels, settings.max_request_pixels)


async def _model(
    registry: "RegistryDependency",
    version: Annotated[int | None, Query(ge=1, description="Ask this version; the default one answers else.")] = None,
) -> Model:
    return default_model(registry) if version is None else await run_in_threadpool(named_model, registry, version)


def default_model(registry: Registry) -> Model:
    try:
        return registry.default()
    except NoModelError as error:
        raise NoModel(str(error), headers={"Retry-After": "2"}) from error


def named_model(registry: Registry, version: int) -> Model:
    try:
        return registry.get(version)
    except UnknownVersionError as error:
        raise UnknownVersion(str(error)) from error


RegistryDependency = Annotated[Registry, Depends(_registry)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
DecoderDependency = Annotated[Decoder, Depends(_decoder)]
ModelDependency = Annotated[Model, Depends(_model)]
Details = Annotated[bool, Query(description="Add the 28×28 image that the network saw.")]
Version = Annotated[
    str, Path(pattern=r"^(default|[1-9][0-9]{0,17})$", description="A number, or `default`.", examples=["default"])
]


@router.post(
    "/v1/predict",
    tags=["predictions"],
    summary="Read one or more digits",
    response_model_exclude_none=True,
    responses=PREDICTION_PROBLEMS,
)
def predict(
    body: Annotated[PredictRequest, Body(openapi_examples=PREDICT)],
    model: ModelDependency,
    decoder: DecoderDependency,
    settings: SettingsDependency,
    details: Details = False,
) -> PredictResponse:
    if len(body.images) > settings.max_images:
        raise TooLarge(f"A request may have {settings.max_images} images, this one has {len(body.images)}.")
    return read(body.images, model, decoder, details=details)


@router.post(
    "/v1/predict/image",
    tags=["predictions"],
    summary="Read the digit in an image file",
    response_model_exclude_none=True,
    responses=PREDICTION_PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The bytes of one image file, as `curl --data-binary @7.png` sends them.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES},
        }
    },
)
async def predict_image(
    request: Request, model: ModelDependency, decoder: DecoderDependency, details: Details = False
) -> PredictResponse:
    kind = request.headers.get("content-type", "nothing")
    if not kind.lower().startswith("image/"):
        raise UnsupportedType(f"The Content-Type is {kind}; send the bytes of one image as image/png, image/jpeg, …")
    return await run_in_threadpool(read, [await request.body()], model, decoder, details=details)


@router.get("/v1/models", tags=["models"], summary="List the versions in the store")
def list_models(registry: RegistryDependency) -> ModelList:
    return ModelList(models=registry.summaries())


@router.get(
    "/v1/models/{version}",
    tags=["models"],
    summary="The manifest of a version",
    responses=openapi_responses(UnknownVersion, InvalidRequest, NoModel),
)
def model_manifest(version: Version, registry: RegistryDependency) -> Manifest:
    if version == "default":
        return default_model(registry).manifest
    try:
        return registry.manifest(int(version))
    except UnknownVersionError as error:
        raise UnknownVersion(str(error)) from error


@router.get(
    "/v1/models/{version}/files/{name}",
    tags=["models"],
    summary="A picture or the model card of a version",
    response_class=Response,
    responses={
        200: {
            "content": {
                "image/png": {"schema": {"type": "string", "format": "binary"}},
                "text/markdown": {"schema": {"type": "string"}},
            },
            "description": "The file.",
        },
        **openapi_responses(UnknownVersion, UnknownFile, InvalidRequest, NoModel),
    },
)
def model_file(
    version: Version, name: Annotated[str, Path(examples=["confusion_matrix.png"])], registry: RegistryDependency
) -> Response:
    found = model_manifest(version, registry)
    shown = sorted(file for file in found.files if file == CARD or file.endswith(".png"))
    if name not in shown:
        raise UnknownFile(f"Version {found.version} has no {name} to show; it has {', '.join(shown)}.")
    try:
        content = registry.file(found.version, name)
    except (ArtifactError, UnknownVersionError) as error:
        raise UnknownFile(f"{error}.") from error
    return Response(content, media_type="text/markdown" if name == CARD else "image/png")


@router.get("/health/live", tags=["health"], summary="Whether the process answers")
async def live() -> Health:
    return Health(status="live")


@router.get(
    "/health/ready", tags=["health"], summary="Whether there is a model to serve", responses=openapi_responses(NoModel)
)
async def ready(registry: RegistryDependency) -> Health:
    default_model(registry)
    return Health(status="ready")
