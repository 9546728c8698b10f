"""No request is lost while models change."""

import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from contract.artifact import TFLITE
from contract.folder import FolderStore
from proofs.load import Load, Right
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, require
from proofs.publisher import source
from tests.servers import eventually, running_service

POLL = 0.5
PATIENCE = 10.0
"""Seconds within which each change must be followed: an interval, and a self-test where no core is free."""

KEPT = 4


class Change(NamedTuple):
    """Of the version that is wanted; `time.monotonic()`."""

    version: int
    begun: float
    """Before the store was changed."""
    made: float
    followed: float
    """When an answer of it had come."""


def prove(trial: Trial) -> Iterator[Figure]:
    times, rng = trial.count(200, 7), random.Random(trial.seed)
    files = source(trial.folder / "source")
    draft = BUNDLED.manifest(BUNDLED.versions()[-1]).draft()
    store = FolderStore(trial.folder / "models")
    changes: list[Change] = []

    def change(do: Callable[[], int]) -> None:
        begun = time.monotonic()
        version = do()
        made = time.monotonic()
        _follow(load, version)
        changes.append(Change(version, begun, made, time.monotonic()))

    def published() -> int:
        # Bytes behind a flatbuffer mean nothing, but make it another: each version has its self-test.
        (files / TFLITE).write_bytes((files / TFLITE).read_bytes() + b"\0")
        return store.publish(files, draft).version

    def pinned() -> int:
        version = rng.choice(store.versions()[:-1])
        store.pin(version)
        return version

    def unpinned() -> int:
        store.unpin()
        return store.versions()[-1]

    first = store.publish(files, draft).version
    with running_service(trial.folder / "log", model_store=trial.folder / "models", poll_seconds=POLL) as service:
        changes.append(Change(first, 0, 0, 0))
        with Load(service.port, SEVEN, connections=32) as load:
            eventually(lambda: bool(load.right))
            for number in range(times):
                change(published)
                if number % 2:
                    change(pinned)
                    change(unpinned)
                store.prune(KEPT)
    load.require_all_right()
    strangers = [one for one in load.right if not _live(one, changes)]
    took = [one.followed - one.made for one in changes[1:]]
    require(not strangers, f"{len(strangers)} answers of a version that was not live, as {strangers[:3]}")
    milliseconds = load.times()
    yield Figure(
        f"{times} versions published, every other time an older one pinned and unpinned, 32 connections at full load",
        f"{len(load.right):,} requests, none lost, none wrong, none of a version that was not live; half of the "
        f"changes were followed within {np.median(took):.1f} s, all within {max(took):.1f} s; p50 "
        f"{np.median(milliseconds):.0f} ms, p99 {np.quantile(milliseconds, 0.99):.0f} ms, {_rate(load):,.0f} a second",
    )


def _follow(load: Load, version: int) -> None:
    """Until an answer is of this version."""
    begun = time.monotonic()
    while load.right[-1].version != version:
        waited = time.monotonic() - begun
        require(waited < PATIENCE, f"version {version} does not answer within {waited:.0f} s")
        time.sleep(0.005)


def _live(answer: Right, changes: list[Change]) -> bool:
    """Whether its version was wanted, or the change from it not followed yet, while it was asked for.

    One worker swaps between two requests: what is asked for once the new version has answered is the new one's.
    """
    lasts = [following.followed for following in changes[1:]] + [np.inf]
    return any(
        change.version == answer.version and change.begun <= answer.sent + answer.seconds and answer.sent <= last
        for change, last in zip(changes, lasts, strict=True)
    )


def _rate(load: Load) -> float:
    return len(load.right) / (load.right[-1].sent - load.right[0].sent)
