"""Pictures are made by several processes, of which one may die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.servers import REPO, eventually
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


def waiting(_: Digits, folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(300)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.trainer import test_dataset as test\n"
        "from trainer.dataset import in_workers\n"
        "in_workers(test.waiting, [Path(sys.argv[1])] * 4, test.NONE, 'Waiting')"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=REPO, stdout=subprocess.DEVNULL)
    eventually(lambda: any(tmp_path.iterdir()))
    workers = [psutil.Process(int(file.name)) for file in tmp_path.iterdir()]
    assert all(worker.is_running() for worker in workers)
    parent.kill()
    parent.wait()
    gone, alive = psutil.wait_procs(workers, timeout=60)
    assert gone
    assert not alive
