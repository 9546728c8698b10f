"""The service beside empty FastAPI endpoints and beside general model servers.

Run by `make bench`. Each server gets its turn in every round, so that what else the machine does befalls all of them;
each figure is the median of the rounds. The load generator is a process of its own, on the same cores.
"""

import base64
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track
from rich.table import Table

from benchmarks.common import PEERS, console, digit, drawing, empty, load, post, service, started
from tests.servers import free_port

ROUNDS = 5
SECONDS = 3.0
KINDS = ("28×28 as JSON", "280×280 as PNG")


@dataclass
class Server:
    """What is measured, with one request of each of `KINDS`."""

    name: str
    port: int
    requests: tuple[bytes, bytes]
    per_second: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    alone: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """p50 at one connection, ms."""

    def measure(self, folder: Path) -> None:
        for kind, request in enumerate(self.requests):
            for connections, kept, figure in ((32, self.per_second, "per_second"), (1, self.alone, "p50_ms")):
                found = load(self.port, request, folder, connections, SECONDS if connections > 1 else SECONDS / 3)
                if set(found["statuses"]) != {"200"} or found["dropped"]:
                    sys.exit(f"{self.name} failed under load: {found}")
                kept[kind].append(found[figure])


def ours(name: str) -> Server:
    rows = post("/v1/predict", json.dumps({"images": [digit()]}).encode())
    return Server(name, free_port(), (rows, post("/v1/predict/image", drawing(), "image/png")))


def bentoml() -> Server:
    return Server("BentoML", free_port(), (post("/rows", _image(digit())), post("/png", _image(_text()))))


def litserve() -> Server:
    return Server("LitServe", free_port(), (post("/predict", _image(digit())), post("/predict", _image(_text()))))


def mlserver() -> Server:
    tensors = [
        {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": digit()},
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": [_text()]},
    ]
    rows, png = (post("/v2/models/digits/infer", json.dumps({"inputs": [tensor]}).encode()) for tensor in tensors)
    return Server("MLServer", free_port(), (rows, png))


def _image(image: object) -> bytes:
    return json.dumps({"image": image}).encode()


def _text() -> str:
    return base64.b64encode(drawing()).decode()


def environment(peer: str) -> Path:
    """The programs of a peer's own environment, made if need be."""
    folder = PEERS / f".venv-{peer}"
    if not (folder / "ready").exists():
        console.print(f"Setting up {peer}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "-r", str(PEERS / f"{peer}.txt")], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def main() -> None:
    bins = {peer: environment(peer) for peer in ("bentoml", "litserve", "mlserver")}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        servers = [ours("empty FastAPI endpoint"), ours("Digits"), bentoml(), litserve(), mlserver()]
        pairs = [ours("empty FastAPI endpoint, two workers"), ours("Digits, two workers")]
        ports = [server.port for server in (*servers, *pairs)]
        python = str(bins["litserve"] / "python")
        for starting in (
            empty(ports[0], folder),
            service(ports[1], folder),
            started(
                str(bins["bentoml"] / "bentoml"),
                "serve",
                "bento:Digits",
                "--port",
                str(ports[2]),
                "--host",
                "127.0.0.1",
                port=ports[2],
                folder=folder,
            ),
            started(python, "lit.py", str(ports[3]), port=ports[3], folder=folder),
            started(
                str(bins["mlserver"] / "mlserver"),
                "start",
                ".",
                port=ports[4],
                folder=folder,
                MLSERVER_HTTP_PORT=str(ports[4]),
                MLSERVER_GRPC_PORT=str(free_port()),
            ),
            empty(ports[5], folder, workers=2),
            service(ports[6], folder, workers=2),
        ):
            stack.enter_context(starting)
        for server in (*servers, *pairs):
            for request in server.requests:
                load(server.port, request, folder, 32, 1)
        for _ in track(range(ROUNDS), "Measuring"):
            for server in (*servers, *pairs):
                server.measure(folder)
    console.print(table(servers))
    console.print(table(pairs))


def table(servers: list[Server]) -> Table:
    """The first of them is what the others are compared with."""
    shown = Table(title=f"medians of {ROUNDS} rounds", title_justify="left")
    for column in ("", *(f"{kind}, {figure}" for kind in KINDS for figure in ("32 connections", "one connection"))):
        shown.add_column(column, justify="right" if column else "left")
    first = servers[0]
    for server in servers:
        row = [server.name]
        for kind in range(len(KINDS)):
            rate, alone = statistics.median(server.per_second[kind]), statistics.median(server.alone[kind])
            share, times = (
                rate / statistics.median(first.per_second[kind]),
                alone / statistics.median(first.alone[kind]),
            )
            row += [f"{rate:,.0f}/s ({share:.2f})", f"{alone:.2f} ms ({times:.2f})"]
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    main()
