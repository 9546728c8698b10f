"""Prometheus metrics, by the field's names.

With several workers each writes into files of the folder `PROMETHEUS_MULTIPROC_DIR`, which `python -m service` sets,
and whichever is asked adds them up. What the others have not yet settled comes a tenth of a second later.
"""

import os
import re
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.responses import Response

from service import later

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
REQUEST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
NETWORK_SECONDS = (0.00002, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

requests = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
request_seconds = Histogram(
    "http_request_duration_seconds", "From a request's headers to its answer.", ["route"], buckets=REQUEST_SECONDS
)
overloaded = Counter("digits_overloaded_requests", "Requests sent away with 503 as overloaded.")
inference_seconds = Histogram("digits_inference_seconds", "The network's time for a batch.", buckets=NETWORK_SECONDS)
batch_size = Histogram("digits_batch_size", "Images in a request.", buckets=BATCH_SIZES)
answers = Counter("digits_answers", 'Digits read; accepted="false" means "not sure".', ["version", "accepted"])
reloads = Counter("digits_reloads", "Versions that became the default, or were refused.", ["outcome"])
served_version = Gauge("digits_served_version", "The default version.", multiprocess_mode="liveall")


def exposition() -> Response:
    """What a Prometheus server reads."""
    later.settle()
    if folder := os.environ.get(FOLDER):
        _forget_dead_workers(Path(folder))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own lack
    else:
        registry = REGISTRY
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _forget_dead_workers(folder: Path) -> None:
    """What they counted stays; what they serve they serve no longer."""
    for file in folder.glob("gauge_live*_*.db"):
        [pid] = re.findall(r"_(\d+)\.db$", file.name)
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, PermissionError):  # dead; or dead, and its number is another user's now
            file.unlink(missing_ok=True)
