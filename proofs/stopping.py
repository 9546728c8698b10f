"""It stops cleanly."""

import random
import signal
import time
from collections.abc import Iterator

import numpy as np

from proofs.load import Load
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, require
from tests.servers import ServiceProcess

DRAIN = 0.5
"""Seconds for which the service goes on answering, and says that it is not ready; 2 as it ships."""


def prove(trial: Trial) -> Iterator[Figure]:
    rng = random.Random(trial.seed)
    for workers, times in ((1, trial.count(70, 3)), (2, trial.count(30, 1))):
        answered, took = 0, []
        for number in range(times):
            service = ServiceProcess(
                trial.folder / f"{workers}-{number}", model_store=BUNDLED.folder.parent, workers=workers,
                drain_seconds=DRAIN,
            )  # fmt: skip
            service.wait()
            with Load(service.port, SEVEN, connections=16) as load:
                time.sleep(rng.uniform(0, 1))
                service.process.send_signal(signal.SIGTERM)
                begun = time.monotonic()
                status = service.process.wait(20)
                took.append(time.monotonic() - begun)
            require(status == 0, f"exit status {status}")
            load.require_all_right()
            answered += len(load.right)
        yield Figure(
            f"SIGTERM at {times} random moments under full load, {workers} worker{'s' * (workers > 1)}",
            f"{answered:,} requests, none lost, exit status 0 each time; over after {np.median(took):.1f} s, "
            f"{max(took):.1f} s at most",
        )
