"""What a training leads to is not lost where its store cannot take it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.artifact import MANIFEST, Manifest
from contract.folder import FolderStore
from tests.servers import REPO
from tests.trainer.test_training import printed, trainer
from trainer import waiting


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(waiting, "PLACE", tmp_path / "cache" / "unpublished")
    return waiting.PLACE


@pytest.fixture
def bundled(store: FolderStore) -> Manifest:
    """Its files, but for the manifest, lie in the folder of its number."""
    manifest = store.manifest(store.versions()[-1])
    (store.folder / str(manifest.version) / MANIFEST).unlink()
    return manifest


@pytest.mark.parametrize("cache", ["writable", "a file"])
def test_version_that_the_store_does_not_take_is_kept_and_published_later(
    store: FolderStore, bundled: Manifest, place: Path, cache: str
) -> None:
    files = store.folder / str(bundled.version)
    if cache == "a file":
        place.parent.touch()
    away = FolderStore(place.parent.parent / "away")
    away.folder.parent.mkdir(exist_ok=True)
    away.folder.touch()  # a file where the folder was

    with pytest.raises(OSError, match="is kept") as raised:
        waiting.publish(files, bundled.draft(), away)
    (kept,) = (place if cache == "writable" else store.folder).iterdir()
    assert f"python -m trainer publish {kept}" in str(raised.value)
    with pytest.raises(OSError, match="away"):
        waiting.publish_kept(kept, away)

    away.folder.unlink()
    assert "digits/1." in "".join(printed("publish", kept, "--store", away.folder.parent).split())
    again = away.verify(1)
    assert again.draft() == bundled.draft()
    assert again.files == bundled.files
    assert not kept.exists()


def test_version_that_is_published_at_once_is_not_kept(store: FolderStore, bundled: Manifest, place: Path) -> None:
    files = store.folder / str(bundled.version)
    assert waiting.publish(files, bundled.draft(), FolderStore(place.parent.parent / "other")).version == 1
    assert not place.exists()


@pytest.mark.parametrize("content", [None, "{", '{"labels": []}'])
def test_folder_in_which_nothing_waits_is_one_clear_line(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / waiting.DRAFT).write_text(content)
    result = trainer("publish", tmp_path, "--store", REPO / "models", expect=1)
    assert "waits to be published" in result.stderr
    assert "Traceback" not in result.stderr


def test_room_for_what_is_written_after_a_training_is_held_during_it() -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc, which lists open files")

    def held() -> int:
        """Bytes of files that this process has open."""
        total = 0
        for file in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # the one of this listing
                total += file.stat().st_size
        return total

    before = held()
    with waiting.reserved():
        during = held()
    assert during - before >= waiting.ROOM << 20
    assert held() < during - (waiting.ROOM << 20) // 2


def test_training_does_not_begin_where_its_temporary_files_have_no_room(tmp_path: Path) -> None:
    program = (
        "import resource, signal; from trainer.waiting import reserved\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "with reserved(): print('trained')"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPO,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stdout
    assert f"in {tmp_path}: free some, or name another folder as TMPDIR" in result.stderr
    assert not any(tmp_path.iterdir())
