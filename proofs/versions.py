"""No request is lost while models change."""

import random
import time
from collections.abc import Iterator

import numpy as np

from contract.artifact import TFLITE
from contract.folder import FolderStore
from proofs.load import Load, Right
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, require
from proofs.publisher import source
from tests.servers import running_service

POLL = 0.5
PATIENCE = 10.0
"""Seconds within which each change must be followed: an interval, and a self-test where no core is free."""

KEPT = 4


def prove(trial: Trial) -> Iterator[Figure]:
    times, rng = trial.count(200, 10), random.Random(trial.seed)
    files = source(trial.folder / "source")
    draft = BUNDLED.manifest(BUNDLED.versions()[-1]).draft()
    store = FolderStore(trial.folder / "models")
    wanted: list[tuple[float, int]] = []
    took: list[float] = []

    def want(version: int) -> None:
        wanted.append((time.monotonic(), version))
        took.append(_followed(load, version))

    first = store.publish(files, draft).version
    with running_service(trial.folder / "log", model_store=trial.folder / "models", poll_seconds=POLL) as service:
        wanted.append((time.monotonic(), first))
        with Load(service.port, SEVEN, connections=32) as load:
            for number in range(times):
                # Bytes behind a flatbuffer mean nothing, but make it another: each version has its self-test.
                (files / TFLITE).write_bytes((files / TFLITE).read_bytes() + b"\0")
                latest = store.publish(files, draft).version
                want(latest)
                if number % 2:
                    pinned = rng.choice(store.versions()[:-1])
                    store.pin(pinned)
                    want(pinned)
                    store.unpin()
                    want(latest)
                store.prune(KEPT)
    load.require_all_right()
    strangers = [one for one in load.right if not _live(one, wanted)]
    require(not strangers, f"{len(strangers)} answers of a version that was not live, as {strangers[:3]}")
    milliseconds = load.times()
    yield Figure(
        f"{times} versions published, every other time an older one pinned and unpinned, 32 connections at full load",
        f"{len(load.right):,} requests, none lost, none wrong, none of a version that was not live; half of the "
        f"changes were followed within {np.median(took):.1f} s, all within {max(took):.1f} s; p50 "
        f"{np.median(milliseconds):.0f} ms, p99 {np.quantile(milliseconds, 0.99):.0f} ms, {_rate(load):,.0f} a second",
    )


def _followed(load: Load, version: int) -> float:
    """Seconds until an answer is of this version."""
    begun = time.monotonic()
    while load.right[-1].version != version:
        waited = time.monotonic() - begun
        require(waited < PATIENCE, f"version {version} does not answer within {waited:.0f} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def _live(answer: Right, wanted: list[tuple[float, int]]) -> bool:
    """Whether its version was wanted while it was asked for, or had been until a change that was yet to be followed."""
    ends = [begun for begun, _ in wanted[1:]] + [np.inf]
    return any(
        version == answer.version and begun <= answer.sent + answer.seconds and answer.sent <= end + PATIENCE
        for (begun, version), end in zip(wanted, ends, strict=True)
    )


def _rate(load: Load) -> float:
    return len(load.right) / (load.right[-1].sent - load.right[0].sent)
