"""How the trainer's tests run beside the others."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from trainer import kept


@pytest.fixture(scope="session", autouse=True)
def _last_in_line() -> None:
    """In a process of their own they take what the others leave of the processors, as some of those keep time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.nice(10)


@pytest.fixture(scope="package", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is trained here goes on from nothing, and nothing of the user's from it."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_CACHE", str(cache))
        patch.setattr(kept, "PLACE", cache / "trained")
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """The same for every test, whichever ran before it."""
    return np.random.default_rng(0)
