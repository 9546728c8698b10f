"""It stays up and small."""

import random
import shutil
import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import numpy as np
import psutil

from contract.folder import FolderStore
from proofs.load import Load
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, predicted, require
from tests.servers import ServiceProcess, eventually, metric, running_service

SHARE = 0.7
"""Of what the service carries at full load."""

GROWTH = 10e6
"""Bytes by which a process may grow from the second quarter to the last."""

SLOWER = 3.0
"""How many times as long a single client may wait for an answer at the end: machines change their speed by half."""


class Look(NamedTuple):
    resident: int
    descriptors: int


def prove(trial: Trial) -> Iterator[Figure]:
    yield _readiness(trial)
    yield from _soaked(trial)
    yield _killed(trial)


def _soaked(trial: Trial) -> Iterator[Figure]:
    """Four quarters, each at its share of what the machine carries by then: others may be at work on it, too."""
    seconds, rates, times, looks = trial.count(300, 3), [], [], []
    with running_service(trial.folder / "log", model_store=BUNDLED.folder.parent, log_level="WARNING") as service:
        process, alone = psutil.Process(service.process.pid), [_alone(service, trial)]
        for _ in range(4):
            with Load(service.port, SEVEN, connections=16) as full:
                time.sleep(trial.count(5, 1))
            rate = SHARE * len(full.right) / (full.right[-1].sent - full.right[0].sent)
            with Load(service.port, SEVEN, connections=32, rate=rate) as load:
                for _ in range(30):
                    time.sleep(seconds / 30)
                    looks.append(Look(process.memory_info().rss, process.num_fds()))
            for one in (full, load):
                one.require_all_right()
            enough = 0 if trial.short else 0.5 * rate * seconds  # in seconds, a neighbour may take more than that
            require(len(load.right) > enough, f"only {len(load.right):,} were answered")
            rates.append(rate)
            times.append(load.times())
        alone.append(min(_alone(service, trial) for _ in range(trial.count(1, 5))))
    first, last = (Look(*np.median(looks[part : part + 30], axis=0).astype(int).tolist()) for part in (30, 90))
    require(last.resident - first.resident < GROWTH, f"it grew by {(last.resident - first.resident) / 1e6:.1f} MB")
    require(last.descriptors <= first.descriptors + 5, f"descriptors: {first.descriptors}, then {last.descriptors}")
    require(alone[1] < SLOWER * alone[0], f"a single client waited {alone[0]:.1f} ms, then {alone[1]:.1f} ms")
    yield Figure(
        f"{4 * seconds / 60:.1f} minutes at {SHARE:.0%} of full load, in four quarters",
        f"{sum(map(len, times)):,} requests ({', '.join(f'{rate:.0f}' for rate in rates)} a second), none lost, none "
        "wrong; "
        f"in the second and the last quarter {first.resident / 1e6:.1f} and {last.resident / 1e6:.1f} MB, "
        f"{first.descriptors} and {last.descriptors} descriptors; "
        f"p50 {', '.join(f'{np.median(one):.1f}' for one in times)} ms, p99 "
        f"{', '.join(f'{np.quantile(one, 0.99):.0f}' for one in times)} ms; a single client waited {alone[0]:.2f} ms "
        f"before and {alone[1]:.2f} ms after it",
    )


def _alone(service: ServiceProcess, trial: Trial) -> float:
    """Median of a single client's times, milliseconds."""
    with Load(service.port, SEVEN, connections=1) as load:
        time.sleep(trial.count(3, 1))
    return float(np.median(load.times()))


def _killed(trial: Trial) -> Figure:
    """Workers die at random while requests come; whoever says that it is ready answers."""
    seconds, rng = trial.count(120, 4), random.Random(trial.seed)
    kills, probes, cut = 0, 0, 0
    with running_service(trial.folder / "killed", model_store=BUNDLED.folder.parent, workers=2) as service:
        eventually(lambda: metric(service, "digits_served_version") == 2 * BUNDLED.versions()[-1])
        with Load(service.port, SEVEN, connections=8, rate=100) as load:
            begun, next_kill = time.monotonic(), time.monotonic() + 1
            while time.monotonic() < begun + seconds:
                if time.monotonic() > next_kill and (workers := service.workers()):
                    rng.choice(workers).kill()
                    kills, next_kill = kills + 1, time.monotonic() + rng.uniform(1, 8)
                probes += 1
                cut += not _says_the_truth(service)
                time.sleep(0.05)
        eventually(lambda: metric(service, "digits_served_version") == 2 * BUNDLED.versions()[-1], 20)
    require(not load.wrong, f"wrong answers: {dict(load.wrong)}")
    require(load.lost <= load.connections * kills, f"{load.lost} requests were lost with {kills} workers")
    require(len(load.right) > 0.9 * 100 * seconds, f"only {len(load.right):,} requests were answered")
    require(cut <= kills, f"{cut} of {probes} probes found no one, though only {kills} workers were killed")
    return Figure(
        f"a worker of two killed with SIGKILL {kills} times in {seconds} s, 100 requests/s",
        f"{len(load.right):,} right answers, {load.lost} cut off with their worker, none wrong; asked {probes:,} times "
        f"whether it is ready and then for a digit: it was, but for {cut} caught by a kill; both workers are back",
    )


def _says_the_truth(service: ServiceProcess) -> bool:
    """Whether it is ready, and then answers. False where a connection breaks; raises where the two do not agree."""
    try:
        ready = httpx.get(f"{service.url}/health/ready").status_code
        status = predicted(service).status_code
    except httpx.TransportError:
        return False
    require((ready, status) in ((200, 200), (503, 503)), f"ready: {ready}, but the answer: {status}")
    return True


def _readiness(trial: Trial) -> Figure:
    """An empty store, then a model, then a store that is gone."""
    store, said = FolderStore(trial.folder / "models"), []
    good = BUNDLED.versions()[-1]

    def ready() -> int:
        return httpx.get(f"{service.url}/health/ready").status_code

    service = ServiceProcess(trial.folder / "empty", model_store=trial.folder / "models", poll_seconds=0.1)
    try:
        service.wait("/health/live")
        require(ready() == 503 and _says_the_truth(service), "ready without a model")
        said.append("empty store: 503")
        shutil.copytree(BUNDLED.folder / str(good), store.folder / "hidden")
        (store.folder / "hidden").rename(store.folder / str(good))
        eventually(lambda: ready() == 200)
        require(_says_the_truth(service), "not answering")
        said.append("a model is there: 200")
        shutil.rmtree(trial.folder / "models")
        time.sleep(0.5)
        require(ready() == 200 and _says_the_truth(service), "a store that goes takes the loaded model with it")
        said.append("the store is gone: 200, and it answers with the model it has")
    finally:
        service.stop()
    return Figure("readiness", "; ".join(said))
