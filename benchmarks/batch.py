"""Batches by the binary protocol, beside the bare LiteRT runtime on as many threads: one. Run by `make bench`."""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.progress import track
from rich.table import Table

from benchmarks.common import console, digit, load, post, service
from contract.artifact import TFLITE
from contract.folder import FolderStore
from contract.normalisation import normalise
from service.network import Network
from tests.servers import REPO, free_port

ROUNDS = 7
SECONDS = 2.0
SIZES = (256, 1024)
"""Images in a batch; the latter is what the service takes at most, as it ships."""

CONNECTIONS = (2, 4)


def request(images: np.ndarray) -> bytes:
    """An inference request with normalised images, tensors in binary both ways."""
    header = {
        "parameters": {"normalise": False, "binary_data_output": True},
        "inputs": [
            {
                "name": "image",
                "shape": images.shape,
                "datatype": "UINT8",
                "parameters": {"binary_data_size": images.nbytes},
            }
        ],
    }
    text = json.dumps(header).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    return post("/v2/models/digits/infer", text + images.tobytes(), "application/octet-stream", **headers)


def bare(network: Network, images: np.ndarray) -> float:
    """Images a second of the runtime alone."""
    started, runs = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < SECONDS:
        network.logits(images)
        runs += 1
    return runs * len(images) / elapsed


def main() -> None:
    store = FolderStore(REPO / "models")
    network = Network(store.read(store.manifest(store.versions()[-1]), TFLITE))
    image = normalise(np.array(digit(), np.uint8))
    table = Table("one thread", f"images/s, median of {ROUNDS} rounds", "share")
    port = free_port()
    with tempfile.TemporaryDirectory() as name, service(port, Path(name)):
        for size in SIZES:
            images, runtime = np.stack([image] * size), list[float]()
            served: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
            load(port, request(images), Path(name), 4, 1)
            for _ in track(range(ROUNDS), f"Measuring batches of {size}"):
                runtime.append(bare(network, images))
                for connections, rates in served.items():
                    found = load(port, request(images), Path(name), connections, SECONDS)
                    rates.append(found["per_second"] * size)
            table.add_row(f"LiteRT alone, batches of {size}", f"{statistics.median(runtime):,.0f}", "1.00")
            for connections, rates in served.items():
                share = statistics.median(rates) / statistics.median(runtime)
                table.add_row(f"Digits, {connections} connections", f"{statistics.median(rates):,.0f}", f"{share:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
