"""What the benchmarks of the service share: servers to start, requests to send, the load generator."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console

from contract.folder import FolderStore
from service.model import Model, networks
from tests.servers import REPO, eventually, running_service

PEERS = Path(__file__).parent / "peers"

console = Console()


def load(
    port: int,
    request: bytes,
    folder: Path,
    connections: int,
    seconds: float,
    rate: float | None = None,
    *,
    random: bool = False,
) -> dict[str, Any]:
    """What the load generator found."""
    file = folder / "request"
    file.write_bytes(request)
    command = [sys.executable, "-m", "benchmarks.load", "--port", str(port), "--request", str(file)]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    command += [] if rate is None else ["--rate", str(rate)]
    command += ["--random"] if random else []
    found: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=REPO))
    return found


def post(path: str, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    """One whole HTTP/1.1 request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@cache
def bundled_model() -> Model:
    """The highest version in the store that the environment names, else the bundled one, in this process."""
    store = FolderStore(Path(os.environ.get("DIGITS_MODEL_STORE", REPO / "models")))
    version = store.versions()[-1]
    manifest = store.manifest(version)
    return Model(manifest, *networks(store, manifest))


def digit() -> list[list[int]]:
    """A handwritten 7 as 28×28 grey values, light on dark."""
    sheet = np.asarray(Image.open(REPO / "service/digits.png"))
    rows: list[list[int]] = sheet[7 * 28 : 8 * 28, :28].tolist()
    return rows


def drawing() -> bytes:
    """A 7 drawn with a round pen on 280×280, as the window sends it."""
    picture = Image.new("L", (280, 280), 255)
    brush = ImageDraw.Draw(picture)
    points = [(70, 70), (210, 72), (160, 150), (120, 235)]
    brush.line(points, 0, 20, joint="curve")
    for x, y in points:
        brush.ellipse((x - 10, y - 10, x + 10, y + 10), fill=0)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def started(*words: str, port: int, folder: Path, **environment: str) -> Iterator[int]:
    """The process id of a server that is started by `words` in `PEERS`, once it listens; its log lies in `folder`."""
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=PEERS, env=os.environ | {"PYTHONPATH": str(REPO)} | environment, stdout=log, stderr=log
        )
        try:
            eventually(lambda: listens(port, process, folder), 60)
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def listens(port: int, process: subprocess.Popen[bytes], folder: Path) -> bool:
    if process.poll() is not None:
        sys.exit((folder / f"{port}.log").read_text())
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/").status_code < 600
    return False


@contextlib.contextmanager
def service(port: int, folder: Path, workers: int = 1, **settings: object) -> Iterator[int]:
    """The process id of our service as it ships, but for `settings`."""
    with running_service(folder / f"{port}.log", port, workers, model_store=REPO / "models", **settings) as service:
        yield service.process.pid


@contextlib.contextmanager
def empty(port: int, folder: Path, workers: int = 1) -> Iterator[int]:
    """The process id of empty endpoints, by the same uvicorn."""
    words = [sys.executable, "-m", "uvicorn", "benchmarks.empty:app", "--port", str(port), "--workers", str(workers)]
    with started(*words, "--no-access-log", "--log-level", "warning", port=port, folder=folder) as pid:
        yield pid
