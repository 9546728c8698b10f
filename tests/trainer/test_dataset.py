"""Pictures are made by several processes, of which one may die."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from trainer.dataset import in_workers
from trainer.digits import Digits
from trainer.errors import WorkerError

NONE = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))


def dying(_: Digits, job: tuple[Path, int]) -> int:
    """Dies with the last job while there are names left in the folder; each death takes one."""
    folder, number = job
    left = sorted(folder.iterdir())
    if left and number == 3:
        left[0].unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("deaths", [0, 1])
def test_what_a_dead_process_had_in_hand_is_made_again(tmp_path: Path, deaths: int) -> None:
    for place in range(deaths):
        (tmp_path / str(place)).touch()
    jobs = [(tmp_path, number) for number in range(4)]
    assert in_workers(dying, jobs, NONE, "Counting") == [0, 1, 2, 3]


def test_two_deaths_are_told(tmp_path: Path) -> None:
    for place in range(2):
        (tmp_path / str(place)).touch()
    with pytest.raises(WorkerError, match="memory"):
        in_workers(dying, [(tmp_path, 3)], NONE, "Counting")
