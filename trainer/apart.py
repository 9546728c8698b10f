"""The networks that a version has beside its first one: each is trained apart, and taken from version to version."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

from contract.arrays import Grey
from contract.artifact import (
    KERAS,
    LINE_KERAS,
    LINE_TFLITE,
    SECOND_KERAS,
    SECOND_TFLITE,
    ArtifactError,
    LineReader,
    Manifest,
    NotNowError,
    SecondReader,
)
from contract.store import Store
from trainer.export import to_int8
from trainer.network import macs
from trainer.recipe import Recipe


@dataclass(frozen=True)
class Kind:
    """One of them: its part of the manifest, and its files."""

    part: Literal["line", "second"]
    keras: str
    tflite: str

    def of(self, manifest: Manifest) -> LineReader | SecondReader | None:
        found: LineReader | SecondReader | None = getattr(manifest, self.part)
        return found


LINE = Kind("line", LINE_KERAS, LINE_TFLITE)
SECOND = Kind("second", SECOND_KERAS, SECOND_TFLITE)


@dataclass(frozen=True)
class Learned:
    """A network, and how it came to be."""

    network: keras.Model
    shown: int
    """Strips or pictures in one epoch."""
    seconds: float
    """Wall-clock time of the training alone."""
    revision: str
    epochs: int


@dataclass(frozen=True)
class Trained(Learned):
    """One that is not exported yet."""

    examples: Grey
    """Some of each kind of what it learned from."""

    def exported(self) -> "Exported":
        tflite = to_int8(self.network, self.examples)
        return Exported(self.network, self.shown, self.seconds, self.revision, self.epochs, tflite)


@dataclass(frozen=True)
class Exported(Learned):
    """One as it was trained, and as it is served."""

    tflite: bytes

    def save(self, kind: Kind, folder: Path) -> None:
        self.network.save(folder / kind.keras)
        (folder / kind.tflite).write_bytes(self.tflite)

    def facts(self) -> dict[str, int | float | str]:
        """What the manifest says of how it came to be."""
        return {
            "epochs": self.epochs,
            "shown": self.shown,
            "parameters": self.network.count_params(),
            "macs": macs(self.network),
            "seconds": self.seconds,
            "revision": self.revision,
        }


def newest(kind: Kind, store: Store, recipe: Recipe) -> Manifest | None:
    """The newest whole version with such a network, of today's images, that never saw the recipe's validation split.

    Raises `NotNowError` where one cannot be read now: an older network would take its place.
    """
    for version in reversed(store.versions()):
        try:
            manifest = store.verify(version)
            manifest.require_servable()
        except NotNowError:
            raise
        except ArtifactError:
            continue
        facts = manifest.provenance
        if kind.of(manifest) and (facts.seed, facts.images) == (recipe.seed, recipe.images):
            return manifest
    return None


def exported_in(kind: Kind, store: Store, manifest: Manifest) -> Exported:
    """That network of a published version. Raises `ArtifactError`."""
    manifest.require_servable()
    if (part := kind.of(manifest)) is None:
        raise ArtifactError(f"version {manifest.version} has no {kind.part} network: train one")
    network, tflite = loaded(store, manifest, kind.keras), store.read(manifest, kind.tflite)
    return Exported(network, part.shown, part.seconds, part.revision, part.epochs, tflite)


def loaded(store: Store, manifest: Manifest, name: str = KERAS) -> keras.Model:
    """One of the Keras models of a published version. Raises `ArtifactError`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(store.read(manifest, name))
        try:
            return keras.models.load_model(file, compile=False)
        except Exception as error:  # Keras raises what it likes
            reason = str(error).partition("\n")[0].replace(str(file), name)
            raise ArtifactError(f"{name} of version {manifest.version} cannot be loaded: {reason}") from error
