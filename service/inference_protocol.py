"""The Open Inference Protocol, version 2, over REST, with its binary tensor data extension.

https://github.com/kserve/open-inference-protocol; what KServe, Triton and their clients speak.
"""

from collections.abc import Callable
from enum import Enum
from functools import partial
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from contract.normalisation import SIZE
from contract.store import NAME
from service.examples import INFER
from service.model import Answers, Model
from service.patience import Normaliser, Patience, TakesLongError
from service.problems import InvalidRequest, TooLarge, UnknownVersion, faults
from service.reading import answer, normalised
from service.routing import (
    BYTES,
    QUICK_ROWS,
    VERSION,
    DirectRoute,
    VersionNumber,
    at_once_or_apart,
    model_of,
    registry_of,
    require_few_parts,
    require_ready,
    require_staying,
    require_unpacked,
    schema_reference,
    settings_of,
)
from service.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Bytes of JSON at the start of a body; behind them lie tensors, little-endian, one after the other."""

BINARY = "application/octet-stream"

OutputName = Literal["digit", "probabilities", "accepted"]

OUTPUTS: dict[OutputName, tuple[str, str, list[int], Callable[[Answers], NDArray[Any]]]] = {
    "digit": ("INT64", "<i8", [-1], lambda answers: answers.probabilities.argmax(axis=1)),
    "probabilities": ("FP32", "<f4", [-1, 10], lambda answers: answers.probabilities),
    "accepted": ("BOOL", "?", [-1], lambda answers: answers.accepted),
}
"""Of each output the protocol's datatype, numpy's, the shape, and where it comes from."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)  # clients may send parameters of their own


class InputParameters(_Part):
    binary_data_size: int | None = Field(None, ge=0, lt=2**31, description="Bytes of this tensor behind the JSON.")


def _maybe_null(kind: type[_Part]) -> BeforeValidator:
    """Some programs write what they lack as null."""
    return BeforeValidator(lambda given: {} if given is None else given, json_schema_input_type=kind | None)


class InputTensor(_Part):
    name: Literal["image"]
    shape: Annotated[list[Annotated[int, Field(gt=0, lt=2**31)]], Field(min_length=3, max_length=3)] = Field(
        description="Images, rows, columns."
    )
    datatype: Literal["UINT8"]
    parameters: Annotated[InputParameters, _maybe_null(InputParameters)] = InputParameters()
    data: list[Any] | None = Field(None, description="Grey values 0 to 255, flat or nested; absent where binary.")


class OutputParameters(_Part):
    binary_data: bool | None = None


class RequestedOutput(_Part):
    name: OutputName
    parameters: Annotated[OutputParameters, _maybe_null(OutputParameters)] = OutputParameters()


class RequestParameters(_Part):
    binary_data_output: bool = False
    normalise: bool = Field(True, description="False: the images are [-1, 28, 28] as the normaliser gives them.")


class InferRequest(_Part):
    id: str | None = None
    parameters: Annotated[RequestParameters, _maybe_null(RequestParameters)] = RequestParameters()
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1, fail_fast=True)]
    outputs: Annotated[list[RequestedOutput], Field(max_length=3, fail_fast=True)] | None = Field(
        None, description="Each once; absent: all of them."
    )

    @field_validator("outputs")
    @classmethod
    def _each_once(cls, outputs: list[RequestedOutput] | None) -> list[RequestedOutput] | None:
        if outputs and len({output.name for output in outputs}) < len(outputs):
            raise ValueError("each output may be asked for once")
        return outputs


class Failure(BaseModel):
    """An error as the protocol has it."""

    error: str


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class ModelReady(Ready):
    name: str


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: InputParameters | None = Field(None, description="Where its values lie behind the JSON.")
    data: list[Any] | None = None


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Failure} for status in statuses}


TAGS: list[str | Enum] = ["Open Inference Protocol"]
router = APIRouter(prefix="/v2", tags=TAGS)
direct = APIRouter(prefix="/v2", tags=TAGS, route_class=DirectRoute)
Name = Annotated[str, Path(examples=[NAME])]
Version = Annotated[VersionNumber, Path(examples=[1])]


@router.get("", summary="What this server is", responses=_failures(503))
async def server_metadata() -> ServerMetadata:
    return ServerMetadata(name=NAME, version="1", extensions=["binary_tensor_data"])


@router.get("/health/live", summary="Whether the server answers")
async def server_live() -> Live:
    return Live(live=True)


@router.get("/health/ready", summary="Whether the server has a model", responses=_failures(503))
async def server_ready(request: Request) -> Ready:
    require_ready(request)
    return Ready(ready=True)


@router.get(
    "/models/{name}/ready", summary="Whether the default version can be asked", responses=_failures(404, 422, 503)
)
async def model_ready(name: Name, request: Request) -> ModelReady:
    require_staying(request)
    return ModelReady(name=(await _model(request, name)).manifest.name, ready=True)


@router.get(
    "/models/{name}/versions/{version}/ready",
    summary="Whether a version can be asked",
    responses=_failures(404, 422, 503),
)
async def version_ready(name: Name, version: Version, request: Request) -> ModelReady:
    require_staying(request)
    return ModelReady(name=(await _model(request, name, version)).manifest.name, ready=True)


@router.get("/models/{name}", summary="Inputs and outputs of the default version", responses=_failures(404, 422, 503))
async def model_metadata(name: Name, request: Request) -> ModelMetadata:
    return _metadata(await _model(request, name), request)


@router.get(
    "/models/{name}/versions/{version}", summary="Inputs and outputs of a version", responses=_failures(404, 422, 503)
)
async def version_metadata(name: Name, version: Version, request: Request) -> ModelMetadata:
    return _metadata(await _model(request, name, version), request)


def _metadata(model: Model, request: Request) -> ModelMetadata:
    known = registry_of(request).summaries()
    return ModelMetadata(
        name=model.manifest.name,
        versions=[str(summary.version) for summary in known if summary.state != "refused"],
        platform="litert",
        inputs=[TensorMetadata(name="image", datatype="UINT8", shape=[-1, -1, -1])],
        outputs=[
            TensorMetadata(name=name, datatype=datatype, shape=shape)
            for name, (datatype, _, shape, _) in OUTPUTS.items()
        ],
    )


def _infer_route(*parameters: dict[str, Any]) -> dict[str, Any]:
    content = {
        "application/json": {"schema": schema_reference(InferRequest), "examples": INFER},
        BINARY: BYTES,
    }
    return {
        "responses": {
            200: {
                "model": InferResponse,
                "content": {BINARY: BYTES},
                "headers": {HEADER_LENGTH: {"$ref": f"#/components/headers/{HEADER_LENGTH}"}},
            }
        }
        | _failures(404, 408, 413, 415, 422, 503),
        "openapi_extra": {
            "parameters": [
                *(parameter | {"in": "path", "required": True} for parameter in parameters),
                {"name": HEADER_LENGTH, "in": "header", "required": False} | LENGTH,
            ],
            "requestBody": {"required": True, "content": content},
        },
    }


LENGTH = {"description": "Bytes of JSON, where tensors follow it", "schema": {"type": "integer", "minimum": 0}}
NAME_PARAMETER = {"name": "name", "schema": {"type": "string", "examples": [NAME]}}
VERSION_PARAMETER = {"name": "version", "schema": {"type": "integer", "exclusiveMinimum": 0, "examples": [1]}}


@direct.post("/models/{name}/infer", summary="Ask the default version", **_infer_route(NAME_PARAMETER))
async def infer(request: Request) -> Response:
    return await _infer(request, None)


@direct.post(
    "/models/{name}/versions/{version}/infer",
    summary="Ask a version",
    **_infer_route(NAME_PARAMETER, VERSION_PARAMETER),
)
async def infer_version(request: Request) -> Response:
    try:
        version = VERSION.validate_strings(request.path_params["version"])
    except ValidationError as error:
        raise InvalidRequest(f"version: {error.errors()[0]['msg']}") from error
    return await _infer(request, version)


async def _infer(request: Request, version: int | None) -> Response:
    model, settings = await _model(request, request.path_params["name"], version), settings_of(request)
    require_unpacked(request)
    body = await request.body()
    length = request.headers.get(HEADER_LENGTH)
    work = partial(_answered, body, length, model, settings)
    return await at_once_or_apart(work, len(body), long=body.count(b"[") > QUICK_ROWS)


async def _model(request: Request, name: str, version: int | None = None) -> Model:
    if name != NAME:
        raise UnknownVersion(f"There is no model {name}; the model is {NAME}.")
    return await model_of(request, version)


def _answered(body: bytes, header_length: str | None, model: Model, settings: Settings, patience: Patience) -> Response:
    length = _length(header_length, body)
    require_few_parts(body[:length])
    try:
        wanted = InferRequest.model_validate_json(body[:length])
    except ValidationError as error:
        raise InvalidRequest(_first(error)) from error
    images = _images(wanted.inputs[0], body[length:])
    _require_within_limits(images, settings)
    if len(images) > patience.images or images.size > patience.pixels:
        raise TakesLongError
    if wanted.parameters.normalise:
        normaliser = Normaliser(patience)
        images = np.stack([normalised(image, index, normaliser) for index, image in enumerate(images)])
    elif images.shape[1:] != (SIZE, SIZE):
        raise InvalidRequest(f"Images that are not to be normalised must be [-1, {SIZE}, {SIZE}].")
    return _response(wanted, model, answer(model, images))


def _length(header: str | None, body: bytes) -> int:
    """Bytes of JSON in `body`."""
    if header is None:
        return len(body)
    if not (header.isascii() and header.isdigit() and len(header) < 18 and int(header) <= len(body)):
        raise InvalidRequest(f"{HEADER_LENGTH} is {header}, the body has {len(body)} bytes.")
    return int(header)


def _images(tensor: InputTensor, binary: bytes) -> NDArray[np.uint8]:
    """uint8 [n, rows, columns] of the tensor's data, or of `binary`."""
    count = tensor.shape[0] * tensor.shape[1] * tensor.shape[2]
    if (size := tensor.parameters.binary_data_size) is not None:
        if size != len(binary) or size != count:
            raise InvalidRequest(f"image has {size} binary bytes, {len(binary)} were sent, its shape says {count}.")
        if tensor.data is not None:
            raise InvalidRequest("image has both data and binary_data_size: send one of them.")
        return np.frombuffer(binary, np.uint8).reshape(tensor.shape)
    if binary:
        raise InvalidRequest(f"Behind the JSON are {len(binary)} bytes, and image has no binary_data_size.")
    values = _flat(tensor.data or [], tensor.shape)
    if len(values) != count or set(map(type, values)) != {int} or min(values) < 0 or max(values) > 255:
        raise InvalidRequest(f"image: data must be {count} whole numbers from 0 to 255, as the shape says.")
    return np.array(values, np.uint8).reshape(tensor.shape)


def _flat(values: list[Any], shape: list[int]) -> list[Any]:
    """The numbers alone, of a list of them or of lists in lists, as the shape says."""
    sides = [len(values)]
    while set(map(type, values)) == {list}:
        if len(set(map(len, values))) > 1:
            raise InvalidRequest("image: data has rows of different lengths.")
        sides.append(len(values[0]))
        values = list(chain.from_iterable(values))
    if len(sides) > 1 and sides != shape:
        raise InvalidRequest(f"image: data is {sides}, its shape says {shape}: make them one, or send a flat list.")
    return values


def _require_within_limits(images: NDArray[np.uint8], settings: Settings) -> None:
    count, rows, columns = images.shape
    if count > settings.max_images:
        raise TooLarge(f"A request may have {settings.max_images} images, this one has {count}.")
    if rows * columns > settings.max_image_pixels or images.size > settings.max_request_pixels:
        raise TooLarge("The images have too many pixels: send fewer or smaller ones.")


def _response(wanted: InferRequest, model: Model, answers: Answers) -> Response:
    outputs, tensors = [], []
    for asked in wanted.outputs or [RequestedOutput(name=name) for name in OUTPUTS]:
        datatype, dtype, _, values = OUTPUTS[asked.name]
        array = values(answers).astype(dtype)
        output: dict[str, Any] = {"name": asked.name, "datatype": datatype, "shape": array.shape}
        binary = asked.parameters.binary_data
        if wanted.parameters.binary_data_output if binary is None else binary:
            tensors.append(array.tobytes())
            output["parameters"] = {"binary_data_size": array.nbytes}
        else:
            output["data"] = array.ravel().tolist()
        outputs.append(output)
    header = JSONResponse(
        {
            "model_name": model.manifest.name,
            "model_version": str(model.manifest.version),
            **({"id": wanted.id} if wanted.id is not None else {}),
            "outputs": outputs,
        }
    )
    if not tensors:
        return header
    content = bytes(header.body)
    return Response(
        content + b"".join(tensors),
        headers={HEADER_LENGTH: str(len(content))},
        media_type=BINARY,
    )


def _first(error: ValidationError) -> str:
    """The first of its faults, in words."""
    fault = faults(error)[0]
    where = ".".join(map(str, fault["loc"]))
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])
