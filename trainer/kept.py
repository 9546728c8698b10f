"""What a training led to stays until it is published: a killed worker, a full disk or a lost key costs no training."""

import errno
import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

from contract import line, normalisation
from trainer.errors import PoorModelError

Result = TypeVar("Result")

PLACE = Path(os.environ.get("DIGITS_CACHE") or user_cache_path("digits")) / "trained"

ROOM = 64
"""MiB that are enough to write it down: several times what it is."""

FULL = errno.ENOSPC, errno.EDQUOT, errno.EFBIG

logger = logging.getLogger(__name__)


@contextmanager
def kept(job: object, fit: Callable[[], Result]) -> Iterator[Result]:
    """What `fit` gives; where what is done with it fails, it stays in the cache folder, and the same `job` goes on.

    Raises `OSError` before anything is trained where there is no room for that. A cache folder that may not be written
    to keeps nothing.
    """
    made = f"{job!r}, {normalisation.VERSION}, {line.VERSION}, Keras {installed('keras')}"
    file = PLACE / hashlib.sha256(made.encode()).hexdigest()[:16]
    fitted: Result | None = _found(file)
    if fitted is None:
        with _room():
            fitted = fit()
        _write(file, fitted)
    try:
        yield fitted
    except PoorModelError:  # there is nothing to go on from
        with suppress(OSError):
            file.unlink()
        raise
    except BaseException:
        if os.access(file, os.R_OK):
            logger.warning("What was trained is kept: the same command goes on from there.")
        raise
    with suppress(OSError):
        file.unlink()


def _found(file: Path) -> Any:
    """What was kept there; else None."""
    try:
        fitted = pickle.loads(file.read_bytes())  # noqa: S301  # who may write there is trusted, as docs/production.md says
        trained = datetime.fromtimestamp(file.stat().st_mtime).astimezone()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # pickle raises what it likes
        logger.warning("%s cannot be read any more, and all is trained anew: %s", file, error)
        return None
    logger.warning("Going on from what was trained until %s; to train anew, remove %s", f"{trained:%F %T}", file)
    return fitted


def _room() -> AbstractContextManager[object]:
    """That much in the cache folder, held as long as this is; none where that may not be written to.

    Raises `OSError` where there is less.
    """
    held = None
    try:
        PLACE.mkdir(parents=True, exist_ok=True)
        held = tempfile.TemporaryFile(dir=PLACE, buffering=0)  # noqa: SIM115  # who asks closes it
        while held.tell() < ROOM << 20:
            held.write(os.urandom(1 << 20))  # zeros might be kept as none
    except OSError as error:
        if held:
            held.close()
        if error.errno in FULL:
            raise OSError(
                f"{error}. A training needs {ROOM} MiB in {PLACE}: free some, or name another folder as DIGITS_CACHE"
            ) from error
        logger.warning("Should publishing fail, what is trained will not be kept: %s", error)
        return nullcontext()
    return held


def _write(file: Path, fitted: object) -> None:
    half = file.with_suffix(".half")
    try:
        half.write_bytes(pickle.dumps(fitted))
        half.replace(file)
    except OSError as error:
        logger.warning("Should publishing fail, what was trained is not kept: %s", error)
        with suppress(OSError):
            half.unlink()
