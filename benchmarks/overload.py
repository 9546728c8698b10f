"""Ten times more requests than one worker can carry, by an open loop. Run by `make bench`."""

import json
import tempfile
from pathlib import Path

from rich.table import Table

from benchmarks.common import console, digit, load, post, service
from tests.servers import free_port

SECONDS = 8.0
TIMES = 10
CONNECTIONS = 256


def main() -> None:
    request = post("/v1/predict", json.dumps({"images": [digit()]}).encode())
    port = free_port()
    with tempfile.TemporaryDirectory() as name, service(port, Path(name)):
        load(port, request, Path(name), 32, 2)
        full = load(port, request, Path(name), 32, SECONDS)
        over = load(port, request, Path(name), CONNECTIONS, SECONDS, TIMES * full["per_second"])
        again = load(port, request, Path(name), 32, SECONDS)
    table = Table(
        "one worker", "served per second", "p99 of those, from sending", "from when due", "answers, by status"
    )
    for label, found in (
        ("full load: 32 connections", full),
        (f"{TIMES} times as many due, over {CONNECTIONS} connections", over),
        ("full load again", again),
    ):
        served = f"{found['per_second']:,.0f} ({found['per_second'] / full['per_second']:.2f})"
        slow = f"{found['p99_sent_ms']:.1f} ms ({found['p99_sent_ms'] / full['p99_sent_ms']:.1f})"
        table.add_row(
            label,
            served,
            slow,
            f"{found['p99_ms']:.0f} ms",
            ", ".join(f"{s}: {n:,}" for s, n in found["statuses"].items()),
        )
    console.print(table)


if __name__ == "__main__":
    main()
