"""`python -m client read` over many files: its images/s beside what a load generator gets with the same requests, and a
hundred thousand images while the service is killed twice. Run by `make bench-read`.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from rich.progress import track
from rich.table import Table

from benchmarks.common import console, load, post, service
from client.batches import BATCH, UNDER_WAY
from tests.servers import REPO, free_port
from trainer.mnist import load as load_mnist

FILES = 10_000
"""Training digits of MNIST, as PNG."""

IMAGES = 100_000
"""In the long run: each of those files ten times."""

SECONDS = 8.0


def written(folder: Path) -> list[str]:
    mnist = load_mnist()
    names = []
    for place in track(range(FILES), "Writing files", console=console):
        path = folder / f"{place // 1000}" / f"{place:05}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mnist.train_images[place]).save(path)
        names.append(str(path))
    return names


def reader(port: int, names: Path, out: Path) -> list[str]:
    url = f"http://127.0.0.1:{port}"
    return [
        sys.executable,
        "-m",
        "client",
        "--url",
        url,
        "read",
        "--json",
        "--single",
        "--list",
        str(names),
        "--out",
        str(out),
    ]


def speed(names: list[str], folder: Path) -> None:
    port = free_port()
    batch = [base64.b64encode(Path(name).read_bytes()).decode() for name in names[:BATCH]]
    request = post("/v1/predict", json.dumps({"images": batch}).encode())
    listed, out = folder / "list", folder / "out.jsonl"
    listed.write_text("\n".join(names))
    with service(port, folder):
        load(port, request, folder, UNDER_WAY, 2)
        found = BATCH * load(port, request, folder, UNDER_WAY, SECONDS)["per_second"]
        started = time.perf_counter()
        done = subprocess.run(reader(port, listed, out), cwd=REPO, check=False)
        read = len(names) / (time.perf_counter() - started)
    if done.returncode not in (0, 3) or len(out.read_text().splitlines()) != len(names):
        sys.exit("The reader did not read all.")
    table = Table("images/s, one worker, two cores", "", "", title=f"{len(names):,} files of 28×28 pixels")
    table.add_row(f"load generator, {UNDER_WAY} connections, batches of {BATCH}", f"{found:,.0f}", "")
    table.add_row("client read, its start included", f"{read:,.0f}", f"{read / found:.2f}")
    console.print(table)


def endurance(names: list[str], folder: Path) -> None:
    port = free_port()
    wanted = names * (IMAGES // len(names))
    listed, out = folder / "all", folder / "all.jsonl"
    listed.write_text("\n".join(wanted))
    child: subprocess.Popen[bytes] | None = None
    for share in (1 / 3, 2 / 3, 1):
        with service(port, folder) as pid:
            child = child or subprocess.Popen(reader(port, listed, out), cwd=REPO)
            while child.poll() is None and (share == 1 or _lines(out) < share * IMAGES):
                time.sleep(0.05)
            if share < 1:
                os.kill(pid, signal.SIGKILL)
    found = [json.loads(line) for line in out.read_text().splitlines()]
    same = [one["file"] for one in found] == wanted
    faults = sum("error" in one for one in found)
    console.print(
        f"{IMAGES:,} images, the service killed and started twice: {len(found):,} results, "
        f"{'each once and in order' if same else 'NOT as they should be'}, {faults} with an error."
    )
    if not same or faults:
        sys.exit(1)


def _lines(file: Path) -> int:
    """So far, nearly: a result has some 400 bytes."""
    return file.stat().st_size // 400 if file.exists() else 0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = written(folder)
        speed(names, folder)
        endurance(names, folder)


if __name__ == "__main__":
    main()
