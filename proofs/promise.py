"""What a proof is: a generator of figures, which stops at the first promise that is broken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from contract.folder import FolderStore
from tests.servers import ServiceProcess

REPO = Path(__file__).parent.parent
BUNDLED = FolderStore(REPO / "models")
SEVEN = (REPO / "tests/data/7.png").read_bytes()


class BrokenPromiseError(Exception):
    """The text says what happened instead."""


@dataclass(frozen=True)
class Trial:
    """How one run of the proofs is done."""

    folder: Path
    """Empty, for whatever a proof writes."""
    short: bool
    """Whether it is to be over soon."""
    seed: int

    def count(self, whole: int, short: int) -> int:
        """Of times, or of seconds."""
        return short if self.short else whole


@dataclass(frozen=True)
class Figure:
    tried: str
    found: str


def not_tried(what: str, why: str) -> Figure:
    """The machine lacks what it takes, or there is no time; nothing is broken by that, and nothing proved."""
    return Figure(what, f"not tried: {why}")


Proof = Callable[[Trial], Iterator[Figure]]


def require(holds: bool, instead: str) -> None:
    """Raises `BrokenPromiseError` unless it holds."""
    if not holds:
        raise BrokenPromiseError(instead)


def predicted(service: ServiceProcess) -> httpx.Response:
    """What `service` says of a 7."""
    return httpx.post(f"{service.url}/v1/predict/image", content=SEVEN, headers={"Content-Type": "image/png"})
