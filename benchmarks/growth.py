"""Whether the memory of a worker grows over 200,000 requests. Run by `make bench`."""

import json
import tempfile
from pathlib import Path

import psutil
from rich.progress import Progress
from rich.table import Table

from benchmarks.common import console, digit, drawing, load, post, service
from tests.servers import free_port

REQUESTS = 200_000
STEP = 4.0
"""Seconds of load between two looks."""


def main() -> None:
    requests = (
        post("/v1/predict", json.dumps({"images": [digit()]}).encode()),
        post("/v1/predict/image", drawing(), "image/png"),
    )
    port = free_port()
    answered, seen = 0, []
    with tempfile.TemporaryDirectory() as name, service(port, Path(name)) as pid, Progress(console=console) as progress:
        task = progress.add_task("Asking", total=REQUESTS)
        while answered < REQUESTS:
            for request in requests:
                answered += load(port, request, Path(name), 32, STEP)["statuses"]["200"]
            seen.append((answered, psutil.Process(pid).memory_info().rss / 1e6))
            progress.update(task, completed=answered)
    table = Table("requests, half of them PNG", "resident memory of the worker")
    for number, resident in (seen[0], seen[len(seen) // 2], seen[-1]):
        table.add_row(f"{number:,}", f"{resident:.1f} MB")
    console.print(table)


if __name__ == "__main__":
    main()
