"""The training set: MNIST's digits and what is made of them, put together by all cores."""

import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from threading import Thread
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from contract.spelling import NO_DIGIT
from trainer.clutter import cluttered, more_cluttered
from trainer.digits import Digits, Maker, made, plain
from trainer.errors import WorkerError
from trainer.habits import LABELS, habitual
from trainer.mnist import Mnist
from trainer.outliers import no_digit
from trainer.printed import unwritten
from trainer.redrawing import redrawn
from trainer.signs import more_no_digit

Job = TypeVar("Job")
Result = TypeVar("Result")

CHUNK = 500
"""Pictures made in one go by one process."""

WORKERS = min(8, os.cpu_count() or 1)
"""Processes, of some 140 MB each, of 270 MB where they write numbers."""

SHARES: dict[Maker, float] = {plain: 2, redrawn: 1, cluttered: 0.35, no_digit: 0.6, unwritten: 0.1}
"""Pictures of each kind for every training digit."""

MORE_SHARES: dict[Maker, float] = SHARES | {no_digit: 0.35, more_no_digit: 0.35}
"""The same where a first network learns on: with these alone it refuses fewer letters, and more digits."""

SECOND_SHARES: dict[Maker, float] = {
    plain: 3,
    redrawn: 0.9,
    more_cluttered: 0.5,
    more_no_digit: 1,
    unwritten: 0.2,
}
"""The same for the second network."""

LATER_SHARES: dict[Maker, float] = {
    plain: 1,
    redrawn: 0.2,
    more_cluttered: 0.2,
    more_no_digit: 0.3,
    unwritten: 0.14,
}
"""The same where it learns on: an epoch is a third as long, with each plain digit once."""

NO_DIGITS: tuple[Maker, ...] = (no_digit, more_no_digit)

HABITS = 1.0
"""Pictures with a habit for every training digit that has some."""


def split(mnist: Mnist, seed: int, images: int) -> tuple[Digits, Digits]:
    """Training and validation digits, as MNIST has them: of `images` shuffled ones, a twelfth is for validation."""
    order = np.random.default_rng(seed).permutation(len(mnist.train_images))[:images]
    validation, training = np.split(order, [images // 12])
    digits = Digits(mnist.train_images, mnist.train_labels)
    return digits.at(training), digits.at(validation)


def test_set(mnist: Mnist) -> Digits:
    return Digits(mnist.test_images, mnist.test_labels)


def normalised(digits: Digits, name: str) -> Digits:
    """`digits` as the network sees them."""
    images = make_all([(plain, np.arange(len(digits)))], digits, 0, f"Normalising {name} images")
    return Digits(images, digits.labels)


def training_set(digits: Digits, seed: int, shares: Mapping[Maker, float]) -> Digits:
    """Normalised pictures and labels, kind after kind, digits and non-digits; `seed` decides everything."""
    rng = np.random.default_rng(seed)
    habit = np.flatnonzero(np.isin(digits.labels, LABELS))
    kinds = [
        (maker, np.resize(rng.permutation(len(digits)), round(share * len(digits)))) for maker, share in shares.items()
    ]
    kinds.append((habitual, rng.permutation(habit)[: round(HABITS * len(habit))]))
    images = make_all(kinds, digits, seed, "Drawing training images")
    labels = [
        np.full(len(places), NO_DIGIT, np.uint8) if maker in NO_DIGITS else digits.labels[places]
        for maker, places in kinds
    ]
    visible = images.any(axis=(1, 2))
    return Digits(images[visible], np.concatenate(labels)[visible])


def make_all(kinds: list[tuple[Maker, NDArray[np.int64]]], digits: Digits, seed: int, task: str) -> NDArray[np.uint8]:
    """For each kind a picture of every place, uint8 [n, 28, 28], kind after kind. Raises `WorkerError`."""
    jobs = [(maker, places[i : i + CHUNK], seed) for maker, places in kinds for i in range(0, len(places), CHUNK)]
    return np.concatenate(in_workers(_made, jobs, digits, task))


def _made(digits: Digits, job: tuple[Maker, NDArray[np.int64], int]) -> NDArray[np.uint8]:
    maker, places, seed = job
    return made(maker, digits, places, seed)


def in_workers(work: Callable[[Digits, Job], Result], jobs: list[Job], digits: Digits, task: str) -> list[Result]:
    """What `work` makes of `digits` and each job, by all cores, with a progress bar.

    Where a process dies, all is made once more, by one process: it may be that memory was short. Raises `WorkerError`
    where that one dies, too.
    """
    try:
        return _by_processes(WORKERS, work, jobs, digits, task)
    except BrokenExecutor:
        try:
            return _by_processes(1, work, jobs, digits, f"{task} again")
        except BrokenExecutor as error:
            raise WorkerError("A process that draws pictures was killed, perhaps for lack of memory.") from error


def _by_processes(
    count: int, work: Callable[[Digits, Job], Result], jobs: list[Job], digits: Digits, task: str
) -> list[Result]:
    pool = ProcessPoolExecutor(count, _context(), initializer=_begin, initargs=(digits,))
    try:
        return list(track(pool.map(partial(_with_digits, work), jobs), task, total=len(jobs)))
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """Workers are forks of a process that has this module alone: one that has TensorFlow's threads may hang."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


_digits: Digits
"""In a worker: what it makes pictures of."""


def _begin(digits: Digits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    Thread(target=_end_with_the_parent, daemon=True).start()
    global _digits  # noqa: PLW0603  # a worker's only way to keep what its initializer gets
    _digits = digits


def _end_with_the_parent() -> None:
    """Which may have been killed outright."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _with_digits(work: Callable[[Digits, Job], Result], job: Job) -> Result:
    return work(_digits, job)
