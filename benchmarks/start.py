"""How fast the service starts, what it holds in memory, and how long one answer takes.

Run by `make bench`. Each figure is the median of several processes, started one after the other; nothing else should
run meanwhile.
"""

import statistics
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.servers import REPO, running_service

PROCESSES = 5
REQUESTS = 500


def measure(image: bytes) -> tuple[float, float, float]:
    """Seconds from process start to ready, resident bytes after the requests, median seconds of one request."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with running_service(Path(folder) / "log", model_store=REPO / "models") as service:
            ready = time.perf_counter() - started
            with httpx.Client(base_url=service.url, headers={"Content-Type": "image/png"}) as client:
                seconds = []
                for _ in range(REQUESTS):
                    sent = time.perf_counter()
                    client.post("/v1/predict/image", content=image).raise_for_status()
                    seconds.append(time.perf_counter() - sent)
            return ready, psutil.Process(service.process.pid).memory_info().rss, statistics.median(seconds)


def main() -> None:
    image = (REPO / "tests/data/7.png").read_bytes()
    rows = [measure(image) for _ in track(range(PROCESSES), "Starting the service")]
    ready, resident, request = (statistics.median(column) for column in zip(*rows, strict=True))
    table = Table("one worker, bundled model", f"median of {PROCESSES} processes")
    table.add_row("from process start to ready", f"{ready:.2f} s")
    table.add_row(f"resident memory after {REQUESTS} requests", f"{resident / 1e6:.0f} MB")
    table.add_row("one 320×320 PNG, one connection", f"{1000 * request:.2f} ms")
    Console().print(table)


if __name__ == "__main__":
    main()
