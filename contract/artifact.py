"""The model artifact: what lies in the folder of one version, and what its manifest says.

models/digits/1/manifest.json   the `Manifest`
                model.tflite    what is served: int8, LiteRT
                model.keras     what training can go on from
                line.tflite     what reads whole numbers, and line.keras
                second.tflite   what is asked where model.tflite is not sure, and second.keras
                README.md       the model card, and the pictures it shows
"""

from datetime import datetime
from math import exp
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract import line, normalisation
from contract.spelling import NO_DIGIT

MANIFEST = "manifest.json"
TFLITE = "model.tflite"
KERAS = "model.keras"
LINE_TFLITE = "line.tflite"
LINE_KERAS = "line.keras"
SECOND_TFLITE = "second.tflite"
SECOND_KERAS = "second.keras"
CARD = "README.md"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
PerClass = Annotated[list[Share], Field(min_length=10, max_length=10)]
Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=10, max_length=10)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]


class ArtifactError(Exception):
    """An artifact is missing, incomplete, altered, or not of this schema; the text says which, for the operator."""


class NotNowError(ArtifactError):
    """It cannot be told at present: what holds it cannot be reached, or the machine has no room to try it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Part):
    sha256: Sha256
    size: int = Field(ge=0, description="Bytes.")


class Input(_Part):
    """What the network takes: one normalised grey image, ink 255 on paper 0."""

    shape: tuple[Literal[28], Literal[28]]
    dtype: Literal["uint8"]
    normalisation: str = Field(
        description="Version of the normalisation that the networks were measured with, and are served with."
    )


class Metrics(_Part):
    """Measured on the test set, by which nothing was chosen in training."""

    accuracy: Share
    error: Share
    recall: PerClass = Field(description="Share of each digit's images that were read right.")
    confusion_matrix: Annotated[list[Counts], Field(min_length=10, max_length=10)] = Field(
        description="Rows: the digit written. Columns: the digit read."
    )
    expected_calibration_error: Share = Field(description="In 15 bins of equal width (Guo et al. 2017).")


class TestMetrics(_Part):
    images: int = Field(ge=1)
    float32: Metrics
    int8: Metrics = Field(description="The model that is served.")


class Calibration(_Part):
    """Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2)."""

    temperature: float = Field(gt=0, allow_inf_nan=False)
    chosen: str = Field(description="How the temperature was chosen.")

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of the ten digits, if it is one: [n, 10] from logits [n, 11]; rows sum to 1."""
        return self.judged(logits)[0]

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """What acceptance goes by, [n] from logits [n, 11]: the likeliest digit's share beside "no digit"."""
        return self.judged(logits)[1]

    def judged(self, logits: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`probabilities` and `scores`, in one go."""
        scaled = np.divide(logits, self.temperature, dtype=np.float64)
        digits = scaled[:, :NO_DIGIT]
        powers = np.exp(scaled - np.maximum.reduce(digits, axis=1, keepdims=True))  # the likeliest digit's is 1
        sums = np.add.reduce(powers, axis=1)
        of_digits = np.add.reduce(powers[:, :NO_DIGIT], axis=1, keepdims=True)
        return powers[:, :NO_DIGIT] / of_digits, 1 / sums

    def judged_one(self, logits: list[float]) -> tuple[list[float], float]:
        """The same of one image's eleven, as plain numbers."""
        *digits, none = (logit / self.temperature for logit in logits)
        most = max(digits)
        powers = [exp(scaled - most) for scaled in digits]
        of_digits = sum(powers)
        of_none = exp(min(none - most, 700))  # more does not fit into a float
        return [power / of_digits for power in powers], 1 / (of_digits + of_none)


class Acceptance(_Part):
    """The rule that tells an answer from "I am not sure"."""

    score: Literal["digit_share"] = Field(
        description="The likeliest digit's share in a softmax over the network's eleven outputs; the last is no digit."
    )
    threshold: Share
    chosen: str = Field(description="How the threshold was chosen.")
    coverage: Share = Field(description="Share of the validation images that are accepted.")
    accuracy: Share = Field(description="Share of the accepted validation images that are read right.")

    def accepts(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each answer of these scores, [n], is one to rely on, bool [n]."""
        result: NDArray[np.bool_] = scores >= self.threshold
        return result


class Provenance(_Part):
    """Where the model comes from."""

    dataset: str
    dataset_sha256: dict[str, Sha256]
    split: dict[str, int] = Field(description="Images for training, validation and test.")
    seed: int
    epochs: int = Field(ge=1)
    learned_on: int = Field(
        default=0, ge=0, description="Of the epochs, those in which two copies of the network learned on."
    )
    shown: int = Field(ge=1, description="Pictures in one epoch: training images, and what was made of them.")
    parameters: int = Field(ge=1)
    macs: int = Field(ge=1, description="Multiply-accumulate operations for one image.")
    libraries: dict[str, str]
    seconds: float = Field(ge=0, description="Wall-clock time of the training alone.")
    revision: str = Field(description="Source revision the trainer ran from.")

    @property
    def images(self) -> int:
        """That were for training and validation."""
        return self.split["training"] + self.split["validation"]


class LineReader(_Part):
    """The network that reads whole numbers, and how sure one may be of it."""

    strip: str = Field(description="Version of the strips that it was trained on.")
    temperature: float = Field(gt=0, allow_inf_nan=False, description="Logits are divided by it.")
    threshold: Share = Field(description="A digit of a number is accepted from this score on.")
    chosen: str = Field(description="How temperature and threshold were chosen.")
    coverage: Share = Field(description="Share of the validation numbers that are accepted.")
    accuracy: Share = Field(description="Share of the accepted validation numbers that are read right.")
    exact: dict[str, Share] = Field(
        description="Share of numbers of 1 to 8 test digits that are read right as a whole, by the gaps between digits."
    )
    expected_calibration_error: Share = Field(description="Of those numbers, in 15 bins of equal width.")
    epochs: int = Field(ge=1)
    shown: int = Field(ge=1, description="Strips in one epoch.")
    parameters: int = Field(ge=1)
    macs: int = Field(ge=1, description="Multiply-accumulate operations for one strip of 256 columns.")
    seconds: float = Field(ge=0, description="Wall-clock time of its training.")
    revision: str = Field(description="Source revision it was trained from.")


class SecondReader(_Part):
    """The larger network that gives a second opinion, and the rule of `contract.opinion` for asking it."""

    ask_below: Share = Field(description="It is asked where the first network's score is lower.")
    weight: Annotated[float, Field(gt=0, le=100)] = Field(
        description="What the sum of both networks' logits is multiplied by; the temperature comes then."
    )
    counts: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1, description="What its logits are multiplied by before they are added to the first network's."
    )
    doubt: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0, description='Added then to what they say for "no digit", before the temperature.'
    )
    chosen: str = Field(description="How these were chosen.")
    asked: Share = Field(description="Share of the validation images that it is asked about.")
    epochs: int = Field(ge=1)
    shown: int = Field(ge=1, description="Pictures in one epoch.")
    parameters: int = Field(ge=1)
    macs: int = Field(ge=1, description="Multiply-accumulate operations for one image.")
    seconds: float = Field(ge=0, description="Wall-clock time of its training.")
    revision: str = Field(description="Source revision it was trained from.")


class Draft(_Part):
    """What a trainer says of a model; publishing it adds the version, the time and the files."""

    input: Input
    labels: Annotated[list[str], Field(min_length=10, max_length=10)]
    metrics: TestMetrics
    calibration: Calibration
    acceptance: Acceptance
    provenance: Provenance
    line: LineReader | None = Field(default=None, description="Absent where the version reads single digits only.")
    second: SecondReader | None = Field(default=None, description="Absent where one network reads all single digits.")


class Manifest(Draft):
    name: str
    version: int = Field(ge=1)
    created_at: datetime
    files: dict[FileName, File]

    def draft(self) -> Draft:
        """What it says of the model, as it was before it was published."""
        return Draft.model_validate({name: getattr(self, name) for name in Draft.model_fields})

    def require_servable(self) -> None:
        """Raises `ArtifactError` where images or lines were prepared otherwise than today's when it was measured."""
        if self.input.normalisation != normalisation.VERSION:
            raise ArtifactError(
                f"version {self.version} was measured with images normalised by {self.input.normalisation!r}; "
                f"this program normalises by {normalisation.VERSION!r}"
            )
        if self.line is not None and self.line.strip != line.VERSION:
            raise ArtifactError(
                f"version {self.version} was measured with lines as {self.line.strip!r}; "
                f"this program makes {line.VERSION!r}"
            )
