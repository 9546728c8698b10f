"""A reader of the store sees a whole version or none."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from contract.store import Store, open_store
from proofs.promise import BUNDLED, REPO, BrokenPromiseError, Figure, Trial, not_tried, require
from proofs.publisher import Publisher, source
from tests.servers import new_bucket, s3_server

KEPT = 5
"""Versions that stay in the store; it would grow without an end."""


def prove(trial: Trial) -> Iterator[Figure]:
    files = source(trial.folder / "source")
    with (
        s3_server("python", "-m", "tests.moto_server", "-p", "PORT") as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        stores = {"folder": str(trial.folder / "models"), "S3 (moto)": new_bucket(endpoint, patch)}
        for kind, url in stores.items():
            yield from _killed(kind, url, files, trial)
            yield from _two_at_once(kind, url, files, trial.count(100, 3))
    yield _in_a_namespace("full disk", trial.folder / "full", files)
    yield _in_a_namespace("read-only store", trial.folder / "read-only", files)
    yield _clock_that_jumps(trial.folder / "clock", files)


def _killed(kind: str, url: str, files: Path, trial: Trial) -> Iterator[Figure]:
    rng, store = random.Random(trial.seed), open_store(url)
    times, cut, said_so = trial.count(300, 6), 0, 0
    with Reader(store) as reader:
        longest = max(_published(url, files) for _ in range(3))
        while cut < times:
            publisher = Publisher(url, files)
            publisher.begin()
            time.sleep(rng.uniform(0, 1.5 * longest))
            before = store.versions()
            last_word = publisher.killed()
            there = store.versions()
            said_so += last_word is not None
            cut += last_word is None
            require(
                last_word is None or last_word in there, f"{kind}: version {last_word} was published, and is not there"
            )
            require(set(before) <= set(there), f"{kind}: versions {set(before) - set(there)} went when one was killed")
            reader.look()
            if (cut + said_so) % 20 == 0:
                reader.prune()
    _published(url, files)
    yield Figure(
        f"{kind}: publishers killed with SIGKILL at {times} random moments of publishing",
        f"{cut} cut short, {said_so} more had just finished; {len(reader.verified)} versions seen and all whole "
        f"({reader.looks:,} looks); the next publisher got through",
    )


def _published(url: str, files: Path) -> float:
    """Seconds that a publisher takes whom nobody kills."""
    publisher = Publisher(url, files)
    begun = time.monotonic()
    publisher.begin()
    require(isinstance(said := publisher.result(), int), f"nothing can be published: {said}")
    return time.monotonic() - begun


class Reader:
    """Looks at a store without a pause and verifies what is new in it. A context manager."""

    def __init__(self, store: Store) -> None:
        self.verified: set[int] = set()
        self.looks = 0
        self._store = store
        self._looking = threading.Lock()
        self._ended = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        if self._fault:
            raise BrokenPromiseError(f"a reader saw: {self._fault}") from self._fault

    def look(self) -> None:
        with self._looking:
            for version in set(self._store.versions()) - self.verified:
                self._store.verify(version)
                self.verified.add(version)
            self.looks += 1

    def prune(self) -> None:
        """Takes the older versions away, while nobody looks."""
        with self._looking:
            self._store.prune(KEPT)

    def _read(self) -> None:
        while not self._ended and not self._fault:
            try:
                self.look()
                time.sleep(0.001)
            except Exception as error:  # whatever it is, this reader has not seen a whole version
                self._fault = error


def _two_at_once(kind: str, url: str, files: Path, times: int) -> Iterator[Figure]:
    store = open_store(url)
    for _ in range(times):
        before = max(store.versions(), default=0)
        pair = Publisher(url, files), Publisher(url, files)
        for publisher in pair:
            publisher.begin()
        said = [publisher.result() for publisher in pair]
        new = [version for version in store.versions() if version > before]
        require(len(set(said)) == 2 and sorted(map(str, said)) == sorted(map(str, new)), f"{kind}: {said}, but {new}")
        for version in new:
            store.verify(version)
        store.prune(KEPT)
    yield Figure(f"{kind}: two publishers at once, {times} times", "two numbers each time, both versions whole")


def _in_a_namespace(what: str, folder: Path, files: Path) -> Figure:
    """The same module, as a program that may mount file systems which nobody else sees."""
    folder.mkdir()
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    if shutil.which("unshare") is None:
        return not_tried(what, "there is no unshare")
    result = subprocess.run(
        ["unshare", "--mount", *rights, sys.executable, "-m", "proofs.store", what, str(folder), str(files)],
        cwd=REPO, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in result.stderr.partition("\n")[0]:
        return not_tried(what, result.stderr.strip())
    require(result.returncode == 0, f"{what}: {result.stderr}")
    return Figure(what, result.stdout.strip())


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def _on_a_full_disk(folder: Path, files: Path) -> str:
    size = sum(file.stat().st_size for file in files.iterdir())
    _mount("-t", "tmpfs", "-o", f"size={int(2.5 * size)}", "tmpfs", str(folder))
    store, draft = open_store(folder), BUNDLED.manifest(BUNDLED.versions()[-1]).draft()
    versions, failures = [], []
    for _ in range(10):
        try:
            versions.append(store.publish(files, draft).version)
        except OSError as error:
            failures.append(str(error))
    require(versions == store.versions() and 1 <= len(versions) < 10, f"{versions}, {store.versions()}")
    for version in versions:
        store.verify(version)
    left = [path.name for path in (folder / "digits").iterdir() if path.name not in map(str, versions)]
    require(not left, f"left on the full disk: {left}")
    return f"{len(versions)} versions had room and are whole, {len(failures)} publishers said: {_cause(failures[0])}"


def _read_only(folder: Path, files: Path) -> str:
    _mount("-t", "tmpfs", "tmpfs", str(folder))
    store, draft = open_store(folder), BUNDLED.manifest(BUNDLED.versions()[-1]).draft()
    first = store.publish(files, draft).version
    _mount("-o", "remount,ro", str(folder))
    said = []
    for attempt in (lambda: store.publish(files, draft), lambda: store.pin(first), store.require_writable):
        try:
            attempt()
        except OSError as error:
            said.append(_cause(str(error)))
    require(len(said) == 3, f"only {said} failed")
    store.verify(first)
    require(store.versions() == [first], f"{store.versions()}")
    return f"what is there is read; publishing and pinning say: {said[0]}"


def _cause(text: str) -> str:
    return text.partition("] ")[2].partition(":")[0] or text


def _clock_that_jumps(folder: Path, files: Path) -> Figure:
    """Publishers whose clocks say different years; `faketime` is Debian's."""
    store = open_store(folder)
    program = "import sys; from proofs.store import publish_once; publish_once(*sys.argv[1:])"
    what, dates = (
        "a clock that jumps: versions published in 2030, 1980 and 2026",
        ("2030-01-01", "1980-01-01", "2026-06-01"),
    )
    for date in dates:
        command = ["faketime", date, sys.executable, "-c", program, str(folder), str(files)]
        try:
            subprocess.run(command, cwd=REPO, check=True, capture_output=True)
        except FileNotFoundError:
            return not_tried(what, "Debian's package faketime is not installed")
    years = [store.verify(version).created_at.year for version in store.versions()]
    require(years == [2030, 1980, 2026], f"versions of the years {years}")
    require(store.prune(1) == [2] and store.versions() == [1, 3], f"pruned to {store.versions()}")
    _pruned_in_the_future(folder, files)
    return Figure(
        what,
        "numbered in the order of publishing, whichever year they name; the newest is the last. One who prunes and "
        "whose clock is two hours fast tears no version that is being published",
    )


def _pruned_in_the_future(folder: Path, files: Path) -> None:
    """To that clock whatever publishers are writing was abandoned long ago."""
    program = "import sys; from proofs.store import prune_on; prune_on(sys.argv[1])"
    store, published = open_store(folder), []
    command = ["faketime", "-f", "+2h", sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, cwd=REPO, start_new_session=True) as pruner:
        try:
            for _ in range(100):
                with suppress(OSError):  # what it wrote was taken away: nothing is published, and it knows
                    published.append(store.publish(files, BUNDLED.manifest(BUNDLED.versions()[-1]).draft()).version)
                for version in store.versions():
                    store.verify(version)
            require(pruner.poll() is None, "the pruner failed")
        finally:
            os.killpg(pruner.pid, signal.SIGKILL)  # faketime, and what it has started
    require(set(published) <= set(store.versions()), "a published version is gone")


def prune_on(folder: str) -> None:
    while True:
        open_store(folder).prune(10_000)


def publish_once(folder: str, files: str) -> None:
    open_store(folder).publish(Path(files), BUNDLED.manifest(BUNDLED.versions()[-1]).draft())


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    run = {"full disk": _on_a_full_disk, "read-only store": _read_only}[what]
    sys.stdout.write(run(*map(Path, paths)))
