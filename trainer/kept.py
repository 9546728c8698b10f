"""What a training led to stays until it is published: a killed worker, a full disk or a lost key costs no training."""

import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

from trainer.errors import PoorModelError

Fitted = TypeVar("Fitted")

PLACE = Path(os.environ.get("DIGITS_CACHE") or user_cache_path("digits")) / "trained"

ROOM = 64
"""MiB that are enough to write it down: several times what it is."""

logger = logging.getLogger(__name__)


@contextmanager
def kept(job: str, fit: Callable[[], Fitted]) -> Iterator[Fitted]:
    """What `fit` gives; where what is done with it fails, it stays in the cache folder, and the same `job` goes on.

    Raises `OSError` before anything is trained where there is no room for that. A cache folder that may not be written
    to keeps nothing.
    """
    file = PLACE / hashlib.sha256(job.encode()).hexdigest()[:16]
    try:
        fitted: Fitted = pickle.loads(file.read_bytes())  # noqa: S301  # our own, in the user's own folder
        logger.warning("Going on from what was trained before; to train anew, remove %s", file)
    except Exception:  # there is none, or it cannot be read any more: pickle raises what it likes
        with _reserved() if _is_writable() else nullcontext():
            fitted = fit()
        _write(file, fitted)
    try:
        yield fitted
    except PoorModelError:  # there is nothing to go on from
        file.unlink(missing_ok=True)
        raise
    except BaseException:
        if file.exists():
            logger.warning("What was trained is kept: the same command goes on from there.")
        raise
    file.unlink(missing_ok=True)


def _write(file: Path, fitted: object) -> None:
    half = file.with_suffix(".half")
    try:
        half.write_bytes(pickle.dumps(fitted))
        half.replace(file)
    except OSError as error:
        logger.warning("What was trained is not kept should publishing it fail: %s", error)
        with suppress(OSError):
            half.unlink()


def _is_writable() -> bool:
    with suppress(OSError):
        PLACE.mkdir(parents=True, exist_ok=True)
    return os.access(PLACE, os.W_OK)


@contextmanager
def _reserved() -> Iterator[None]:
    """Room in that folder, held during a training for what is written after it. Raises `OSError` at once."""
    with tempfile.TemporaryFile(dir=PLACE) as held:
        try:
            for _ in range(ROOM):
                held.write(os.urandom(1 << 20))  # zeros might be kept as none
            held.flush()
        except OSError as error:
            raise OSError(
                f"{error}. A training needs {ROOM} MiB in {PLACE}: free some, or name another folder as DIGITS_CACHE"
            ) from error
        yield
