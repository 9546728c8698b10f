"""It stops cleanly."""

import io
import random
import signal
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image

from proofs.load import Load
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, require
from tests.servers import eventually, metric, running_service

DRAIN = 0.5
"""Seconds for which the service goes on answering, and says that it is not ready; 2 as it ships."""

SIDE = 1500
"""Of a large image, pixels."""


def prove(trial: Trial) -> Iterator[Figure]:
    rng, version = random.Random(trial.seed), BUNDLED.versions()[-1]
    loads: dict[str, tuple[bytes, float | None]] = {
        "at full load": (SEVEN, None),
        "with connections that are idle, 200 requests a second": (SEVEN, 200),
        f"with images of {SIDE}×{SIDE} in hand": (_large(), None),
    }
    for workers, times in ((1, trial.count(24, 1)), (2, trial.count(10, 1))):
        for what, (image, rate) in loads.items():
            answered, took = 0, []
            for number in range(times):
                with running_service(
                    trial.folder / f"{workers}-{number}",
                    model_store=BUNDLED.folder.parent,
                    workers=workers,
                    drain_seconds=DRAIN,
                ) as service:
                    eventually(lambda: metric(service, "digits_served_version") == workers * version)  # noqa: B023
                    with Load(service.port, image, connections=16, rate=rate) as load:
                        time.sleep(rng.uniform(0.1, 1))
                        service.process.send_signal(signal.SIGTERM)
                        begun = time.monotonic()
                        status = service.process.wait(20)
                        took.append(time.monotonic() - begun)
                require(status == 0, f"exit status {status}")
                load.require_all_right()
                answered += len(load.right)
            yield Figure(
                f"SIGTERM at {times} random moments {what}, {workers} worker{'s' * (workers > 1)}",
                f"{answered:,} requests, none lost, exit status 0 each time; over after {np.median(took):.1f} s, "
                f"{max(took):.1f} s at most",
            )


def _large() -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(SEVEN)) as image:
        image.resize((SIDE, SIDE)).save(file, "PNG")
    return file.getvalue()
