"""The networks that a version has beside its first one: each is trained apart, and taken from version to version."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

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
from trainer.digits import Grey
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
class Trained:
    """A network, and how it came to be."""

    network: keras.Model
    examples: Grey
    """Some of each kind of what it learned from."""
    shown: int
    """Strips or pictures in one epoch."""
    seconds: float
    """Wall-clock time of the training alone."""
    revision: str
    epochs: int

    def exported(self) -> "Fitted":
        return Fitted(
            network=self.network,
            tflite=to_int8(self.network, self.examples),
            shown=self.shown,
            seconds=self.seconds,
            revision=self.revision,
            epochs=self.epochs,
        )


@dataclass(frozen=True)
class Fitted:
    """A network, as trained and as served, and how it came to be, as `Trained` has it."""

    network: keras.Model
    tflite: bytes
    shown: int
    seconds: float
    revision: str
    epochs: int

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
            manifest.require_known_normalisation()
        except NotNowError:
            raise
        except ArtifactError:
            continue
        facts = manifest.provenance
        images = facts.split["training"] + facts.split["validation"]
        if kind.of(manifest) and (facts.seed, images) == (recipe.seed, recipe.images):
            return manifest
    return None


def fitted_before(kind: Kind, store: Store, manifest: Manifest) -> Fitted:
    """That network of a published version. Raises `ArtifactError`."""
    manifest.require_known_normalisation()
    if (part := kind.of(manifest)) is None:
        raise ArtifactError(f"version {manifest.version} has no {kind.part} network: train one")
    network, tflite = loaded(store, manifest, kind.keras), store.read(manifest, kind.tflite)
    return Fitted(network, tflite, part.shown, part.seconds, part.revision, part.epochs)


def loaded(store: Store, manifest: Manifest, name: str = KERAS) -> keras.Model:
    """One of the Keras models of a published version. Raises `ArtifactError`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(store.read(manifest, name))
        return keras.models.load_model(file, compile=False)
