"""One replica under load: times measured at several rates, beside a simulated queue's. Run by `make bench-queue`.

The model: requests come at random (a Poisson process) to one worker, which takes them one after the other, each for as
long as was measured over a single connection, scaled so that the worker's full throughput comes out. To each is added
the way there and back: what the median at a tenth of the load has more than that. Draws docs/queueing.png.
"""

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import simpy
from rich.table import Table

from benchmarks.common import console, drawing, load, post, service
from contract.arrays import Floats
from tests.servers import REPO, free_port

SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the worker's full throughput."""

SECONDS = 8.0
CONNECTIONS = 64
SIMULATED = 40_000
"""Requests at each rate."""


def simulate(rate: float, service_times: Floats, overhead: float, rng: np.random.Generator) -> Floats:
    """Milliseconds from sending a request to its answer; `rate` is a second's, the other times are milliseconds."""
    world = simpy.Environment()
    worker = simpy.Resource(world)
    took: list[float] = []

    def request() -> Generator[simpy.Event]:
        due = world.now
        with worker.request() as turn:
            yield turn
            yield world.timeout(rng.choice(service_times))
        took.append(world.now - due + overhead)

    def arrivals() -> Generator[simpy.Event]:
        for gap in rng.exponential(1000 / rate, SIMULATED):
            yield world.timeout(gap)
            world.process(request())

    world.process(arrivals())
    world.run()
    return np.array(took)


def main() -> None:
    port = free_port()
    request = post("/v1/predict/image", drawing(), "image/png")
    with tempfile.TemporaryDirectory() as name, service(port, Path(name)):
        folder = Path(name)
        load(port, request, folder, 32, 2)
        full = load(port, request, folder, 32, SECONDS)["per_second"]
        alone = np.array(load(port, request, folder, 1, SECONDS)["sent_ms"])
        measured = [load(port, request, folder, CONNECTIONS, SECONDS, share * full, random=True) for share in SHARES]
    mean = 1000 / full
    service_times = alone * (mean / alone.mean())
    overhead = max(0.0, _at(0.5, measured[0]) - float(np.median(service_times)))
    rng = np.random.default_rng(1)
    simulated = [simulate(share * full, service_times, overhead, rng) for share in SHARES]

    table = Table("share of full load", "requests/s", "p50 measured", "simulated", "p99 measured", "simulated")
    for share, found, took in zip(SHARES, measured, simulated, strict=True):
        p50, p99 = np.quantile(took, (0.5, 0.99))
        times = (_at(0.5, found), p50, _at(0.99, found), p99)
        table.add_row(f"{share:.0%}", f"{share * full:,.0f}", *(f"{one:.2f} ms" for one in times))
    console.print(f"One worker, a drawing of 280×280 as PNG: {full:,.0f} requests/s at most, {mean:.2f} ms for each.")
    console.print(table)
    plot(full, measured, simulated)


def _at(share: float, found: dict[str, Any]) -> float:
    """Milliseconds within which such a share of the requests was answered."""
    return float(found["sent_ms"][int(share * len(found["sent_ms"]))])


def plot(full: float, measured: list[dict[str, Any]], simulated: list[Floats]) -> None:
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    rates = [share * full for share in SHARES]
    for share, colour in ((0.5, "tab:blue"), (0.99, "tab:red")):
        name = f"p{share * 100:.0f}"
        found = [_at(share, one) for one in measured]
        axes.plot(rates, found, "o", color=colour, label=f"{name}, measured")
        axes.plot(rates, [np.quantile(one, share) for one in simulated], "-", color=colour, label=f"{name}, simulated")
    axes.axvline(full, color="grey", linestyle=":", label="full throughput")
    axes.set(xlabel="requests/s", ylabel="milliseconds", yscale="log", title="One replica under load")
    axes.legend(frameon=False)
    figure.savefig(REPO / "docs/queueing.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
