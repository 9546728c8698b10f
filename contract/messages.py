"""The messages of the HTTP API, version 1."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

GreyLevel = Annotated[float, Field(ge=0, le=255, strict=True, allow_inf_nan=False)]
# fail_fast: one fault is enough to refuse a request, and millions of them would fill the memory.
Pixels = Annotated[
    list[Annotated[list[GreyLevel], Field(fail_fast=True)]],
    Field(
        fail_fast=True,
        title="Grey values",
        description="Rows from the top, all of one length; grey values 0 to 255, black to white.",
    ),
]
EncodedImage = Annotated[
    str,
    Field(
        title="Encoded image",
        description="A PNG, JPEG, WebP, GIF, BMP, TIFF or PNM file of up to 25 megapixels in base64, or a data URL.",
        strict=True,
    ),
]


def _kind(image: object) -> str:
    return "base64" if isinstance(image, str) else "array"


Image = Annotated[
    Annotated[EncodedImage, Tag("base64")] | Annotated[Pixels, Tag("array")],
    Discriminator(_kind),
]


class PredictRequest(BaseModel):
    """One or more images of one digit each: any size, any pen, dark on light or light on dark.

    As the service ships, at most 1,024 images in 10 MiB.
    """

    model_config = ConfigDict(extra="forbid")

    images: list[Image] = Field(min_length=1, fail_fast=True)


class ModelReference(BaseModel):
    name: str = Field(examples=["digits"])
    version: int = Field(ge=1, examples=[1])


Probability = Annotated[float, Field(ge=0, le=1)]


class Prediction(BaseModel):
    digit: int = Field(ge=0, le=9, description="The likeliest digit.", examples=[7])
    confidence: Probability = Field(
        description="Its calibrated probability, if it is a digit at all.", examples=[0.998]
    )
    probabilities: list[Probability] = Field(
        min_length=10, max_length=10, description="Calibrated probabilities of the digits 0 to 9, summing to 1."
    )
    accepted: bool = Field(
        description='False means "I am not sure", or "this is no digit": better to ask than to rely on it.'
    )
    normalised: str | None = Field(
        default=None, description="With `details=true`: the 28×28 image the network saw, a PNG in base64."
    )


class PredictResponse(BaseModel):
    model: ModelReference
    predictions: list[Prediction] = Field(description="One for each image, in the order of the request.")


class NumberRequest(BaseModel):
    """One image of one line of digits: any size, any pen, dark on light or light on dark."""

    model_config = ConfigDict(extra="forbid")

    image: Image


class Box(BaseModel):
    """Around a digit's ink, in pixels of the image as it is seen upright."""

    x: int = Field(description="Of the left edge.")
    y: int = Field(description="Of the upper edge.")
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class NumberDigit(Prediction):
    box: Box


class NumberResponse(BaseModel):
    model: ModelReference
    number: str = Field(description="The digits from left to right; leading zeros stay.", examples=["2048"])
    confidence: float = Field(
        ge=0, le=1, description="Probability that all of it is right, if all are digits.", examples=[0.97]
    )
    accepted: bool = Field(description="Whether each digit is accepted, as the one that it is and as a digit.")
    digits: list[NumberDigit]


class ModelSummary(BaseModel):
    name: str
    version: int = Field(ge=1)
    state: Literal["serving", "available", "refused"] = Field(
        description="serving: loaded. available: checked, loads when asked for. refused: failed a check."
    )
    reason: str | None = Field(description="Why a version is refused.")
    default: bool = Field(description="Whether it answers requests that name no version.")
    published_at: datetime | None
    accuracy: float | None = Field(description="On the test set, of the int8 model that is served.")


class ModelList(BaseModel):
    models: list[ModelSummary]


class Health(BaseModel):
    status: Literal["live", "ready"]


class ItemError(BaseModel):
    index: int = Field(ge=0, description="Position of the image in the request, from 0.")
    detail: str


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = Field(description="A stable path that names the kind of problem.", examples=["/problems/blank-image"])
    title: str = Field(examples=["Blank image"])
    status: int = Field(ge=400, le=599, examples=[422])
    detail: str = Field(description="What to change.", examples=["There is nothing on the paper: send a drawn digit."])
    errors: list[ItemError] | None = Field(default=None, description="For a batch: the images at fault.")
