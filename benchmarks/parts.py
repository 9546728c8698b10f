"""Where the time of one request goes, part by part, in one process without a network. Run by `make bench-parts`."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from pydantic_core import from_json
from rich.table import Table
from starlette.types import ASGIApp, Message

from benchmarks.common import console, digit, drawing, post
from benchmarks.empty import app as empty
from contract import normalisation
from contract.artifact import TFLITE
from contract.folder import FolderStore
from contract.messages import PredictRequest
from contract.normalisation import normalise
from service.decoding import Decoder
from service.model import Model, networks
from service.network import Network
from tests.servers import REPO

RUNS, ROUNDS = 500, 9


def best(work: Callable[[], object]) -> float:
    """Microseconds: the mean of `RUNS`, the least of `ROUNDS`."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(RUNS):
            work()
        times.append(time.process_time() - started)
    return 1e6 * min(times) / RUNS


async def whole(app: ASGIApp, state: dict[str, Any], path: str, body: bytes, kind: bytes) -> float:
    """The same of a request to `app`."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]

    async def call() -> None:
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": "",
            "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers, "state": dict(state),
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await app(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Message) -> None:
        pass

    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(RUNS):
            await call()
        times.append(time.process_time() - started)
    return 1e6 * min(times) / RUNS


async def requests(rows: bytes, png: bytes) -> dict[str, float]:
    os.environ |= {"DIGITS_MODEL_STORE": str(REPO / "models"), "DIGITS_LOG_LEVEL": "WARNING"}
    from service.app import create_app

    app = create_app()
    async with app.router.lifespan_context(app) as state:
        ours: dict[str, Any] = dict(state or {})
        express, file = ours["express"], "/v1/predict/image"
        short = post("/v1/predict", rows), post(file, png, "image/png")
        return {
            "JSON, a whole request, the short way": best(lambda: express.answer(express.take(short[0]), b"")),
            "… the long way": await whole(app, ours, "/v1/predict", rows, b"application/json"),
            "… the empty endpoint": await whole(empty, {}, "/v1/predict", rows, b"application/json"),
            "PNG, a whole request, the short way": best(lambda: express.answer(express.take(short[1]), b"")),
            "… the long way ": await whole(app, ours, file, png, b"image/png"),
            "… the empty endpoint ": await whole(empty, {}, file, png, b"image/png"),
        }


def main() -> None:
    store = FolderStore(REPO / "models")
    manifest = store.manifest(store.versions()[-1])
    network, model = Network(store.read(manifest, TFLITE)), Model(manifest, *networks(store, manifest))
    body, png = json.dumps({"images": [digit()]}).encode(), drawing()
    small, images = np.array(digit(), np.uint8), PredictRequest.model_validate_json(body).images
    large, seen = decoder().decode(png), normalise(small)[np.newaxis]
    logits = network.logits(seen)
    with patch.object(normalisation, "_NATIVE", None):
        in_python = best(lambda: normalise(large))
    parts = {
        "JSON → pydantic": best(lambda: PredictRequest.model_validate_json(body)),
        "JSON → lists, as the short way has it": best(lambda: from_json(body)),
        "rows → array": best(lambda: decoder().decode(images[0])),
        "28×28 normalised": best(lambda: normalise(small)),
        "280×280 PNG → array": best(lambda: decoder().decode(png)),
        "280×280 normalised": best(lambda: normalise(large)),
        "the same without native.c": in_python,
        "LiteRT": best(lambda: network.logits(seen)),
        "calibration": best(lambda: manifest.calibration.judged(logits)),
        "LiteRT, calibration, acceptance": best(lambda: model.answer(seen)),
    }
    table = Table("part", "µs")
    for name, microseconds in (parts | asyncio.run(requests(body, png))).items():
        table.add_row(name, f"{microseconds:.0f}")
    console.print(table)


def decoder() -> Decoder:
    return Decoder(25_000_000, 100_000_000)


if __name__ == "__main__":
    main()
