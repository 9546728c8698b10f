"""The Open Inference Protocol, version 2, over REST, with its binary tensor data extension.

https://github.com/kserve/open-inference-protocol; what KServe, Triton and their clients speak.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from contract.normalisation import SIZE
from contract.store import NAME
from service.model import Answers, Model
from service.problems import InvalidRequest, ProblemError, TooLarge, UnknownVersion
from service.reading import normalised
from service.routes import RegistryDependency, SettingsDependency, default_model, named_model
from service.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Bytes of JSON at the start of a body; behind them lie tensors, little-endian, one after the other."""

INPUTS = [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1]}]
OUTPUTS: dict[str, tuple[str, str, list[int], Callable[[Answers], NDArray[Any]]]] = {
    "digit": ("INT64", "<i8", [-1], lambda answers: answers.probabilities.argmax(axis=1)),
    "probabilities": ("FP32", "<f4", [-1, 10], lambda answers: answers.probabilities),
    "accepted": ("BOOL", "?", [-1], lambda answers: answers.accepted),
}
"""Of each output the protocol's datatype, numpy's, the shape, and where it comes from."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")  # the protocol lets clients send parameters of their own


class InputParameters(_Part):
    binary_data_size: int | None = Field(None, ge=0, description="Bytes of this tensor behind the JSON.")


class InputTensor(_Part):
    name: Literal["image"]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(description="Images, rows, columns.")
    datatype: Literal["UINT8"]
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = Field(None, description="Grey values 0 to 255, flat or nested; absent where binary.")


class OutputParameters(_Part):
    binary_data: bool | None = None


class RequestedOutput(_Part):
    name: Literal["digit", "probabilities", "accepted"]
    parameters: OutputParameters = OutputParameters()


class RequestParameters(_Part):
    binary_data_output: bool = False
    normalise: bool = Field(True, description="False: the images are [-1, 28, 28] as the normaliser gives them.")


class InferRequest(_Part):
    id: str | None = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] | None = Field(None, description="Absent: all of them.")


class ProtocolRoute(APIRoute):
    """Errors as the protocol has them: `{"error": "…"}`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except ProblemError as problem:
                where = f"image {problem.errors[0].index}: " if problem.errors else ""
                return JSONResponse({"error": where + problem.detail}, problem.status, problem.headers)
            except RequestValidationError as error:
                return JSONResponse({"error": _first(error.errors())}, InvalidRequest.status)

        return answer


router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"], route_class=ProtocolRoute)


async def _model(registry: RegistryDependency, name: str, version: PositiveInt | None = None) -> Model:
    if name != NAME:
        raise UnknownVersion(f"There is no model {name}; the model is {NAME}.")
    return default_model(registry) if version is None else await run_in_threadpool(named_model, registry, version)


ModelDependency = Annotated[Model, Depends(_model)]


@router.get("", summary="What this server is")
async def server_metadata() -> dict[str, Any]:
    return {"name": "digits", "version": "1", "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Whether the server answers")
async def server_live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Whether the server has a model")
async def server_ready(registry: RegistryDependency) -> dict[str, bool]:
    default_model(registry)
    return {"ready": True}


@router.get("/models/{name}/ready", summary="Whether the default version can be asked")
@router.get("/models/{name}/versions/{version}/ready", summary="Whether a version can be asked")
async def model_ready(model: ModelDependency) -> dict[str, Any]:
    return {"name": model.manifest.name, "ready": True}


@router.get("/models/{name}", summary="Inputs and outputs of the default version")
@router.get("/models/{name}/versions/{version}", summary="Inputs and outputs of a version")
async def model_metadata(model: ModelDependency, registry: RegistryDependency) -> dict[str, Any]:
    return {
        "name": model.manifest.name,
        "versions": [str(summary.version) for summary in registry.summaries() if summary.state != "refused"],
        "platform": "litert",
        "inputs": INPUTS,
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shape} for name, (datatype, _, shape, _) in OUTPUTS.items()
        ],
    }


@router.post("/models/{name}/infer", summary="Ask the default version")
@router.post("/models/{name}/versions/{version}/infer", summary="Ask a version")
async def infer(request: Request, model: ModelDependency, settings: SettingsDependency) -> Response:
    body = await request.body()
    return await run_in_threadpool(_infer, body, request.headers.get(HEADER_LENGTH), model, settings)


def _infer(body: bytes, header_length: str | None, model: Model, settings: Settings) -> Response:
    length = _length(header_length, body)
    try:
        wanted = InferRequest.model_validate_json(body[:length])
    except ValidationError as error:
        raise InvalidRequest(_first(error.errors())) from error
    images = _images(wanted.inputs[0], body[length:])
    _require_within_limits(images, settings)
    if wanted.parameters.normalise:
        images = np.stack([normalised(image, index) for index, image in enumerate(images)])
    elif images.shape[1:] != (SIZE, SIZE):
        raise InvalidRequest(f"Images that are not to be normalised must be [-1, {SIZE}, {SIZE}].")
    return _response(wanted, model, model.answer(images))


def _length(header: str | None, body: bytes) -> int:
    """Bytes of JSON in `body`."""
    if header is None:
        return len(body)
    if not (header.isascii() and header.isdigit() and int(header) <= len(body)):
        raise InvalidRequest(f"{HEADER_LENGTH} is {header}, the body has {len(body)} bytes.")
    return int(header)


def _images(tensor: InputTensor, binary: bytes) -> NDArray[np.uint8]:
    """uint8 [n, rows, columns] of the tensor's data, or of `binary`."""
    count = tensor.shape[0] * tensor.shape[1] * tensor.shape[2]
    if (size := tensor.parameters.binary_data_size) is not None:
        if size != len(binary) or size != count:
            raise InvalidRequest(f"image has {size} binary bytes, {len(binary)} were sent, its shape says {count}.")
        return np.frombuffer(binary, np.uint8).reshape(tensor.shape)
    try:
        values = np.asarray(tensor.data)
    except ValueError as error:
        raise InvalidRequest("image: data has rows of different lengths.") from error
    if values.size != count or values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
        raise InvalidRequest(f"image: data must be {count} whole numbers from 0 to 255, as the shape says.")
    return values.astype(np.uint8).reshape(tensor.shape)


def _require_within_limits(images: NDArray[np.uint8], settings: Settings) -> None:
    count, rows, columns = images.shape
    if count > settings.max_images:
        raise TooLarge(f"A request may have {settings.max_images} images, this one has {count}.")
    if rows * columns > settings.max_image_pixels or images.size > settings.max_request_pixels:
        raise TooLarge("The images have too many pixels: send fewer or smaller ones.")


def _response(wanted: InferRequest, model: Model, answers: Answers) -> Response:
    outputs, tensors = [], []
    for asked in wanted.outputs or [RequestedOutput(name=name) for name in ("digit", "probabilities", "accepted")]:
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
        media_type="application/octet-stream",
    )


def _first(errors: Any) -> str:
    """The first of pydantic's faults, in words."""
    fault = next(iter(errors))
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
