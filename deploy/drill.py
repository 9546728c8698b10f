"""Everything that may happen to a cluster, tried on one under steady load: `make drill`. As root, on Debian.

Prints, for each event, the requests sent and lost, their times before, during and after, and how long it took until all
replicas ran. The load comes from outside, over the proxy of the leader's node; lost is what got no right answer there
at the first try.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from contract.artifact import Manifest
from contract.folder import FolderStore
from contract.messages import PredictResponse
from contract.store import copied, open_store
from deploy import cluster
from deploy.cluster import HOST, docker

REPO = Path(__file__).parent.parent
STACK = REPO / "deploy/stack.yml"
BASE = os.environ.get("DIGITS_BASE", "python:3.11-slim-bookworm")
RATE = 40
"""Requests a second: three engines, six replicas and the load share the two cores of a small machine."""

CALM = 10
"""Seconds of load before and after each event."""

BROKEN = """FROM digits-service
ENTRYPOINT ["/venv/bin/python", "-c", "import time; time.sleep(1000)"]
"""
"""A release that never gets ready."""

LEADER = cluster.NODES[0]
BUCKET, S3_PORT = "digits", 5500
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": f"http://{HOST}:{S3_PORT}",
    "AWS_ACCESS_KEY_ID": "drill",
    "AWS_SECRET_ACCESS_KEY": "drill",
    "AWS_REGION": "us-east-1",
    "DIGITS_MODEL_STORE": f"s3://{BUCKET}/models",
}
console = Console(width=160)


@dataclass(frozen=True)
class Sent:
    at: float
    seconds: float
    version: int | None
    """Of the model that answered; None where the request is lost."""


class Load:
    """An open loop: a request is due every 1/`RATE` s, however long the others take."""

    def __init__(self, url: str, image: bytes, digit: int) -> None:
        self.sent: list[Sent] = []
        self.faults: list[str] = []
        self._url, self._image, self._digit = url, image, digit
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._ended = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended = True
        self._thread.join()

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=500, max_keepalive_connections=50)
        async with httpx.AsyncClient(base_url=self._url, timeout=30, limits=limits, trust_env=False) as client:
            started, due = time.monotonic(), 0
            under_way: set[asyncio.Task[None]] = set()
            while not self._ended:
                while due < (time.monotonic() - started) * RATE:
                    task = asyncio.create_task(self._ask(client))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    due += 1
                await asyncio.sleep(0.005)
            await asyncio.gather(*under_way)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        at = time.monotonic()
        version = None
        try:
            answer = await client.post("/v1/predict/image", content=self._image, headers={"Content-Type": "image/png"})
            found = PredictResponse.model_validate_json(answer.raise_for_status().content)
            if found.predictions[0].digit != self._digit:
                raise ValueError(f"a {found.predictions[0].digit} was read")
            version = found.model.version
        except (httpx.HTTPError, ValueError) as error:
            self.faults.append(repr(error))
        self.sent.append(Sent(at, time.monotonic() - at, version))


@dataclass(frozen=True)
class Event:
    name: str
    begun: float
    ended: float
    took: str
    """Until all replicas ran, in words."""


def happened(name: str, happen: Callable[[], str]) -> Event:
    """An event, `CALM` after the one before; `happen` comes back once all replicas run."""
    time.sleep(CALM)
    begun = time.monotonic()
    took = happen()
    event = Event(name, begun, time.monotonic(), took)
    time.sleep(CALM)
    console.print(f"{name}: {took}")
    return event


def report(events: list[Event], sent: list[Sent]) -> Table:
    """Of all requests, once the last one has ended; times are the median and the 99th percentile."""
    table = Table("event", "sent", "lost", "before", "during", "after", "all replicas run after")
    for event in events:
        spans = (event.begun - CALM, event.begun), (event.begun, event.ended), (event.ended, event.ended + CALM)
        parts = [[one for one in sent if first <= one.at < last] for first, last in spans]
        lost = sum(one.version is None for part in parts for one in part)
        count = sum(map(len, parts))
        table.add_row(event.name, f"{count:,}", str(lost), *(_times(part) for part in parts), event.took)
    return table


def _times(sent: list[Sent]) -> str:
    milliseconds = 1000 * np.array([one.seconds for one in sent] or [np.nan])
    return f"{np.median(milliseconds):.0f}, {np.quantile(milliseconds, 0.99):.0f} ms"


def build() -> list[str]:
    """All images, in the engine that DOCKER_HOST names; the service's twice, as a new release of the same."""

    def image(tag: str, folder: Path, *arguments: str) -> None:
        subprocess.run(["docker", "build", "-q", "-t", tag, *arguments, str(folder)], check=True, cwd=REPO)

    image("digits-service", REPO, "--target", "service", "--build-arg", f"BASE={BASE}")
    image("digits-service:next", REPO, "--target", "service", "--build-arg", f"BASE={BASE}", "--label", "release=next")
    image("digits-proxy", REPO / "deploy/haproxy", "--build-arg", f"BASE={BASE}")
    subprocess.run(["docker", "build", "-q", "-t", "digits-service:broken", "-"], check=True, input=BROKEN.encode())
    return ["digits-service", "digits-service:next", "digits-service:broken", "digits-proxy"]


@contextmanager
def store() -> Iterator[None]:
    """A store in S3 that all nodes reach, with the bundled model."""
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(S3_PORT)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: httpx.get(ENVIRONMENT["AWS_ENDPOINT_URL"], trust_env=False).is_success, "S3 answers")
        httpx.put(f"{ENVIRONMENT['AWS_ENDPOINT_URL']}/{BUCKET}", trust_env=False).raise_for_status()
        publish()
        yield
    finally:
        server.terminate()
        server.wait()


def publish() -> int:
    """The bundled model as the next version in the store."""
    bundled = FolderStore(REPO / "models")
    os.environ.update(ENVIRONMENT)
    return copied(bundled.versions()[-1], bundled, open_store(ENVIRONMENT["DIGITS_MODEL_STORE"])).version


def until(holds: Callable[[], bool], what: str, seconds: float = 120) -> float:
    """Seconds until it holds. Raises `TimeoutError`."""
    begun = time.monotonic()
    while True:
        try:
            if holds():
                return time.monotonic() - begun
        except (httpx.HTTPError, subprocess.CalledProcessError):
            pass
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def running() -> list[tuple[str, str]]:
    """The service's tasks that run, on nodes that answer: image and node."""
    lines = docker(
        LEADER, "service", "ps", "digits_service", "--filter", "desired-state=running", "--format",
        "{{.CurrentState}}|{{.Image}}|{{.Node}}", "--no-trunc",
    )  # fmt: skip
    rows = [line.split("|") for line in lines.splitlines()]
    return [(image, node) for state, image, node in rows if state.startswith("Running")]


def replicas(count: int) -> Callable[[], bool]:
    """Whether `count` run, and the leader's proxy finds all of them well."""

    def holds() -> bool:
        text = httpx.get(f"http://{cluster.address(LEADER)}:8404/metrics", trust_env=False, timeout=2).text
        up = sum(
            line.startswith('haproxy_server_status{proxy="replicas"') and 'state="UP"' in line and line.endswith(" 1")
            for line in text.splitlines()
        )
        return len(running()) == count and up >= count

    return holds


def deploy() -> None:
    environment = os.environ | ENVIRONMENT | {"DOCKER_HOST": f"unix://{cluster.STATE}/{LEADER}/docker.sock"}
    subprocess.run(
        ["docker", "stack", "deploy", "--resolve-image", "never", "-c", str(STACK), "digits"],
        env=environment,
        check=True,
    )


def served() -> list[int]:
    """The version that each replica serves, asked of itself."""
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/v1/models/default').read().decode())"
    versions = []
    for node in cluster.NODES:
        for replica in docker(node, "ps", "-q", "--filter", "name=digits_service").splitlines():
            answer = docker(node, "exec", replica, "/venv/bin/python", "-c", ask)
            versions.append(Manifest.model_validate_json(answer).version)
    return versions


def model(load: Load) -> str:
    version = publish()
    published = time.monotonic()
    until(lambda: served() == [version] * 3, "every replica serves the new model")
    old = [one.at + one.seconds for one in load.sent if one.version is not None and one.version < version]
    return f"each replica serves it; last answer of the old one after {max(0.0, max(old) - published):.1f} s"


def release() -> str:
    roll_to("digits-service:next")
    seconds = until(lambda: update_is("completed") and all_run("digits-service:next"), "the new release runs", 240)
    return f"{seconds:.0f} s"


def setback() -> str:
    roll_to("digits-service:broken")
    seconds = until(
        lambda: update_is("rollback_completed") and all_run("digits-service:next"), "the broken release is gone", 240
    )
    return f"rolled back by itself after {seconds:.0f} s"


def roll_to(image: str) -> None:
    docker(LEADER, "service", "update", "--detach", "--no-resolve-image", "--image", image, "digits_service")


def update_is(state: str) -> bool:
    return docker(LEADER, "service", "inspect", "-f", "{{.UpdateStatus.State}}", "digits_service") == state


def all_run(image: str) -> bool:
    return all(image in one for one, _ in running()) and replicas(3)()


def hosting() -> int:
    """A node beside the leader that runs replicas, the one with most of them."""
    nodes = [node for _, node in running() if node != f"node{LEADER}"]
    return int(max(nodes, key=nodes.count).removeprefix("node"))


def fall() -> str:
    victim = hosting()
    cluster.kill(victim)
    fallen = until(lambda: replicas(3)() and f"node{victim}" not in {node for _, node in running()}, "others stand in")
    cluster.start(victim)
    until(
        lambda: docker(LEADER, "node", "inspect", "-f", "{{.Status.State}}", f"node{victim}") == "ready", "it is back"
    )
    return f"{fallen:.0f} s; back and spread again {spread():.0f} s"


def spread() -> float:
    """Have replicas run on all nodes again, and say after how many seconds they do.

    Swarm counts those that it is about to stop, too, so that one round may not be enough.
    """
    begun = time.monotonic()
    for _ in range(5):
        docker(LEADER, "service", "update", "--detach", "--force", "digits_service")
        until(lambda: update_is("updating"), "a round begins")
        until(lambda: update_is("completed") and replicas(3)(), "a round ends", 240)
        if len({node for _, node in running()}) == len(cluster.NODES):
            return time.monotonic() - begun
    raise TimeoutError("the replicas are not spread after five rounds")


def cable() -> str:
    cut_off = hosting()
    cluster.cut(cut_off)
    cut = until(lambda: replicas(3)() and f"node{cut_off}" not in {node for _, node in running()}, "others stand in")
    cluster.plug(cut_off)
    until(
        lambda: docker(LEADER, "node", "inspect", "-f", "{{.Status.State}}", f"node{cut_off}") == "ready", "it is back"
    )
    return f"{cut:.0f} s"


def scale() -> str:
    took = []
    for count in (2, 6, 2):
        docker(LEADER, "service", "scale", "--detach", f"digits_service={count}")
        took.append(f"{count}: {until(replicas(count), f'{count} replicas run'):.0f} s")
    return ", ".join(took)


def processor(name: str) -> dict[int, float]:
    """Seconds of a core that each process of that name has used, on all nodes: their processes are this machine's."""
    found = (process for process in psutil.process_iter(["name", "cpu_times"]) if process.info["name"] == name)
    return {one.pid: one.info["cpu_times"].user + one.info["cpu_times"].system for one in found}


def main() -> None:
    image = (REPO / "tests/data/7.png").read_bytes()
    with cluster.running(build()), store():
        deploy()
        console.print(f"Deployed; three replicas run after {until(replicas(3), 'three replicas run', 180):.0f} s")
        load = Load(f"http://{cluster.address(LEADER)}:8080", image, 7)
        load.start()
        before = processor("haproxy")
        events = [
            happened("a new model is published", lambda: model(load)),
            happened("a new release rolls out", release),
            happened("a release that never gets ready", setback),
            happened("a node falls, and comes back", fall),
            happened("a cable is cut, and plugged in again", cable),
            happened("scale 2 → 6 → 2", scale),
        ]
        load.stop()
        used = max(after - before.get(pid, after) for pid, after in processor("haproxy").items())
    lost = sum(one.version is None for one in load.sent)
    console.print(report(events, load.sent))
    console.print(f"The leader's proxy used {1e6 * used / len(load.sent):.0f} µs of a core for each request.")
    console.print(f"{len(load.sent):,} requests in all, {lost} lost.", *load.faults[:20], sep="\n")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
