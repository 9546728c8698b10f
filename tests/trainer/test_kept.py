"""What a training leads to is not lost where what comes after it fails."""

import contextlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import normalisation
from tests.servers import REPO
from trainer import kept as module
from trainer.errors import PoorModelError
from trainer.kept import kept
from trainer.mnist import Mnist
from trainer.recipe import QUICK
from trainer.training import Fitted, fit


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "PLACE", tmp_path / "cache" / "trained")
    return module.PLACE


class Training:
    """Gives how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> int:
        self.runs += 1
        return self.runs


@pytest.mark.parametrize("failure", [OSError("the disk is full"), MemoryError(), KeyboardInterrupt()])
def test_the_same_job_goes_on_from_what_was_trained(place: Path, failure: BaseException) -> None:
    training = Training()
    with pytest.raises(type(failure)), kept("job", training):
        raise failure
    with kept("another job", training) as fitted:
        assert fitted == 2
    with kept("job", training) as fitted:
        assert fitted == 1
    assert not any(place.iterdir())
    with kept("job", training) as fitted:
        assert fitted == 3


def test_poor_network_is_not_gone_on_from(place: Path) -> None:
    training = Training()
    with pytest.raises(PoorModelError), kept("job", training):
        raise PoorModelError
    with kept("job", training) as fitted:
        assert fitted == 2
    assert not any(place.iterdir())


def test_what_is_cut_off_while_it_is_written_is_not_gone_on_from(place: Path) -> None:
    """Killed between writing and renaming."""
    program = (
        "import os, sys; from pathlib import Path; from trainer import kept\n"
        "kept.PLACE = Path(sys.argv[1])\n"
        "Path.replace = lambda *_: os._exit(9)\n"
        "with kept.kept('job', lambda: 9): pass"
    )
    killed = subprocess.run([sys.executable, "-c", program, place], cwd=REPO, check=False)
    assert killed.returncode == 9
    [half] = place.iterdir()
    assert half.read_bytes() == pickle.dumps(9)
    with kept("job", Training()) as fitted:
        assert fitted == 1


def test_cache_that_cannot_be_written_stops_nothing_and_is_told_of_before_a_training(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.parent.touch()

    def training() -> int:
        assert "will not be kept" in caplog.text
        return 1

    with kept("job", training) as fitted:
        assert fitted == 1
    with pytest.raises(ZeroDivisionError), kept("job", training):
        raise ZeroDivisionError


def untrained() -> Fitted:
    pytest.fail("trained anew")


def test_trained_network_is_as_it_was_when_it_is_gone_on_from(place: Path, mnist: Mnist) -> None:
    recipe = replace(QUICK, epochs=1, images=1200)
    job = ("first", recipe, None)
    with pytest.raises(MemoryError), kept(job, lambda: fit(mnist, recipe)) as fitted:
        raise MemoryError
    [file] = place.iterdir()
    with kept(job, untrained) as again:
        shown = fitted.validation.images[..., np.newaxis] / np.float32(255)
        assert np.array_equal(again.network(shown), fitted.network(shown))
    assert not file.exists()


def test_what_cannot_be_read_any_more_is_trained_anew(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = Training()
    with pytest.raises(OSError, match="away"), kept("job", training):
        raise OSError("away")
    [file] = place.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with kept("job", training) as fitted:
        assert fitted == 2
    assert f"{file} cannot be read any more" in caplog.text


def test_what_was_trained_on_other_images_is_not_gone_on_from(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training()
    with pytest.raises(OSError, match="away"), kept("job", training):
        raise OSError("away")
    monkeypatch.setattr(normalisation, "VERSION", "pen-0")
    with kept("job", training) as fitted:
        assert fitted == 2


def test_room_for_what_is_written_after_a_training_is_held_during_it(place: Path) -> None:
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
    with kept("job", held) as during:
        assert during - before >= module.ROOM << 20
        assert held() < during - (module.ROOM << 20) // 2


@pytest.mark.parametrize("room", [1 << 20, (1 << 20) - 4096])
def test_training_does_not_begin_where_there_is_no_room_for_it(tmp_path: Path, room: int) -> None:
    program = (
        "import resource, signal; from trainer.kept import kept\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "with kept('job', lambda: print('trained')): pass"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPO,
        env=os.environ | {"DIGITS_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stdout
    assert f"in {tmp_path}" in result.stderr
    assert "or name another folder as DIGITS_CACHE" in result.stderr
    assert not any((tmp_path / "trained").iterdir())
