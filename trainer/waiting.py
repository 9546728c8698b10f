"""A trained version that its store could not take waits in a folder: a full disk or a lost key costs no training."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import ValidationError

from contract.artifact import ArtifactError, Draft, Manifest
from contract.store import Store

PLACE = Path(os.environ.get("DIGITS_CACHE") or user_cache_path("digits")) / "unpublished"
DRAFT = "draft.json"
FILES = "files"

ROOM = 64
"""MiB that are enough to write a version: several times what it is in the end."""


@contextmanager
def reserved() -> Iterator[None]:
    """Room among temporary files, held during a training, for what is written after it. Raises `OSError` at once."""
    with tempfile.TemporaryFile() as held:
        try:
            for _ in range(ROOM):
                held.write(os.urandom(1 << 20))  # zeros might be kept as none
            held.flush()
        except OSError as error:
            raise OSError(
                f"{error}. A training needs {ROOM} MiB among temporary files, in {tempfile.gettempdir()}: free some, "
                "or name another folder as TMPDIR"
            ) from error
        yield


def publish(files: Path, draft: Draft, store: Store) -> Manifest:
    """Publish the files in the folder `files`. Where the store raises `OSError`, so does this, and takes them away."""
    try:
        return store.publish(files, draft)
    except OSError as error:
        kept = _kept(files, draft)
        raise OSError(
            f"{error}. What was trained is kept{'' if kept.parent == PLACE else ', among temporary files'}: once this "
            f"is mended, `python -m trainer publish {kept}`, with the --store that was meant, publishes it"
            if kept
            else f"{error}. What was trained could not be kept either"
        ) from error


def publish_kept(folder: Path, store: Store) -> Manifest:
    """Publish what is kept in `folder`, which goes then, where it may.

    Raises `ArtifactError` where nothing is kept; `OSError`.
    """
    try:
        draft = Draft.model_validate_json((folder / DRAFT).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError) as error:
        raise ArtifactError(f"{folder} holds no version that waits to be published") from error
    manifest = store.publish(folder / FILES, draft)
    shutil.rmtree(folder, ignore_errors=True)  # it may be somebody else's
    return manifest


def _kept(files: Path, draft: Draft) -> Path | None:
    """Where they are now: in the cache folder, or where that cannot be beside where they were, which needs no room."""
    for place in (PLACE, files.parent):
        folder = place / f"digits-{files.name}"
        try:
            folder.mkdir(parents=True)
        except OSError:  # perhaps it is there, and keeps another version
            continue
        try:
            (folder / DRAFT).write_text(draft.model_dump_json(), encoding="utf-8")
            shutil.move(files, folder / FILES)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return folder
    return None
